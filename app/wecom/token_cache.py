"""Tokens and tickets: kept until shortly before they end, fetched once for everybody who waits.

A process remembers them itself; shared_cache.py shares them between processes. So it does with what must not be
tried for a while: a secret that WeCom refused, an API over its limit.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from app.wecom.errors import WeComError, WeComMisconfigured, WeComRetryable

EARLY_S = 300  # renewed five minutes before WeCom's end
# A wrong secret is not tried again at once: 20 times an hour ban our address. Twice as long each time, from all
# processes together: 9 times in the first hour, then 6.
REFUSED_FOR_S = 60.0
LONGEST_REFUSED_S = 600.0
REFUSALS_REMEMBERED_S = 3600.0  # after its end, to be followed by a longer one
WRONG_SECRET = frozenset({40001, 40013, 40091, 41002, 41004})
FAILED_FOR_S = 2.0  # those who waited for a fetch that failed do not each try it again
USELESS_FOR_S = 10.0  # a renewed token that is refused too is not renewed again at once
LOCK_S = 25.0  # longer than a fetch can take; nobody waits longer for another's


class Kept(NamedTuple):
    """A value, and for how many seconds it lives on."""

    value: str
    left_s: float


class TokenCache(Protocol):
    """Where values are kept, by key, for seconds of real time."""

    def get(self, key: str) -> str | None:
        """The value while it lives, the quickest way."""
        ...

    def get_shared(self, key: str) -> Kept | None:
        """The value as every process sees it."""
        ...

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`."""
        ...

    def forget(self, key: str) -> None:
        """Keep the value no longer, here and wherever it is shared; nor a claim of its key."""
        ...

    def claim(self, key: str, lives_s: float) -> bool:
        """True for one caller of all, until the key is forgotten or for `lives_s`."""
        ...

    def renewing(self, key: str) -> AbstractContextManager[None]:
        """One at a time: whoever is inside renews the value. Raises `WeComRetryable` after a long wait for it."""
        ...


class ProcessCache:
    """In memory; safe for all threads of a process."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, patience_s: float = LOCK_S
    ) -> None:
        """`patience_s`: with whoever renews."""
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._values: dict[str, tuple[str, float]] = {}
        self._claims: dict[str, float] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, key: str) -> str | None:
        """The value while it lives."""
        value, ends_at = self._values.get(key, ("", 0.0))
        return value if self._monotonic() < ends_at else None

    def get_shared(self, key: str) -> Kept | None:
        """Nothing is shared beyond this process."""
        value, ends_at = self._values.get(key, ("", 0.0))
        left_s = ends_at - self._monotonic()
        return Kept(value, left_s) if left_s > 0 else None

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`."""
        self._values[key] = (value, self._monotonic() + lives_s)

    def forget(self, key: str) -> None:
        """Keep the value no longer, nor a claim."""
        self._values.pop(key, None)
        self._claims.pop(key, None)

    def claim(self, key: str, lives_s: float) -> bool:
        """True for one thread."""
        with self._guard:
            now = self._monotonic()
            if now < self._claims.get(key, now):
                return False
            self._claims[key] = now + lives_s
            return True

    @contextmanager
    def renewing(self, key: str) -> Iterator[None]:
        """One thread of this process at a time."""
        with self._guard:
            lock = self._locks[key]
        if not lock.acquire(timeout=self._patience_s):
            raise WeComRetryable("gettoken", "another thread has been renewing it for long")
        try:
            yield
        finally:
            lock.release()


