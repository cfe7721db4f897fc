"""What the tables say of a stretch of time, for `scripts/bench lost-day`: when steps fell due, opened and were told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.messaging.models import MessageState, Notice, OutboundMessage
from app.timers import Lane, Timer
from app.worklist.models import WorkItem

FIRST_STEP = 1
A_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds: the median, of a hundred the last but one, and the most."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Each is a value that came up; of none all are infinite."""
        ordered = sorted(seconds) or [math.inf]
        return cls(_at(ordered, 50), _at(ordered, 99), ordered[-1])

    def __str__(self) -> str:
        return f"p50 {self.p50:.1f} s, p99 {self.p99:.1f} s, most {self.most:.1f} s"


def _at(ordered: Sequence[float], percent: int) -> float:
    return ordered[-(-len(ordered) * percent // 100) - 1]


class Promise(NamedTuple):
    """A 30-minute step that was opened: when it fell due, and the seconds from then to opened and to delivered."""

    due_at: datetime
    opening_s: float
    telling_s: float  # infinite where nobody was told


@dataclass(frozen=True, slots=True)
class Promises:
    """Of `owed` series that began in a stretch of time, the 30-minute steps that were opened."""

    owed: int
    opened: Sequence[Promise]

    @property
    def missing(self) -> int:
        """How many were not opened, or of how many nobody was told."""
        return self.owed - sum(one.telling_s < math.inf for one in self.opened)

    def due_until(self, instant: datetime) -> Promises:
        """Those of the opened ones that fell due until then."""
        some = [one for one in self.opened if one.due_at <= instant]
        return Promises(len(some), some)

    @property
    def opening(self) -> Spread:
        """From due to opened."""
        return Spread.of([one.opening_s for one in self.opened])

    @property
    def telling(self) -> Spread:
        """From due to delivered."""
        return Spread.of([one.telling_s for one in self.opened])


def owed_and_opened(session: Session, since: datetime) -> tuple[int, int]:
    """How many series began since then, and how many of their first steps have a record."""
    query = select(func.count(Enrollment.id), func.count(StepRecord.enrollment_id)).outerjoin(
        StepRecord, (StepRecord.enrollment_id == Enrollment.id) & (StepRecord.step_no == FIRST_STEP)
    )
    owed, recorded = session.execute(query.where(Enrollment.enrolled_at >= since)).one()
    return owed, recorded


def read_promises(session: Session, since: datetime, after_notice: int) -> Promises:
    """All of the series that began since then; their notices were written after the one with this id."""
    owed, _ = owed_and_opened(session, since)
    opened = (
        select(WorkItem.id, StepRecord.due_at, WorkItem.opened_at)
        .select_from(Enrollment)
        .join(StepRecord, (StepRecord.enrollment_id == Enrollment.id) & (StepRecord.step_no == FIRST_STEP))
        .join(FollowUpTask, FollowUpTask.id == StepRecord.task_id)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(Enrollment.enrolled_at >= since)
    )
    told = (
        select(Notice.work_item_id, func.min(OutboundMessage.delivered_at))
        .join(OutboundMessage, OutboundMessage.id == Notice.message_id)
        .where(Notice.id > after_notice, OutboundMessage.state == MessageState.DELIVERED)
        .group_by(Notice.work_item_id)
    )
    delivered = dict(session.execute(told).all())
    return Promises(
        owed,
        [
            Promise(due_at, _seconds(due_at, opened_at), _seconds(due_at, delivered.get(item_id)))
            for item_id, due_at, opened_at in session.execute(opened)
        ],
    )


def _seconds(due_at: datetime, at: datetime | None) -> float:
    return math.inf if at is None else (at - due_at) / A_SECOND


def last_notice(session: Session) -> int:
    """The id of the last one written."""
    return session.scalar(select(func.max(Notice.id))) or 0


def count_overdue(session: Session) -> int:
    """How many steps wait for an instant that has come, in either lane."""
    lanes = [str(lane) for lane in (Lane.MINUTES, Lane.DAYS)]
    query = select(func.count()).where(Timer.lane.in_(lanes), Timer.due_at <= clock.now(session))
    return session.scalar(query) or 0


def drained(session: Session, due_until: datetime, since: datetime, until: datetime) -> tuple[int, datetime]:
    """How many steps that were due then already got their record between these two instants, and when the last did."""
    query = select(func.count(), func.max(StepRecord.recorded_at)).where(StepRecord.due_at <= due_until)
    count, last = session.execute(query.where(StepRecord.recorded_at.between(since, until))).one()
    return count, last or since
