"""Fast-forward, sandbox only: business time jumps from due instant to due instant, and everything due is done.

Each jump waits until the lanes are empty, so that whatever falls due opens at its own instant, as it would have lived.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from app import clock
from app.lanes import Deadline
from app.timers import Lane, next_due
from tasks.lanes import Hands, run_lane

BUSINESS_LANES = (Lane.MINUTES, Lane.DAYS, Lane.EXPIRY, Lane.DIGEST)
SLICE_S = 5.0
# Work that cannot be done now (the receiver is away) must not hold time up for ever.
PATIENCE_S = 30.0
BUSY_S = 0.05

Follow = Callable[[timedelta], None]


def live_until(
    hands: Hands, target: datetime, follow: Follow, is_over: Callable[[], bool] = lambda: False
) -> bool:
    """Bring business time to `target`, doing everything that falls due before it at its own instant.

    True on arrival, False where `is_over` said on the way that this process is to end.

    `follow` tells the sandbox the new offset before anything is done at it. Safe beside a ringing clock process:
    both find the same work and each piece is done once.
    """
    drain(hands, is_over)
    while not is_over():
        with hands.database.transaction() as session:
            due = next_due(session, BUSINESS_LANES)
            now = clock.now(session)
            step_to = max(now, min(target, due if due is not None else target))
            offset = clock.jump_to(session, step_to)
        follow(offset)
        drain(hands, is_over)
        if step_to >= target:
            return not is_over()
        if due is not None and due < now:
            time.sleep(BUSY_S)  # somebody else is at it: let them finish
    return False


def drain(hands: Hands, is_over: Callable[[], bool] = lambda: False) -> None:
    """Do everything that is due at this instant, in the order of its consequences."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        lanes = (*BUSINESS_LANES, Lane.PUSH)
        done = sum(run_lane(hands, lane, Deadline(SLICE_S, is_over)).done for lane in lanes)
        if not done:
            return
