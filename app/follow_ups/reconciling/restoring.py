"""A series that was lost comes back: entered by its anchor event anew, with whatever of it is still there.

What was lost leaves traces that name it: tasks, whose work items say whose they are, and timers, which name the member.
Its records and tasks become those of the series entered anew, which goes on behind the last of them: a step somebody
was asked about, or that was settled, is never asked about again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of, upsert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import Version, get_version
from app.follow_ups.reconciling.accounting import OF_EVENT
from app.follow_ups.reconciling.claims import PURCHASE, Claim
from app.follow_ups.reconciling.owed import Owed
from app.follow_ups.reconciling.papers import OF_CALENDAR
from app.follow_ups.records import anchor_of, next_waiting, step_record
from app.follow_ups.rules import Anchor, due_at
from app.follow_ups.series.entering import Entry, enter, event_name, not_entered
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason
from app.stores.queries import stores_by_id
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem

OF_SERIES = (str(Lane.MINUTES), str(Lane.DAYS))


@dataclass(frozen=True, slots=True)
class Traces:
    """What is left of a lost series: its id, the timers that still name it, and its tasks by step."""

    series_id: int
    timers: Sequence[TimerKey]
    tasks: Mapping[int, Any]


def restore(session: Session, claim: Claim, steps: Sequence[Owed]) -> bool:
    """Let the member enter the version they have a claim to; False where they are in it. Holds their mutex."""
    store = stores_by_id(session, {claim.store_id})[claim.store_id]
    entry = Entry(claim.member_id, store, Anchor(claim.at, claim.on, claim.time_known), name_of(claim), {})
    fresh = not_entered(session, claim.plan_id, [entry])
    if not fresh:
        return False
    traces, now = find_traces(session, claim.member_id, steps), clock.now(session)
    version = get_version(session, claim.versions[0])
    enter(session, version, fresh, read_budget(session), now)
    if traces is not None:
        _take_over(session, version, entry, traces, now)
    return True


def name_of(claim: Claim) -> str:
    """The name of the anchor event."""
    if claim.kind == PURCHASE:
        return event_name(PURCHASE, claim.on.isoformat())
    return claim.event if claim.kind in OF_CALENDAR else event_name(OF_EVENT, claim.kind, claim.event)


def find_traces(session: Session, member_id: int, steps: Sequence[Owed]) -> Traces | None:
    """What is left of the series in which these steps were owed: of those lost, the one whose instants they are."""
    dues = {owed.step_no: owed.due_at for owed in steps}
    tasks: dict[int, dict[int, Any]] = {}
    for row in _tasks_of_nobody(session, member_id):
        tasks.setdefault(row.enrollment_id, {})[row.step_no] = row
    timers: dict[int, list[TimerKey]] = {}
    for key in _timers_of_nobody(session, member_id, sorted(set(dues.values()))):
        timers.setdefault(key.subject_id, []).append(key)
    for series_id in sorted(tasks.keys() | timers.keys()):
        mine = tasks.get(series_id, {})
        if all(dues.get(step_no) == row.due_at for step_no, row in mine.items()):
            return Traces(series_id, timers.get(series_id, []), mine)
    return None


def _tasks_of_nobody(session: Session, member_id: int) -> Sequence[Any]:
    query = (
        select(
            FollowUpTask.id,
            FollowUpTask.enrollment_id,
            FollowUpTask.step_no,
            WorkItem.due_at,
            WorkItem.opened_at,
        )
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .outerjoin(Enrollment, Enrollment.id == FollowUpTask.enrollment_id)
        .where(WorkItem.member_id == member_id, Enrollment.id.is_(None))
        .order_by(FollowUpTask.enrollment_id, FollowUpTask.step_no)
    )
    return session.execute(query).all()


def _timers_of_nobody(session: Session, member_id: int, dues: Sequence[datetime]) -> list[TimerKey]:
    query = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .outerjoin(Enrollment, Enrollment.id == Timer.subject_id)
        .where(Timer.lane.in_(OF_SERIES), Timer.due_at.in_(dues), Timer.member_id == member_id)
        .where(Enrollment.id.is_(None))
    )
    return [TimerKey(*row) for row in session.execute(query)]


def _take_over(session: Session, version: Version, entry: Entry, traces: Traces, now: datetime) -> None:
    series, records, tasks = table_of(Enrollment), table_of(StepRecord), table_of(FollowUpTask)
    its = (series.c.member_id == entry.member_id) & (series.c.anchor_event == entry.event)
    row = session.execute(select(series).where(its, series.c.plan_id == version.plan_id)).one()
    kept = select(records.c.step_no).where(records.c.enrollment_id == traces.series_id)
    passed = set(session.scalars(kept)) | traces.tasks.keys()
    session.execute(delete(records).where(records.c.enrollment_id == row.id, records.c.step_no.in_(passed)))
    for table in (records, tasks):
        moved = update(table).where(table.c.enrollment_id == traces.series_id)
        session.execute(moved.values(enrollment_id=row.id))
    told = set(session.scalars(select(records.c.step_no).where(records.c.enrollment_id == row.id)))
    lost = [task for step_no, task in traces.tasks.items() if step_no not in told]
    insert_rows(session, StepRecord, [opened_record(row.id, task) for task in lost])
    clear_timers(session, traces.timers)
    if row.state == EnrollmentState.ACTIVE and passed:
        _go_on(session, version, row, told | passed, now)


def opened_record(series_id: int, task: Any) -> dict[str, Any]:
    """The record of a step that a task tells of: it was opened, and when."""
    return {
        "enrollment_id": series_id,
        "step_no": task.step_no,
        "outcome": StepOutcome.OPENED,
        "reason": StepReason.DUE,
        "due_at": task.due_at,
        "recorded_at": task.opened_at,
        "task_id": task.id,
    }


def _go_on(session: Session, version: Version, row: Any, settled: Set[int], now: datetime) -> None:
    anchor, hours = anchor_of(row), stores_by_id(session, {row.store_id})[row.store_id].hours
    clear_timers(session, [TimerKey(row.next_lane, row.next_due_at, row.id)])
    rest = [step for step in version.steps if step.step_no not in settled]
    waits, over = next_waiting(rest, anchor, hours, enrolled_at=row.enrolled_at, now=now)
    insert_rows(
        session,
        StepRecord,
        [step_record(row.id, step, verdict, due_at(step, anchor, hours), now) for step, verdict in over],
    )
    upsert_rows(session, Enrollment, [{**row._mapping, **waits.columns()}])
    if waits.lane and waits.due_at:
        set_timers(session, [(TimerKey(waits.lane, waits.due_at, row.id), row.member_id)])
