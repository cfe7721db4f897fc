"""What a member's series will still ask for, as far as is known today.

Every step is put to the rules that firing puts it to, at the instants at which firing would, as if each task were done
at once. What nobody can know yet is left out of it: who is on duty then, and what the member does until then.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.follow_ups.firing.conditions import Conditions, Subject
from app.follow_ups.firing.deciding import (
    OPENED,
    Case,
    Wait,
    before_asking,
    beside_others,
    importance,
    or_give_way,
    waits_behind,
)
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import Waiting, anchor_of, lane_of, next_waiting
from app.follow_ups.rules import Relative, Step, Verdict, due_at, valid_until
from app.follow_ups.states import (
    IN_ITS_OWN_WORDS,
    Arm,
    EnrollmentState,
    StepOutcome,
    StepReason,
    WaitingFor,
)
from app.members.models import MemberCare
from app.stores.queries import stores_by_id
from app.stores.rules import StoreHours
from app.worklist.attention import Budget, Pauses, Touch, read_budget
from app.worklist.touches import recent_touches

MERGED = Verdict(StepOutcome.MERGED, StepReason.SAME_DAY)


@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """A step that will be opened unless something happens until then."""

    title: str
    due_at: datetime


@dataclass(slots=True)
class _Series:
    """One of the member's series, what became of its steps and what it waits for."""

    row: Any
    version: Version
    hours: StoreHours
    waits: Waiting
    verdicts: dict[int, Verdict]

    @property
    def step(self) -> Step:
        assert self.waits.step_no is not None
        return self.version.step(self.waits.step_no)

    def case(self, now: datetime, meets: bool) -> Case:
        anchor = anchor_of(self.row)
        return Case(
            step=self.step,
            anchor=anchor,
            hours=self.hours,
            due=due_at(self.step, anchor, self.hours),
            asked_at=now,
            until=valid_until(self.step, anchor, self.hours),
            waited_for=WaitingFor(self.waits.waiting_for) if self.waits.waiting_for else None,
            arm=Arm(self.row.arm),
            has_opted_out=False,
            meets=meets,
        )


@dataclass(slots=True)
class _Outlook:
    """What falls due from now on, one instant after the other."""

    series: Sequence[_Series]
    conditions: Conditions
    budget: Budget
    touches: list[Touch]
    promised: dict[int, UpcomingStep] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(-1, -1))  # no work items' ids

    def live(self) -> None:
        due: list[tuple[datetime, bool, int, int]] = []
        for place in range(len(self.series)):
            self._await(due, place)
        while due:
            now, *_, place = heapq.heappop(due)
            self._decide(self.series[place], now)
            self._await(due, place)

    def _await(self, due: list[tuple[datetime, bool, int, int]], place: int) -> None:
        waits = self.series[place].waits
        if waits.due_at is not None:
            is_service, priority = importance(self.series[place].step)
            heapq.heappush(due, (waits.due_at, not is_service, -priority, place))

    def _decide(self, one: _Series, now: datetime) -> None:
        case = one.case(now, self.conditions.hold(one.row.id, one.step.condition))
        found = before_asking(case, self._relatives(one), self.budget, Pauses(), now)
        found = found or self._open(case, now)
        rest = one.version.following(one.step.step_no)
        if isinstance(found, Wait):
            found = or_give_way(found, case, rest, one.row.enrolled_at, now)
        if isinstance(found, Wait):
            lane = lane_of(found.gives_way_to or one.step)
            one.waits = Waiting(one.step.step_no, lane, found.until, found.reason)
            return
        one.verdicts[one.step.step_no] = found
        waits, passed = next_waiting(rest, case.anchor, one.hours, enrolled_at=one.row.enrolled_at, now=now)
        one.verdicts |= {step.step_no: verdict for step, verdict in passed}
        if waits.step_no:
            behind = waits_behind(case, due_at(one.version.step(waits.step_no), case.anchor, one.hours))
            waits = replace(waits, waiting_for=behind or "")
        one.waits = waits

    def _open(self, case: Case, now: datetime) -> Verdict | Wait:
        together = beside_others(case, self.touches, self.budget, now)
        if isinstance(together, Verdict | Wait):
            return together
        if together.into is not None:
            return MERGED
        for other in together.others:
            self.touches.remove(other)
            self.promised.pop(other.work_item_id, None)
        number, step = next(self.numbers), case.step
        is_worded = step.channel not in IN_ITS_OWN_WORDS
        touch = Touch(number, step.is_service, step.priority, now, True, case.until, now, None, is_worded)
        self.touches.append(touch)
        self.promised[number] = UpcomingStep(step.title, now)
        return OPENED

    def _relatives(self, one: _Series) -> list[Relative]:
        return [
            Relative(anchor_of(other.row), due_at(step, anchor_of(other.row), other.hours), verdict)
            for other in self.series
            if other is not one and other.row.plan_id == one.row.plan_id
            for step in other.version.steps
            if step.kind == one.step.kind
            for verdict in [other.verdicts.get(step.step_no)]
        ]


def upcoming_steps(session: Session, member_id: int) -> list[UpcomingStep]:
    """Steps that would still be opened, soonest first; what becomes one with another or would be left out is not told.

    Nothing is promised to who is held out or wants none.
    """
    if session.scalar(select(MemberCare.opted_out_at).where(MemberCare.member_id == member_id)) is not None:
        return []
    now, budget, series = clock.now(session), read_budget(session), _series(session, member_id)
    steps = [
        (Subject(one.row.id, member_id, one.row.anchor_event, one.row.anchor_on), step)
        for one in series
        for step in one.version.steps
    ]
    touches = recent_touches(session, [member_id], budget, now)[member_id]
    outlook = _Outlook(series, Conditions(session, steps, now), budget, list(touches))
    outlook.live()
    return sorted(outlook.promised.values(), key=lambda one: one.due_at)


def _series(session: Session, member_id: int) -> list[_Series]:
    """The member's live series; what is due already is asked about now."""
    table, records = table_of(Enrollment), table_of(StepRecord)
    live = (table.c.member_id == member_id) & (table.c.state != EnrollmentState.CANCELLED)
    rows = session.execute(select(table).where(live).order_by(table.c.anchor_on, table.c.id)).all()
    found = session.execute(select(records).where(records.c.enrollment_id.in_([row.id for row in rows])))
    settled: dict[int, dict[int, Verdict]] = {row.id: {} for row in rows}
    for record in found:
        verdict = Verdict(StepOutcome(record.outcome), StepReason(record.reason))
        settled[record.enrollment_id][record.step_no] = verdict
    known = versions(session, {row.plan_version_id for row in rows})
    stores, now = stores_by_id(session, {row.store_id for row in rows}), clock.now(session)
    series = []
    for row in rows:
        waits = Waiting(None, None, None)
        if row.next_due_at is not None:
            due = max(row.next_due_at, now)
            waits = Waiting(row.next_step_no, row.next_lane, due, row.waiting_for)
        hours = stores[row.store_id].hours
        series.append(_Series(row, known[row.plan_version_id], hours, waits, settled[row.id]))
    return series
