"""How long an event from WeCom may be worked on, and when one that failed is tried again. Pure."""

from __future__ import annotations

from datetime import timedelta

# Longer than a handler looks at WeCom: several calls, each with its own limit.
LEASE = timedelta(seconds=120)
# So long after a claim its last looks may begin: the rest of the lease is for them to end in.
BEGIN_WITHIN = timedelta(seconds=40)
# Failures that are the event's own; what WeCom's troubles spoil is tried for as long as they last.
MOST_FAILURES = 5
# An app that lacks a permission is somebody's to mend, so it is waited for; after the better part of a day (most waits
# are ten minutes) the event joins those that are listed and can be tried again.
FORGIVING_ATTEMPTS = 150
FIRST_WAIT_S = 2.0
WAIT_GROWS = 3.0
LONGEST_WAIT_S = 600.0


def longest_wait(attempt: int) -> float:
    """The upper bound of the wait after this attempt (1, 2, …), in seconds; half of it is the lower bound."""
    return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * WAIT_GROWS ** min(attempt - 1, 10)))


def wait_after(attempt: int, chance: float, asked_s: float = 0.0) -> timedelta:
    """How long to wait after an attempt; `chance` in [0, 1) spreads it, `asked_s` is what WeCom wants at least."""
    return timedelta(seconds=max(asked_s, longest_wait(attempt) * (0.5 + chance / 2)))
