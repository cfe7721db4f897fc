"""Fast-forward, sandbox only: business time jumps from due instant to due instant, and everything due is done.

Each jump waits until the lanes are empty, so that whatever falls due opens at its own instant, as it would have lived.
A long journey may live what falls due within one quantum together, at the quantum's end: at most that much late, never
early.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app import clock
from app.lanes import Deadline
from app.timers import REAL_TIME_LANES, Lane, first_dues
from app.worklist.attention import lanes_at_work
from tasks.lanes import Hands, work_on

BUSINESS_LANES = (
    Lane.SWEEP,
    Lane.HANDOVER,
    Lane.MINUTES,
    Lane.DAYS,
    Lane.EXPIRY,
    Lane.BALANCE,
    Lane.URGE,
    Lane.NIGHTLY,
    Lane.DIGEST,
    Lane.CONFIRM,
)
# In the order of their consequences.
LANES = (*BUSINESS_LANES, Lane.PUSH, Lane.ORDER)
SPEAKING_LANES = {Lane.DIGEST, Lane.PUSH, Lane.CONFIRM, Lane.ORDER}
SLICE_S = 5.0
# Sending that cannot be done now (the receiver is away) must not hold time up for ever.
PATIENCE_S = 30.0
BUSY_S = 0.05
EXACTLY = timedelta(0)
MINUTE = timedelta(minutes=1)
# Where grids begin: at odd hours, that one of two hours has its last instant an hour before China's stores close.
GRIDS_BEGIN = datetime(1970, 1, 1, 1, tzinfo=UTC)

Follow = Callable[[timedelta], None]


def live_until(
    hands: Hands,
    target: datetime,
    follow: Follow,
    is_over: Callable[[], bool] = lambda: False,
    quantum: timedelta = EXACTLY,
    *,
    stops_over: bool = False,
) -> bool:
    """Bring business time to `target`, doing everything that falls due before it at its own instant.

    With a `quantum`, that instant is the first whole multiple of it (see `on_grid`, or the target if that is
    sooner) not before the due one: nothing is early, nothing is later than a quantum by the journey's doing.
    True on arrival, False where `is_over` said on the way that this process is to end.

    `follow` tells the sandbox the offset before anything is sent at it, and on arrival. Where it `stops_over`, to go on
    at once, what falls due at the target itself is left to the next stage of the journey, together with what the caller
    brings about there, and the sandbox is not told.

    Safe beside a ringing clock process: both find the same work and each piece is done once.
    """
    journey = _Journey(hands, target, follow, is_over, quantum)
    while not is_over():
        waiting = journey.look_and_jump()
        if journey.arrived and stops_over:
            return not is_over()
        if waiting:
            journey.work(waiting)
        elif journey.arrived:
            journey.tell_offset()
            return not is_over()
    return False


def on_grid(instant: datetime, quantum: timedelta) -> datetime:
    """The first whole multiple of the quantum, counted from `GRIDS_BEGIN`, not before the instant.

    The instant itself for a zero one.
    """
    return instant if not quantum else instant + (GRIDS_BEGIN - instant) % quantum


@dataclass(slots=True)
class _Journey:
    """Where business time stands on its way, as one look at the tables told."""

    hands: Hands
    target: datetime
    follow: Follow
    is_over: Callable[[], bool]
    quantum: timedelta
    arrived: bool = False
    offset: timedelta | None = None
    told: timedelta | None = None
    stuck_since: float | None = None

    def look_and_jump(self) -> list[Lane]:
        """The lanes in which something is due now; where nothing is, time jumps on first, unless it has arrived."""
        with self.hands.database.transaction() as session:
            # What headquarters has paused does not hold time up.
            dues, moment = first_dues(session, lanes_at_work(session, LANES)), clock.moment(session)
            self.offset = moment.offset
            waiting = _due_at(dues, moment.business, moment.real)
            if waiting and not self._gave_up(waiting):
                return waiting
            self.arrived = moment.business >= self.target
            if self.arrived:
                return []
            nexts = [on_grid(dues[lane], self.quantum) for lane in BUSINESS_LANES if lane in dues]
            step_to = max(moment.business, min([self.target, *nexts]))
            self.offset = clock.jump_to(session, step_to)
            self.arrived = step_to >= self.target
            self.stuck_since = None
        return _due_at({lane: dues[lane] for lane in BUSINESS_LANES if lane in dues}, step_to, step_to)

    def work(self, waiting: list[Lane]) -> None:
        """Do what is due; where others are at it, let them finish."""
        if not SPEAKING_LANES.isdisjoint(waiting):
            self.tell_offset()
        done = sum(work_on(self.hands, lane, Deadline(SLICE_S, self.is_over)).done for lane in waiting)
        if done:
            return
        self.stuck_since = self.stuck_since or time.monotonic()
        time.sleep(BUSY_S)

    def tell_offset(self) -> None:
        """Let the sandbox's clock follow, if it does not yet."""
        if self.offset is not None and self.offset != self.told:
            self.follow(self.offset)
            self.told = self.offset

    def _gave_up(self, waiting: list[Lane]) -> bool:
        stuck = self.stuck_since is not None and time.monotonic() - self.stuck_since > PATIENCE_S
        return stuck and REAL_TIME_LANES.issuperset(waiting)


def _due_at(dues: dict[Lane, datetime], business: datetime, real: datetime) -> list[Lane]:
    return [lane for lane, due in dues.items() if due <= (real if lane in REAL_TIME_LANES else business)]
