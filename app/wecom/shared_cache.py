"""What processes share, with each one's own memory in front: through Redis, else through the database.

Sharing only accelerates: where it fails, a process goes on with what it remembers and fetches for itself.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import redis
import structlog
from redis.exceptions import RedisError

from app.wecom.sealing import Seal
from app.wecom.token_cache import LOCK_S, Kept, ProcessCache

T = TypeVar("T")
log = structlog.get_logger(__name__)

POLL_S = 0.05  # how often those who wait for a fetch look
AWAY_S = 5.0  # a store that failed is not asked again at once: each time may cost its time-out
KNOWN_FOR_S = 60.0  # a process asks the store again after this, at the latest
# Gives a claim back, unless it ended and somebody else has it now.
GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class StoreAway(Exception):
    """The store did not answer as it should. The text is the kind of error: no address, no value."""


class Store(Protocol):
    """Where values lie for all processes, on one clock. Every method raises `StoreAway` and takes seconds at most."""

    def read(self, key: str) -> Kept | None:
        """The value and how long it lives on."""
        ...

    def write(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value; claims stand."""
        ...

    def delete(self, key: str) -> None:
        """Drop the value and whatever claim there is."""
        ...

    def claim(self, key: str, holder: str, lives_s: float) -> bool:
        """True for one holder at a time, until given back or for `lives_s`."""
        ...

    def give_back(self, key: str, holder: str) -> None:
        """End the claim, if it is still the holder's."""
        ...


class SharedCache:
    """Implements `TokenCache` for all processes that use one store."""

    def __init__(self, store: Store, seal: Seal, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._seal = seal
        self._own = ProcessCache(monotonic)
        self._fresh_until: dict[str, float] = {}
        self._monotonic = monotonic
        self._away_until = 0.0

    def get(self, key: str) -> str | None:
        """What this process learnt a moment ago, else what is shared, else what it remembers."""
        own = self._own.get(key)
        if own is not None and self._monotonic() < self._fresh_until.get(key, 0.0):
            return own
        kept = self.get_shared(key)
        return own if kept is None else kept.value

    def get_shared(self, key: str) -> Kept | None:
        """What the store holds; what this process remembers where the store is away."""
        try:
            kept = self._asked("read", lambda: self._store.read(key))
        except StoreAway:
            return self._own.get_shared(key)
        value = self._seal.open(key, kept.value) if kept is not None else None
        if kept is None or value is None:
            return None
        self._remember(key, value, kept.left_s)
        return Kept(value, kept.left_s)

    def put(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value for `lives_s`, here and for everybody."""
        self._remember(key, value, lives_s)
        self._told("write", lambda: self._store.write(key, self._seal.close(key, value), lives_s))

    def forget(self, key: str) -> None:
        """Keep the value no longer, nor a claim; another process may remember it for `KNOWN_FOR_S`."""
        self._own.forget(key)
        self._told("forget", lambda: self._store.delete(key))

    def claim(self, key: str, lives_s: float) -> bool:
        """True for one caller of all processes; where the store is away, of this one."""
        try:
            return self._asked("claim", lambda: self._store.claim(key, secrets.token_hex(8), lives_s))
        except StoreAway:
            return self._own.claim(key, lives_s)

    @contextmanager
    def renewing(self, key: str) -> Iterator[None]:
        """One thread of all processes at a time, for `LOCK_S`; where the store is away, of this process."""
        holder, give_up_at = secrets.token_hex(8), self._monotonic() + LOCK_S
        with self._own.renewing(key):
            taken = self._take(key, holder, give_up_at)
            try:
                yield
            finally:
                if taken:
                    self._told("unlock", lambda: self._store.give_back(key, holder))

    def _take(self, key: str, holder: str, give_up_at: float) -> bool:
        """Wait for the claim, but no longer than anybody may hold it."""
        pause = threading.Event()
        while True:
            try:
                if self._asked("lock", lambda: self._store.claim(key, holder, LOCK_S)):
                    return True
            except StoreAway:
                return False
            if self._monotonic() >= give_up_at:
                return False
            pause.wait(POLL_S)

    def _remember(self, key: str, value: str, lives_s: float) -> None:
        self._own.put(key, value, lives_s)
        self._fresh_until[key] = self._monotonic() + KNOWN_FOR_S

    def _asked(self, doing: str, ask: Callable[[], T]) -> T:
        """The store's answer. One that failed a moment ago is not asked."""
        if self._monotonic() < self._away_until:
            raise StoreAway("a moment ago")
        try:
            return ask()
        except StoreAway as error:
            self._away_until = self._monotonic() + AWAY_S
            log.warning("shared_cache_failed", doing=doing, error=str(error))
            raise

    def _told(self, doing: str, tell: Callable[[], None]) -> None:
        try:
            self._asked(doing, tell)
        except StoreAway:
            return


class RedisStore:
    """Values as Redis keys that end by themselves, claims beside them."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=0.5, socket_timeout=1.0
        )

    def read(self, key: str) -> Kept | None:
        """The value and how long it lives on."""
        with _failing():
            pipe = self.redis.pipeline(transaction=True)
            pipe.get(key)
            pipe.pttl(key)
            value, lives_ms = pipe.execute()
        return Kept(value, lives_ms / 1000) if value is not None and lives_ms > 0 else None

    def write(self, key: str, value: str, lives_s: float) -> None:
        """Keep a value; claims stand."""
        with _failing():
            self.redis.set(key, value, px=int(lives_s * 1000))

    def delete(self, key: str) -> None:
        """Drop the value and whatever claim there is."""
        with _failing():
            self.redis.delete(key, _claim(key))

    def claim(self, key: str, holder: str, lives_s: float) -> bool:
        """True for one holder at a time."""
        with _failing():
            return bool(self.redis.set(_claim(key), holder, nx=True, px=int(lives_s * 1000)))

    def give_back(self, key: str, holder: str) -> None:
        """End the claim, if it is still the holder's."""
        with _failing():
            self.redis.eval(GIVE_BACK, 1, _claim(key), holder)


class RedisCache(SharedCache):
    """Shared by all processes that use this Redis and have the same secret."""

    def __init__(self, url: str, secret_key: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(RedisStore(url), Seal(secret_key), monotonic)


def _claim(key: str) -> str:
    return f"{key}:claim"


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StoreAway(type(error).__name__) from None
