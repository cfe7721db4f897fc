"""What follow-ups wrote about some members: series, records, tasks, work items, and whether their timers stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.timers import Lane, Timer
from app.worklist.models import SeenTouch, WorkItem, WorkKind


class Written:
    """Everything written about some members. `has_timer` of series and work items: theirs stands.

    `seen_by`: when what no task of theirs asked for reached them.
    """

    def __init__(self, session: Session, member_ids: Sequence[int]) -> None:
        self.series: dict[tuple[int, int], list[Any]] = defaultdict(list)
        self.plans_of: dict[int, set[int]] = defaultdict(set)
        self.series_by_id: dict[int, Any] = {}
        for row in _series(session, member_ids):
            self.series[row.member_id, row.plan_id].append(row)
            self.plans_of[row.member_id].add(row.plan_id)
            self.series_by_id[row.id] = row
        self.records: dict[tuple[int, int], Any] = {}
        for row in _of_series(session, StepRecord, member_ids):
            self.records[row.enrollment_id, row.step_no] = row
        self.tasks = {row.id: row for row in _of_series(session, FollowUpTask, member_ids)}
        self.task_of = {row.work_item_id: row for row in self.tasks.values()}
        self.items: dict[int, Any] = {}
        self.items_of: dict[int, list[Any]] = defaultdict(list)
        for row in _items(session, member_ids):
            self.items[row.id] = row
            self.items_of[row.member_id].append(row)
        self.seen_by: dict[int, list[datetime]] = defaultdict(list)
        seen = select(SeenTouch.member_id, SeenTouch.seen_at).where(SeenTouch.member_id.in_(member_ids))
        for member_id, seen_at in session.execute(seen):
            self.seen_by[member_id].append(seen_at)


def _series(session: Session, member_ids: Sequence[int]) -> Sequence[Any]:
    table, timers = table_of(Enrollment), table_of(Timer)
    its = and_(
        timers.c.lane == table.c.next_lane,
        timers.c.due_at == table.c.next_due_at,
        timers.c.subject_id == table.c.id,
    )
    query = (
        select(table, timers.c.subject_id.is_not(None).label("has_timer"))
        .outerjoin_from(table, timers, its)
        .where(table.c.member_id.in_(member_ids))
        .order_by(table.c.id)
    )
    return session.connection().execute(query).all()


def _of_series(session: Session, model: Any, member_ids: Sequence[int]) -> Sequence[Any]:
    table, series = table_of(model), table_of(Enrollment)
    query = select(table).join(series, series.c.id == table.c.enrollment_id)
    return session.connection().execute(query.where(series.c.member_id.in_(member_ids))).all()


def _items(session: Session, member_ids: Sequence[int]) -> Sequence[Any]:
    table, timers = table_of(WorkItem), table_of(Timer)
    its = and_(
        timers.c.lane == str(Lane.EXPIRY),
        timers.c.due_at == table.c.valid_until,
        timers.c.subject_id == table.c.id,
    )
    query = (
        select(table, timers.c.subject_id.is_not(None).label("has_timer"))
        .outerjoin_from(table, timers, its)
        .where(table.c.member_id.in_(member_ids), table.c.kind == WorkKind.FOLLOW_UP)
        .order_by(table.c.opened_at, table.c.id)
    )
    return session.connection().execute(query).all()
