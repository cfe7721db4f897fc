"""How often the API may be called (facts 5.1): calls per corp and per IP, tickets, debugging, wrong secrets, and how
many at once.

The counts are kept in memory, as they are short-lived: a restart of the sandbox forgets them, and the numbers set
through the control API too. Windows and blocks follow the sandbox's own clock. What is limited per member or per day
and has to outlive a restart is counted where it happens (messages, media, moments).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.sandbox.answers import WeComError
from app.sandbox.clock import HOUR, MINUTE

Key = tuple[str, ...]

TICKET_PATHS = ("get_jsapi_ticket", "ticket/get")
UNCOUNTED = ("message/send",)
COUNTED_WHEN_REFUSED = ("auth/getuserinfo", "user/getuserinfo")  # with a valid code they are exempt


@dataclass(frozen=True)
class Limits:
    """The numbers in force; the defaults are WeCom's but for the last three, of which WeCom publishes none.

    corp_*, ip_*: calls of one path · tickets_*: of either kind in an hour, by all apps and by one ·
    debug_minute: calls of one path with debug=1 · wrong_secrets_hour: how many an IP may try before gettoken refuses
    it for an hour · same_media_minute: fetches of one media_id, 45033 beyond · concurrency: calls of a path at the
    same time, paths not named are not limited.
    """

    corp_minute: int = 10_000
    corp_hour: int = 150_000
    ip_minute: int = 20_000
    ip_hour: int = 600_000
    tickets_corp_hour: int = 400
    tickets_app_hour: int = 100
    debug_minute: int = 5
    wrong_secrets_hour: int = 20
    same_media_minute: int = 60
    concurrency: Mapping[str, int] = field(default_factory=lambda: {"externalcontact/mark_tag": 5})


class Meter:
    """Counts calls and refuses those too many. Safe for all threads; a few dictionary accesses per call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self.reset()

    def reset(self, limits: Limits | None = None) -> None:
        """These numbers (None: WeCom's), nothing counted, nothing blocked; calls under way hold their slots."""
        with self._lock:
            self.limits = limits or Limits()
            self._counts: dict[tuple[Key, int], tuple[int, int]] = {}
            self._blocked: dict[Key, tuple[int, int]] = {}

    @contextmanager
    def slot(self, path: str) -> Iterator[bool]:
        """For the length of a call; yields whether more calls of the path are under way than may be."""
        with self._lock:
            self._busy[path] += 1
            crowded = self._busy[path] > self.limits.concurrency.get(path, self._busy[path])
        try:
            yield crowded
        finally:
            with self._lock:
                self._busy[path] -= 1
                if not self._busy[path]:
                    del self._busy[path]

    def count_call(self, path: str, ip: str, agent_id: int, *, debug: bool, now: int) -> None:
        """One more call; raises 45009 where there were too many, for the minute or hour that follows."""
        limits = self.limits
        if path in TICKET_PATHS:
            self._count(("ticket", path), HOUR, limits.tickets_corp_hour, now)
            self._count(("ticket", path, str(agent_id)), HOUR, limits.tickets_app_hour, now)
        if debug:
            self._count(("debug", path), MINUTE, limits.debug_minute, now)
        if path in COUNTED_WHEN_REFUSED:
            self._check(("corp", path), now)
            self._check(("ip", path, ip), now)
        elif path not in UNCOUNTED:
            self._count_base(path, ip, now)

    def count_media(self, media_id: str, now: int) -> None:
        """One more fetch of a file; 45033 where a caller fetches the same one over and over (facts 3.13)."""
        try:
            self._count(("media", media_id), MINUTE, self.limits.same_media_minute, now)
        except WeComError:
            raise WeComError(45033) from None

    def count_refused(self, path: str, ip: str, now: int) -> None:
        """A call of a kind that counts only when it was for nothing."""
        if path in COUNTED_WHEN_REFUSED:
            self._count_base(path, ip, now)

    def check_secret(self, ip: str, now: int) -> None:
        """Raises 45009 for an IP that tried too many wrong secrets within the hour."""
        self._check(("secret", ip), now)

    def count_wrong_secret(self, ip: str, now: int) -> None:
        """A wrong secret was tried; raises 45009 when it is one too many."""
        self._count(("secret", ip), HOUR, self.limits.wrong_secrets_hour, now)

    def _count_base(self, path: str, ip: str, now: int) -> None:
        limits = self.limits
        self._count(("corp", path), MINUTE, limits.corp_minute, now)
        self._count(("corp", path), HOUR, limits.corp_hour, now)
        self._count(("ip", path, ip), MINUTE, limits.ip_minute, now)
        self._count(("ip", path, ip), HOUR, limits.ip_hour, now)

    def _count(self, key: Key, span: int, most: int, now: int) -> None:
        """Add one to the window that runs; beyond `most` the key is blocked for one `span` from now.

        A window begins with the first call after the one before it: a test's few calls are never parted by a clock
        that strikes the minute.
        """
        with self._lock:
            self._refuse_blocked(key, now)
            began, counted = self._counts.get((key, span), (now, 0))
            if not began <= now < began + span:
                began, counted = now, 0
            counted += 1
            self._counts[key, span] = (began, counted)
            if counted > most:
                self._blocked[key] = (now, now + span)
                raise WeComError(45009)

    def _check(self, key: Key, now: int) -> None:
        with self._lock:
            self._refuse_blocked(key, now)

    def _refuse_blocked(self, key: Key, now: int) -> None:
        """A block counts from when it began: a clock set back does not prolong it."""
        since, until = self._blocked.get(key, (0, 0))
        if since <= now < until:
            raise WeComError(45009)
