"""Taking due timers of work items together with what guards the items, without waiting for anybody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from app.db import Base, read_rows
from app.members.models import MemberCare
from app.timers import Lane, Timer, TimerKey
from app.worklist.models import WorkItem


def claim_items(session: Session, lane: Lane, now: datetime, size: int) -> list[TimerKey]:
    """At most `size` due timers of the lane whose members nobody else is busy with; the members are locked.

    An item about somebody who is no member yet has no `member_care` row: it is its own mutex.
    """
    due = _claim(session, lane, now, size, MemberCare, MemberCare.member_id == Timer.member_id)
    if len(due) < size:
        is_lone = and_(WorkItem.id == Timer.subject_id, Timer.member_id.is_(None))
        due += _claim(session, lane, now, size - len(due), WorkItem, is_lone)
    return due


def _claim(
    session: Session, lane: Lane, now: datetime, size: int, mutex: type[Base], is_its: ColumnElement[bool]
) -> list[TimerKey]:
    query = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .join(mutex, is_its)
        .where(Timer.lane == str(lane), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return sorted(TimerKey(*row) for row in read_rows(session, query))