class Renewable:
    """One value that WeCom lends for a while: an access token or a ticket.

    `fetch` gives the value and how many seconds it lives; it raises what the caller of `value` shall see.
    Whose key is distinct for each secret may share that this one is wrong: `refused_together`.
    """

    def __init__(
        self,
        cache: TokenCache,
        key: str,
        fetch: Callable[[], tuple[str, int]],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        refused_together: bool = False,
    ) -> None:
        self._cache = cache
        self._key = key
        self._refusals = Refusals(cache, f"{key}:refused") if refused_together else None
        self._fetch = fetch
        self._monotonic = monotonic
        self._failure: WeComError | None = None
        self._failed_until = 0.0
        self._renewed = ""
        self._renewed_at = 0.0

    def value(self) -> str:
        """The value, fetched if nobody has it; however many ask at once, one fetches."""
        return self._cache.get(self._key) or self.renew(None)

    def renew(self, stale: str | None) -> str:
        """Another value than `stale`, which WeCom refused: one somebody else fetched meanwhile, or a new one.

        Raises without a call where the last fetch failed, or the last renewal was of no use, a moment ago.
        """
        self._refuse_failed()  # before anybody waits
        with self._cache.renewing(self._key):
            found = self._cache.get_shared(self._key)
            if found is not None and found.value != stale:
                return found.value
            self._refuse_too_soon(stale)
            value, lives_s = self._fetch_once()
            self._cache.put(self._key, value, lasting(lives_s))
            if stale is not None:
                self._renewed, self._renewed_at = value, self._monotonic()
            return value

    def _fetch_once(self) -> tuple[str, int]:
        try:
            fetched = self._fetch()
        except WeComError as error:
            pause_s = FAILED_FOR_S
            if isinstance(error, WeComMisconfigured):
                pause_s = self._refusals.add(error) if self._refusals is not None else REFUSED_FOR_S
            self._leave_alone(error, pause_s)
            raise
        if self._refusals is not None:
            self._refusals.end()
        return fetched

    def _refuse_too_soon(self, stale: str | None) -> None:
        self._refuse_failed()
        refused = self._refusals.left() if self._refusals is not None else None
        if refused is not None:
            self._leave_alone(*refused)
            raise refused[0]
        if (
            stale is not None
            and stale == self._renewed
            and self._monotonic() < self._renewed_at + USELESS_FOR_S
        ):
            raise WeComMisconfigured("gettoken", 40014, "a token renewed a moment ago is refused too")

    def _refuse_failed(self) -> None:
        if self._failure is not None and self._monotonic() < self._failed_until:
            raise self._failure.fresh()

    def _leave_alone(self, error: WeComError, pause_s: float) -> None:
        self._failure, self._failed_until = error.fresh(), self._monotonic() + pause_s


class Refusals:
    """How often in a row WeCom refused one secret, shared by all processes. Used by one of them at a time."""

    def __init__(self, cache: TokenCache, key: str) -> None:
        self._cache = cache
        self._key = key
        self._known = False

    def left(self) -> tuple[WeComMisconfigured, float] | None:
        """The refusal that still stands and for how long, whoever met it."""
        found = self._read()
        self._known = found is not None
        if found is None or found[2] <= 0:
            return None
        return found[1], found[2]

    def add(self, error: WeComMisconfigured) -> float:
        """For how long to try no more. What may be this machine's own trouble, its address, is not shared."""
        if error.errcode not in WRONG_SECRET:
            return REFUSED_FOR_S
        found = self._read()
        times = found[0] + 1 if found is not None else 0
        pause_s = min(REFUSED_FOR_S * (1 << min(times, 10)), LONGEST_REFUSED_S)
        text = f"{times} {error.errcode} {error.path} {error.errmsg}"
        self._cache.put(self._key, text, pause_s + REFUSALS_REMEMBERED_S)
        return pause_s

    def end(self) -> None:
        """The secret was taken."""
        if self._known:
            self._cache.forget(self._key)

    def _read(self) -> tuple[int, WeComMisconfigured, float] | None:
        kept = self._cache.get_shared(self._key)
        if kept is None:
            return None
        times, errcode, path, errmsg = kept.value.split(" ", 3)
        error = WeComMisconfigured(path, int(errcode), errmsg)
        return int(times), error, kept.left_s - REFUSALS_REMEMBERED_S


def lasting(lives_s: int) -> float:
    """How long to keep what WeCom says lives `lives_s`: five minutes less, half of it where it is short."""
    return float(lives_s - EARLY_S) if lives_s > 2 * EARLY_S else max(1.0, lives_s / 2)
