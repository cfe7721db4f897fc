"""The steps behind a number of the balance, as they stand now: whose, of which plan, due when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import versions
from app.follow_ups.reconciling.balances import ROWS, Part
from app.follow_ups.reconciling.report import Became
from app.follow_ups.states import StepOutcome, StepReason
from app.members.models import Member
from app.stores.models import Store
from app.worklist.models import WorkItem, WorkState

A_DAY = timedelta(days=1)
OPENED = (StepReason.DUE, StepReason.LATE, StepReason.AFTER_PAUSE)
# What became of it → outcomes of records, and states of the tasks of opened ones.
FOUND: dict[Became, tuple[StepOutcome | None, WorkState | None]] = {
    Became.DONE: (None, WorkState.DONE),
    Became.OPEN: (None, WorkState.OPEN),
    Became.CANCELLED: (StepOutcome.CANCELLED, WorkState.CANCELLED),
    Became.EXPIRED: (StepOutcome.EXPIRED, WorkState.EXPIRED),
    Became.SKIPPED: (StepOutcome.SKIPPED, None),
    Became.MERGED: (StepOutcome.MERGED, None),
    Became.WITHHELD: (StepOutcome.WITHHELD, None),
}


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; `reason` is that of its record or, where it was opened, why its task was closed ("": it was not)."""

    member_id: int
    member_name: str
    store_name: str
    plan_name: str
    title: str
    anchor_on: date
    due_at: datetime
    reason: str


def steps_that(session: Session, became: Became, part: Part, page: int = 1) -> list[StepRow]:
    """A page of the steps of a part, with a day, that became so: as they fell due."""
    outcome, state = FOUND[became]
    ways = []
    if outcome is not None:
        reasons = [reason for reason in StepReason if reason not in OPENED]
        ways.append(and_(StepRecord.outcome == outcome, StepRecord.reason.in_(reasons)))
    if state is not None:
        opened = (StepRecord.outcome == StepOutcome.OPENED) & StepRecord.reason.in_(OPENED)
        ways.append(opened & (WorkItem.state == state))
    query = (
        select(StepRecord, Enrollment, Member.name, Store.name, WorkItem.close_reason)
        .join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .outerjoin(Member, Member.id == Enrollment.member_id)
        .join(Store, Store.id == Enrollment.store_id)
        .outerjoin(FollowUpTask, FollowUpTask.id == StepRecord.task_id)
        .outerjoin(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(or_(*ways), *_within(session, part))
        .order_by(StepRecord.due_at, StepRecord.enrollment_id, StepRecord.step_no)
    )
    return _rows(session, session.execute(query.limit(ROWS).offset((page - 1) * ROWS)).all())


def _within(session: Session, part: Part) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if part.plan_id is not None:
        wanted.append(Enrollment.plan_id == part.plan_id)
    if part.store_id is not None:
        wanted.append(Enrollment.store_id == part.store_id)
    if part.day is not None and part.last_day is not None:
        wanted.append(_on_days(session, part.day, part.last_day))
    return wanted


def _on_days(session: Session, first: date, last: date) -> ColumnElement[bool]:
    """Due on these local days, by the clock of each series' store."""
    names = sorted(session.scalars(select(Store.time_zone).distinct()))
    ways = []
    for name in names:
        zone = ZoneInfo(name)
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, last + A_DAY))
        due = and_(StepRecord.due_at >= start, StepRecord.due_at < end)
        ways.append(due if len(names) == 1 else and_(Store.time_zone == name, due))
    return or_(*ways)


def _rows(session: Session, found: Sequence[Any]) -> list[StepRow]:
    known = versions(session, {row.plan_version_id for _, row, *_ in found})
    return [
        StepRow(
            member_id=row.member_id,
            member_name=member_name or "",
            store_name=store_name,
            plan_name=known[row.plan_version_id].document.name,
            title=known[row.plan_version_id].step(record.step_no).title,
            anchor_on=row.anchor_on,
            due_at=record.due_at,
            reason=(close_reason or "") if record.outcome == StepOutcome.OPENED else record.reason,
        )
        for record, row, member_name, store_name, close_reason in found
    ]
