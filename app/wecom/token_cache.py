"""Tokens and tickets: kept until shortly before they end, fetched once for everybody who waits.

A process remembers them itself; with Redis they are shared between processes. Redis only accelerates: where it
fails, each process fetches for itself.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import redis
import structlog
from redis.exceptions import LockError, RedisError

from app.wecom.errors import WeComError, WeComMisconfigured

log = structlog.get_logger(__name__)

EARLY_S = 300  # renewed five minutes before WeCom's end
REFUSED_FOR_S = 60.0  # a wrong secret is not tried again at once: repeated, it bans our address for an hour
FAILED_FOR_S = 2.0  # those who waited for a fetch that failed do not each try it again
USELESS_FOR_S = 10.0  # a renewed token that is refused too is not renewed again at once
LOCK_S = 20.0  # longer than a fetch can take
AWAY_S = 5.0  # a Redis that failed is not asked again at once: each time may cost its time-out
KNOWN_FOR_S = 60.0  # a process asks Redis again after this, at the latest


class TokenCache(Protocol):
    """Where values are kept, by key, for seconds of real time."""

    def get(self, key: str) -> str | None:
        """The value while it lives, the quickest way."""
        ...

    def get_shared(self, key: str) -> str | None:
        """The value as every process sees it."""
        ...

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`."""
        ...

    def forget(self, key: str) -> None:
        """Keep the value no longer, here and wherever it is shared."""
        ...

    def renewing(self, key: str) -> AbstractContextManager[None]:
        """One at a time: whoever is inside renews the value."""
        ...


class ProcessCache:
    """In memory; safe for all threads of a process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._values: dict[str, tuple[str, float]] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, key: str) -> str | None:
        """The value while it lives."""
        value, ends_at = self._values.get(key, ("", 0.0))
        return value if self._monotonic() < ends_at else None

    def get_shared(self, key: str) -> str | None:
        """Nothing is shared beyond this process."""
        return self.get(key)

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`."""
        self._values[key] = (value, self._monotonic() + lives_s)

    def forget(self, key: str) -> None:
        """Keep the value no longer."""
        self._values.pop(key, None)

    @contextmanager
    def renewing(self, key: str) -> Iterator[None]:
        """One thread of this process at a time."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            yield


class RedisCache:
    """Shared by all processes that use this Redis, with a process's own memory in front of it."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis.Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=0.5, socket_timeout=1.0
        )
        self._own = ProcessCache()
        self._monotonic = monotonic
        self._away_until = 0.0

    def get(self, key: str) -> str | None:
        """What this process remembers, else what Redis holds."""
        return self._own.get(key) or self.get_shared(key)

    def get_shared(self, key: str) -> str | None:
        """What Redis holds; what this process remembers where Redis fails, failed a moment ago or has forgotten."""
        if self._monotonic() < self._away_until:
            return self._own.get(key)
        try:
            value, lives_ms = self._read(key)
        except RedisError as error:
            self._away_until = self._monotonic() + AWAY_S
            log.warning("redis_failed", doing="read", error=type(error).__name__)
            return self._own.get(key)
        if value is None:
            return self._own.get(key)
        self._own.put(key, value, min(lives_ms / 1000, KNOWN_FOR_S))
        return value

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`, here and in Redis."""
        self._own.put(key, value, lives_s)
        try:
            self._redis.set(key, value, px=int(lives_s * 1000))
        except RedisError as error:
            log.warning("redis_failed", doing="write", error=type(error).__name__)

    def forget(self, key: str) -> None:
        """Keep the value no longer, here and in Redis; another process may remember it for `KNOWN_FOR_S`."""
        self._own.forget(key)
        try:
            self._redis.delete(key)
        except RedisError as error:
            log.warning("redis_failed", doing="forget", error=type(error).__name__)

    @contextmanager
    def renewing(self, key: str) -> Iterator[None]:
        """One thread of all processes at a time; where Redis fails, of this process."""
        with self._own.renewing(key):
            lock = self._redis.lock(
                f"{key}:lock", timeout=LOCK_S, blocking_timeout=LOCK_S, sleep=0.02, thread_local=False
            )
            taken = _taken(lock)
            try:
                yield
            finally:
                if taken:
                    _give_back(lock)

    def _read(self, key: str) -> tuple[str | None, int]:
        pipe = self._redis.pipeline(transaction=True)
        pipe.get(key)
        pipe.pttl(key)
        value, lives_ms = pipe.execute()
        return (value, lives_ms) if value is not None and lives_ms > 0 else (None, 0)


class Renewable:
    """One value that WeCom lends for a while: an access token or a ticket.

    `fetch` gives the value and how many seconds it lives; it raises what the caller of `value` shall see.
    """

    def __init__(
        self,
        cache: TokenCache,
        key: str,
        fetch: Callable[[], tuple[str, int]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = cache
        self._key = key
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
        with self._cache.renewing(self._key):
            found = self._cache.get_shared(self._key)
            if found is not None and found != stale:
                return found
            self._refuse_too_soon(stale)
            value, lives_s = self._fetch_once()
            self._cache.put(self._key, value, lasting(lives_s))
            if stale is not None:
                self._renewed, self._renewed_at = value, self._monotonic()
            return value

    def _fetch_once(self) -> tuple[str, int]:
        try:
            return self._fetch()
        except WeComError as error:
            pause_s = REFUSED_FOR_S if isinstance(error, WeComMisconfigured) else FAILED_FOR_S
            self._failure, self._failed_until = error.fresh(), self._monotonic() + pause_s
            raise

    def _refuse_too_soon(self, stale: str | None) -> None:
        now = self._monotonic()
        if self._failure is not None and now < self._failed_until:
            raise self._failure.fresh()
        if stale is not None and stale == self._renewed and now < self._renewed_at + USELESS_FOR_S:
            raise WeComMisconfigured("gettoken", 40014, "a token renewed a moment ago is refused too")


def lasting(lives_s: int) -> float:
    """How long to keep what WeCom says lives `lives_s`: five minutes less, half of it where it is short."""
    return float(lives_s - EARLY_S) if lives_s > 2 * EARLY_S else max(1.0, lives_s / 2)


def _taken(lock: redis.lock.Lock) -> bool:
    try:
        return bool(lock.acquire())
    except RedisError as error:
        log.warning("redis_failed", doing="lock", error=type(error).__name__)
        return False


def _give_back(lock: redis.lock.Lock) -> None:
    try:
        lock.release()
    except LockError:
        pass  # it took longer than LOCK_S and somebody else has it now
    except RedisError as error:
        log.warning("redis_failed", doing="unlock", error=type(error).__name__)
