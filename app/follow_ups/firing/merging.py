"""Steps of other series that one task serves as well, and asking about them again where that task is closed undone.

What falls on one day for one member is one task. The steps that gave it up have a record that says so (merged, same
day) and names the task. Where the task is closed undone, whether its own series was stopped, its validity ended or
somebody had too much to do, the others are not settled by that: they go back to being asked about, as if they had
waited for it. Only who wants nothing at all is asked about nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from app.db import is_among, table_of, upsert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import versions
from app.follow_ups.records import Waiting, anchor_of, lane_of
from app.follow_ups.rules import valid_until
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason, WaitingFor
from app.stores.queries import stores_by_id
from app.timers import TimerKey, clear_timers, set_timers
from app.worklist.models import WorkItem, WorkState

SERIES, RECORDS = table_of(Enrollment), table_of(StepRecord)
TASKS, ITEMS = table_of(FollowUpTask), table_of(WorkItem)
# A step that could open never: its series passed by it, and has not gone on with it.
PASSED_BY = (StepReason.BEFORE_START, StepReason.TIME_UNKNOWN)
ITS = (RECORDS.c.enrollment_id == bindparam("series")) & (RECORDS.c.step_no == bindparam("step"))
SERVED_BY = update(RECORDS).where(ITS).values(task_id=bindparam("task"), recorded_at=bindparam("at"))
STOPPED = (
    update(RECORDS)
    .where(ITS)
    .values(outcome=StepOutcome.CANCELLED, reason=bindparam("why"), recorded_at=bindparam("at"), task_id=None)
)
FORGOTTEN = delete(RECORDS).where(
    RECORDS.c.enrollment_id == bindparam("series"), RECORDS.c.step_no >= bindparam("step")
)


def follow(session: Session, instead: Mapping[int, int], now: datetime) -> None:
    """What work items served besides is served by the tasks (work item → task) that are opened instead of them now."""
    rows = _served_by(session, instead)
    moved = [
        {"series": row.id, "step": row.step_no, "task": instead[row.work_item_id], "at": now} for row in rows
    ]
    if moved:
        session.connection().execute(SERVED_BY, moved)


def ask_again(
    session: Session,
    item_ids: Collection[int],
    but_not: Collection[int],
    now: datetime,
    at: datetime | None = None,
) -> list[int]:
    """Of work items that were closed undone: the steps they served besides are due now, if they are still worth it.

    `but_not`: series that were stopped with them. `at`: not now but then. A step whose series has gone on meanwhile has
    given way to the next and stays as it is. Returns the series that had come to their end and go on.
    """
    at = at or now
    rows = [row for row in _served_by(session, item_ids, still_last=True) if row.id not in but_not]
    known = versions(session, {row.plan_version_id for row in rows})
    stores = stores_by_id(session, {row.store_id for row in rows}) if rows else {}
    steps = {row.id: known[row.plan_version_id].step(row.step_no) for row in rows}
    rows = [
        row for row in rows if valid_until(steps[row.id], anchor_of(row), stores[row.store_id].hours) > at
    ]
    if not rows:
        return []
    waiting = {row.id: Waiting(row.step_no, lane_of(steps[row.id]), at, WaitingFor.SAME_DAY) for row in rows}
    forgotten = [{"series": row.id, "step": row.step_no} for row in rows]
    session.connection().execute(FORGOTTEN, forgotten)
    clear_timers(
        session, [TimerKey(row.next_lane, row.next_due_at, row.id) for row in rows if row.next_due_at]
    )
    columns = SERIES.c.keys()
    upsert_rows(
        session,
        Enrollment,
        [{name: row._mapping[name] for name in columns} | waiting[row.id].columns() for row in rows],
    )
    set_timers(session, [(TimerKey(lane_of(steps[row.id]), at, row.id), row.member_id) for row in rows])
    return [row.id for row in rows if row.state == EnrollmentState.FINISHED]


def stop_served(
    session: Session, enrollment_ids: Collection[int], reason: StepReason, now: datetime
) -> set[int]:
    """Steps of these series that an open task of another serves are not to be done any more, and say so.

    Returns the series that had such steps.
    """
    if not enrollment_ids:
        return set()
    query = (
        select(RECORDS.c.enrollment_id, RECORDS.c.step_no)
        .join(TASKS, TASKS.c.id == RECORDS.c.task_id)
        .join(ITEMS, ITEMS.c.id == TASKS.c.work_item_id)
        .where(
            is_among(RECORDS.c.enrollment_id, enrollment_ids), is_merged(), ITEMS.c.state == WorkState.OPEN
        )
    )
    found = session.execute(query).all()
    stopped = [{"series": row.enrollment_id, "step": row.step_no, "why": reason, "at": now} for row in found]
    if stopped:
        session.connection().execute(STOPPED, stopped)
    return {row.enrollment_id for row in found}


def _served_by(session: Session, item_ids: Iterable[int], *, still_last: bool = False) -> Sequence[Any]:
    """The series of which a step became one with the task of one of these work items, with that step's number.

    `still_last`: as long as they have not gone on since. Found by their members: records have no index by task.
    """
    owners = select(ITEMS.c.member_id, TASKS.c.id).join(TASKS, TASKS.c.work_item_id == ITEMS.c.id)
    served = session.execute(owners.where(is_among(ITEMS.c.id, sorted(item_ids)))).all() if item_ids else []
    if not served:
        return []
    query = (
        select(*SERIES.c, RECORDS.c.step_no, TASKS.c.work_item_id)
        .join(RECORDS, RECORDS.c.enrollment_id == SERIES.c.id)
        .join(TASKS, TASKS.c.id == RECORDS.c.task_id)
        .where(
            is_among(SERIES.c.member_id, sorted({row.member_id for row in served})),
            is_among(RECORDS.c.task_id, sorted(row.id for row in served)),
            is_merged(),
        )
    )
    if still_last:
        later = aliased(RECORDS)
        gone_on = exists().where(
            later.c.enrollment_id == RECORDS.c.enrollment_id,
            later.c.step_no > RECORDS.c.step_no,
            later.c.reason.not_in(PASSED_BY),
        )
        live = SERIES.c.state.in_((EnrollmentState.ACTIVE, EnrollmentState.FINISHED))
        query = query.where(live, ~gone_on)
    return session.execute(query).all()


def is_merged() -> ColumnElement[bool]:
    """The condition on step records that they became one with a task of another series."""
    return (RECORDS.c.outcome == StepOutcome.MERGED) & (RECORDS.c.reason == StepReason.SAME_DAY)
