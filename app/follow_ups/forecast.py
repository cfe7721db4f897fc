"""What a member's purchases will still ask for, as far as is known today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.deciding import importance
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.versions import versions
from app.follow_ups.records import anchor_of
from app.follow_ups.rules import Relative, Step, Verdict, before_firing, due_at, on_repurchase
from app.follow_ups.states import Arm, EnrollmentState, StepOutcome, StepReason
from app.members.models import MemberCare
from app.stores.queries import stores_by_id
from app.stores.rules import StoreHours

OPENS = Verdict(StepOutcome.OPENED, StepReason.DUE)


@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """A step that will be opened unless something happens until then."""

    title: str
    due_at: datetime


@dataclass(slots=True)
class _Slot:
    """A step of one of the member's series, and what became or will become of it."""

    row: Any
    step: Step
    due: datetime
    hours: StoreHours
    verdict: Verdict | None

    @property
    def at(self) -> datetime:
        """When it is to open: a step that waits does so later than it was due."""
        waits = self.row.waiting_for and self.row.next_step_no == self.step.step_no
        return max(self.due, self.row.next_due_at) if waits else self.due


def upcoming_steps(session: Session, member_id: int) -> list[UpcomingStep]:
    """Steps still to come, soonest first, judged by the rules that will judge them; merged ones are not promised.

    Nothing is promised to who is held out or wants none.
    """
    if session.scalar(select(MemberCare.opted_out_at).where(MemberCare.member_id == member_id)) is not None:
        return []
    slots = _slots(session, member_id)
    of_day: dict[date, _Slot] = {}
    for slot in slots:
        if slot.verdict is not None:
            continue
        slot.verdict = _foresee(slot, slots)
        if slot.verdict is OPENS and slot.row.arm == Arm.TREATED:
            day = slot.hours.local_date(slot.at)
            of_day[day] = max(of_day.get(day, slot), slot, key=lambda one: importance(one.step))
    return [
        UpcomingStep(slot.step.title, slot.at) for slot in sorted(of_day.values(), key=lambda slot: slot.at)
    ]


def _slots(session: Session, member_id: int) -> list[_Slot]:
    """Every step of the member's live series, in the order in which they fall due."""
    table, records = table_of(Enrollment), table_of(StepRecord)
    live = (table.c.member_id == member_id) & (table.c.state != EnrollmentState.CANCELLED)
    rows = session.execute(select(table).where(live)).all()
    ids = [row.id for row in rows]
    found = session.execute(select(records).where(records.c.enrollment_id.in_(ids)))
    settled = {
        (record.enrollment_id, record.step_no): Verdict(
            StepOutcome(record.outcome), StepReason(record.reason)
        )
        for record in found
    }
    known, stores = versions(session, {row.plan_version_id for row in rows}), stores_by_id(session)
    slots = []
    for row in rows:
        hours = stores[row.store_id].hours
        for step in known[row.plan_version_id].steps:
            due = due_at(step, anchor_of(row), hours)
            slots.append(_Slot(row, step, due, hours, settled.get((row.id, step.step_no))))
    return sorted(slots, key=lambda slot: (slot.due, slot.row.anchor_on))


def _foresee(slot: _Slot, slots: list[_Slot]) -> Verdict:
    anchor = anchor_of(slot.row)
    never = before_firing(slot.step, anchor, slot.hours, slot.row.enrolled_at)
    relatives = [
        Relative(anchor_of(other.row), other.due, other.verdict)
        for other in slots
        if other.row.id != slot.row.id
        and other.row.plan_id == slot.row.plan_id
        and other.step.kind == slot.step.kind
    ]
    return never or on_repurchase(slot.step, anchor, relatives) or OPENS
