"""Steps of other series that one task serves as well, and asking about them again where that task is stopped.

What falls on one day for one member is one task. The steps that gave it up have a record that says so (merged, same
day) and names the task. Where the task is closed undone because its *own* series was stopped, the others were not: they
go back to being asked about, as if they had waited for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from app.db import is_among, table_of, upsert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import versions
from app.follow_ups.records import Waiting, anchor_of, lane_of
from app.follow_ups.rules import valid_until
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason, WaitingFor
from app.stores.queries import stores_by_id
from app.timers import TimerKey, clear_timers, set_timers
from app.worklist.models import WorkItem


def follow(session: Session, instead: Mapping[int, int], now: datetime) -> None:
    """What work items served besides is served by the tasks (work item → task) that are opened instead of them now."""
    if not instead:
        return
    tasks = table_of(FollowUpTask)
    query = select(tasks.c.id, tasks.c.work_item_id).where(tasks.c.work_item_id.in_(sorted(instead)))
    records = table_of(StepRecord)
    for task_id, item_id in session.execute(query).all():
        members = select(WorkItem.member_id).where(WorkItem.id == item_id)
        series = select(Enrollment.id).where(Enrollment.member_id.in_(members))
        merged = update(records).where(
            records.c.enrollment_id.in_(series), records.c.task_id == task_id, is_merged()
        )
        session.connection().execute(merged.values(task_id=instead[item_id], recorded_at=now))


def ask_again(
    session: Session, item_ids: Collection[int], but_not: Collection[int], now: datetime
) -> list[int]:
    """Of work items that were stopped: the steps they served besides are due now, if they are still worth it.

    `but_not`: series that were stopped with them. A step whose series has gone on meanwhile has given way to the next
    and stays as it is. Returns the series that had come to their end and go on.
    """
    if not item_ids:
        return []
    rows = [row for row in _merged_into(session, item_ids) if row.id not in but_not]
    known = versions(session, {row.plan_version_id for row in rows})
    stores = stores_by_id(session, {row.store_id for row in rows})
    steps = {row.id: known[row.plan_version_id].step(row.step_no) for row in rows}
    rows = [
        row for row in rows if valid_until(steps[row.id], anchor_of(row), stores[row.store_id].hours) > now
    ]
    waiting = {row.id: Waiting(row.step_no, lane_of(steps[row.id]), now, WaitingFor.SAME_DAY) for row in rows}
    _forget(session, rows)
    clear_timers(
        session, [TimerKey(row.next_lane, row.next_due_at, row.id) for row in rows if row.next_due_at]
    )
    columns = table_of(Enrollment).c.keys()
    upsert_rows(
        session,
        Enrollment,
        [{name: row._mapping[name] for name in columns} | waiting[row.id].columns() for row in rows],
    )
    set_timers(session, [(TimerKey(lane_of(steps[row.id]), now, row.id), row.member_id) for row in rows])
    return [row.id for row in rows if row.state == EnrollmentState.FINISHED]


def _merged_into(session: Session, item_ids: Collection[int]) -> Sequence[Any]:
    """The series whose last record says that its step became one with the task of one of these work items."""
    members = select(WorkItem.member_id).where(is_among(table_of(WorkItem).c.id, item_ids))
    tasks = select(FollowUpTask.id).where(is_among(table_of(FollowUpTask).c.work_item_id, item_ids))
    later = aliased(StepRecord)
    series, records = table_of(Enrollment), table_of(StepRecord)
    query = (
        select(*series.c, records.c.step_no)
        .join(records, records.c.enrollment_id == series.c.id)
        .where(
            series.c.member_id.in_(members),
            series.c.state.in_((EnrollmentState.ACTIVE, EnrollmentState.FINISHED)),
            records.c.task_id.in_(tasks),
            is_merged(),
            ~exists().where(
                later.enrollment_id == records.c.enrollment_id, later.step_no > records.c.step_no
            ),
        )
    )
    return session.execute(query).all()


def _forget(session: Session, rows: Sequence[Any]) -> None:
    records = table_of(StepRecord)
    for row in rows:
        its = (records.c.enrollment_id == row.id) & (records.c.step_no == row.step_no)
        session.connection().execute(delete(records).where(its))


def is_merged() -> ColumnElement[bool]:
    """The condition on step records that they became one with a task of another series."""
    records = table_of(StepRecord)
    return (records.c.outcome == StepOutcome.MERGED) & (records.c.reason == StepReason.SAME_DAY)
