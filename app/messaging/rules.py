"""When notices are gathered and when a message is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

URGENT_WITHIN = timedelta(hours=1)
GATHER_URGENT = timedelta(seconds=60)
GATHER = timedelta(seconds=120)

MAX_ATTEMPTS = 8
# The first seven waits are at most 5 s, 15 s, 45 s, 2, 7, 20 and 60 minutes: one and a half hours in all, well within
# the four hours for which WeCom recognises a body it has already taken.
FIRST_WAIT_S = 5.0
WAIT_GROWS = 3.0
LONGEST_WAIT_S = 3600.0
# Pauses of a frequency limit and waits that WeCom asks for come on top, however many there are: a message that WeCom
# may have taken is not sent again later than this after its first such attempt.
REPEATABLE_FOR = timedelta(hours=3, minutes=30)
# A claim's life: longer than the port's longest call.
LEASE = timedelta(seconds=60)


def gather_at(now: datetime, deliver_by: datetime) -> datetime:
    """When a notice written now joins a digest: after a minute if it is urgent, otherwise after two.

    Urgent is what shall be delivered within the hour. The wait lets what falls due together arrive together.
    """
    return now + (GATHER_URGENT if deliver_by - now < URGENT_WITHIN else GATHER)


def is_recognised(maybe_sent_at: datetime | None, at: datetime) -> bool:
    """Whether WeCom would surely show a message once that it may have taken then and is sent again now, at `at`."""
    return maybe_sent_at is None or at - maybe_sent_at <= REPEATABLE_FOR


def longest_wait(attempt: int) -> float:
    """The upper bound of the wait after this attempt (1, 2, …), in seconds; half of it is the lower bound."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * WAIT_GROWS ** (attempt - 1))


def wait_after(attempt: int, chance: float, asked_s: float = 0.0) -> timedelta:
    """How long to wait after an attempt; `chance` in [0, 1) spreads it, `asked_s` is what WeCom wants at least."""
    return timedelta(seconds=max(asked_s, longest_wait(attempt) * (0.5 + chance / 2)))
