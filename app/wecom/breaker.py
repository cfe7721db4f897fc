"""Leaving WeCom alone for as long as it wants: an API over its frequency limit, an app whose new token is refused."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.clock import machine_now
from app.wecom.errors import WeComMisconfigured, WeComPaused
from app.wecom.token_cache import Kept, TokenCache

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0
SHANGHAI_S = 8 * HOUR_S  # ahead of UTC, all year: where WeCom's day ends
REMEMBERED_S = DAY_S  # after its end a block is remembered for so long, to be followed by a longer one
PROBE_S = 20.0  # how long everybody waits for the first call after a block: longer than its answer can take
SHARED_AGAIN_S = 2.0  # how soon a process sees a block that another one met
DISTRUSTED_S = 10.0
LONGEST_DISTRUST_S = 320.0
WHOLE_APP = "*"


def _machine_s() -> float:
    return machine_now().timestamp()


@dataclass(frozen=True, slots=True)
class Block:
    """`level`: how many blocks there were before it in a row; `until_s` by the clock of this process alone.

    Processes share for how long a block lasts on, by the clock of whatever they share it through: theirs may disagree.
    """

    level: int
    name: str
    until_s: float

    @classmethod
    def decode(cls, kept: Kept | None, now_s: float) -> Block | None:
        """What the cache keeps; None for nothing and for what is no block."""
        if kept is None:
            return None
        level, _, name = kept.value.partition(" ")
        if not level.isdecimal() or not name:
            return None
        return cls(int(level), name, now_s + kept.left_s - REMEMBERED_S)

    def encode(self) -> str:
        """As the cache keeps it, until `REMEMBERED_S` after its end."""
        return f"{self.level} {self.name}"


class FrequencyBreaker:
    """No call of an API that answered 45009 until its natural block is over (facts 5.1), in any process.

    60 s first, for a minute's limit; where the first call after that is refused as well, an hour; then the rest of
    WeCom's day. The first call after a block goes alone among all processes that share the cache, and any answer but
    45009 ends the row.
    """

    def __init__(
        self,
        cache: TokenCache,
        key: str,
        monotonic: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = _machine_s,
    ) -> None:
        self._cache = cache
        self._key = key
        self._monotonic = monotonic
        self._wall_s = wall_s
        self._guard = threading.Lock()
        self._known: dict[str, tuple[Block | None, float]] = {}
        self._probed_until: dict[str, float] = {}

    def check(self, path: str) -> float:
        """When the call begins, for `refused` and `answered`. Raises `WeComPaused` where it must not."""
        now = self._monotonic()
        block, read_at = self._known.get(path, (None, -math.inf))
        if now - read_at >= SHARED_AGAIN_S:
            self._known[path] = block, now  # one thread asks, the others need not
            block = self._read(path, now)
        if block is not None:
            self._wait_for(path, block, now)
        return now

    def refused(self, path: str, began_s: float) -> float:
        """45009 to a call that began then; for how many seconds to leave the API alone."""
        with self._guard:
            now = self._monotonic()
            block = self._read(path, now)
            if block is None or block.until_s <= now:
                block = self._begin(path, block, began_s, now)
            self._probed_until.pop(path, None)
            return block.until_s - now

    def answered(self, path: str, began_s: float) -> None:
        """Something else than 45009: the row ends, unless it was another call that was refused meanwhile."""
        block, _ = self._known.get(path, (None, 0.0))
        if block is None or began_s < block.until_s:
            return
        with self._guard:
            self._cache.forget(self._at(path))
            self._known[path] = None, self._monotonic()
            self._probed_until.pop(path, None)

    def _begin(self, path: str, before: Block | None, began_s: float, now: float) -> Block:
        """A block; a longer one where the refused call was made after the end of the one before it."""
        level = 0 if before is None else before.level + (began_s >= before.until_s)
        lasts_s = blocked_for(level, self._wall_s())
        block = Block(level, secrets.token_hex(4), now + lasts_s)
        self._cache.put(self._at(path), block.encode(), lasts_s + REMEMBERED_S)
        self._known[path] = block, now
        return block

    def _read(self, path: str, now: float) -> Block | None:
        """The block as everybody sees it. The cache may forget, but nobody ends a block early."""
        known, _ = self._known.get(path, (None, 0.0))
        block = Block.decode(self._cache.get_shared(self._at(path)), now)
        if known is not None and (block is None or block.name == known.name):
            # Read anew, its end comes a moment later each time; a call begun after the end must stay so.
            if block is None and known.until_s <= now:
                known = None
            block = known
        self._known[path] = block, now
        return block

    def _wait_for(self, path: str, block: Block, now: float) -> None:
        with self._guard:
            until = max(block.until_s, self._probed_until.get(path, 0.0))
            if now >= until:
                if self._cache.claim(self._at(path), PROBE_S):
                    self._probed_until[path] = now + PROBE_S
                    return
                until = self._probed_until[path] = now + SHARED_AGAIN_S  # another process's call is under way
        raise WeComPaused(path, "left alone: over its frequency limit", wait_s=until - now)

    def _at(self, path: str) -> str:
        return f"{self._key}:{path}"


def blocked_for(level: int, now_s: float) -> float:
    """How long WeCom blocks an API whose limit was met so many times in a row (facts 5.1), in seconds."""
    if level == 0:
        return MINUTE_S
    if level == 1:
        return HOUR_S
    return DAY_S - (now_s + SHANGHAI_S) % DAY_S


class Distrust:
    """No call for a while after a token that was renewed for it is refused too: 10 s, then twice as long each time.

    Where the token is good for other calls it is this API's alone that wait: it wants another kind of token.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._good = ""
        self._waits: dict[str, tuple[int, float]] = {}

    def check(self, path: str) -> None:
        """Raises `WeComMisconfigured`, without a call, where the last renewal was of no use a moment ago."""
        if not self._waits:
            return
        now = self._monotonic()
        for who in (WHOLE_APP, path):
            if now < self._waits.get(who, (0, 0.0))[1]:
                raise WeComMisconfigured(
                    path, 40014, "left alone: a token renewed a moment ago is refused too"
                )

    def refused(self, path: str, token: str) -> None:
        """The token was renewed for this very call."""
        with self._guard:
            now, who = self._monotonic(), path if token == self._good else WHOLE_APP
            times, until = self._waits.get(who, (0, 0.0))
            if now >= until:
                self._waits[who] = times + 1, now + min(DISTRUSTED_S * 2**times, LONGEST_DISTRUST_S)

    def accepted(self, path: str, token: str) -> None:
        """The call went through."""
        self._good = token
        if self._waits:
            with self._guard:
                self._waits.pop(WHOLE_APP, None)
                self._waits.pop(path, None)
