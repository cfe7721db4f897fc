"""Taking due timers of work items together with what guards the items, without waiting for anybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, select
from sqlalchemy.orm import Session

from app.db import read_rows, table_of
from app.members.models import MemberCare
from app.timers import Lane, Timer, TimerKey
from app.worklist.models import WorkItem

TIMERS, CARE, ITEMS = table_of(Timer), table_of(MemberCare), table_of(WorkItem)


def _due(mutex: Table, is_its: ColumnElement[bool]) -> Select[Any]:
    """Always from timers to owners, each looked up: MariaDB may take a table that grew quickly for an empty one, and
    read, and lock, all of it.
    """
    return (
        select(TIMERS.c.lane, TIMERS.c.due_at, TIMERS.c.subject_id)
        .prefix_with("STRAIGHT_JOIN", dialect="mysql")
        .with_hint(mutex, "FORCE INDEX FOR JOIN (PRIMARY)", dialect_name="mysql")
        .join(mutex, is_its)
        .where(TIMERS.c.lane == bindparam("lane"), TIMERS.c.due_at <= bindparam("now"))
        .order_by(TIMERS.c.due_at, TIMERS.c.subject_id)
        .limit(bindparam("size"))
        .with_for_update(skip_locked=True)
    )


OF_MEMBERS = _due(CARE, CARE.c.member_id == TIMERS.c.member_id)
OF_NOBODY = _due(ITEMS, and_(ITEMS.c.id == TIMERS.c.subject_id, TIMERS.c.member_id.is_(None)))


def claim_items(session: Session, lane: Lane, now: datetime, size: int) -> list[TimerKey]:
    """At most `size` due timers of the lane whose members nobody else is busy with; the members are locked.

    An item about somebody who is no member yet has no `member_care` row: it is its own mutex.
    """
    due = _claim(session, OF_MEMBERS, lane, now, size)
    if len(due) < size:
        due += _claim(session, OF_NOBODY, lane, now, size - len(due))
    return due


def _claim(session: Session, query: Select[Any], lane: Lane, now: datetime, size: int) -> list[TimerKey]:
    asked = {"lane": str(lane), "now": now, "size": size}
    return sorted(TimerKey(*row) for row in read_rows(session, query, asked))
