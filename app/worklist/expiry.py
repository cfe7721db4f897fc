"""The expiry lane: work items whose validity has ended are closed, once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Base, Database
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.timers import Lane, Timer, TimerKey, clear_timers
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

BATCH = 500
SQLITE_BATCH = 100
EXPIRED_REASON = "validity_ended"


def expire_due(database: Database, deadline: Deadline) -> Progress:
    """Close open items past their validity, batch by batch; safe in any number of processes."""
    size = SQLITE_BATCH if database.is_sqlite else BATCH
    done = 0
    while not deadline.has_passed():
        expired = database.in_transaction(lambda session: expire_batch(session, size))
        done += expired
        if expired < size:
            return Progress(done, more=False)
    return Progress(done, more=True)


def expire_batch(session: Session, size: int) -> int:
    """Take at most `size` due expiry timers of members nobody else is busy with; returns how many.

    An item about somebody who is no member yet has no `member_care` row: it is its own mutex.
    """
    now = clock.now(session)
    due = _claim(session, now, size, MemberCare, MemberCare.member_id == Timer.member_id)
    if len(due) < size:
        is_lone = and_(WorkItem.id == Timer.subject_id, Timer.member_id.is_(None))
        due += _claim(session, now, size - len(due), WorkItem, is_lone)
    close_items(session, [key.subject_id for key in due], WorkState.EXPIRED, EXPIRED_REASON, now)
    clear_timers(session, due)
    return len(due)


def _claim(
    session: Session, now: datetime, size: int, mutex: type[Base], is_its: ColumnElement[bool]
) -> list[TimerKey]:
    query = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .join(mutex, is_its)
        .where(Timer.lane == str(Lane.EXPIRY), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return [TimerKey(*row) for row in session.execute(query)]
