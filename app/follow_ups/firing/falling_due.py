"""What has fallen due: timers with their enrollments, and everything known of them before anybody is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from app.db import any_of, read_rows, table_of
from app.follow_ups.firing.conditions import Conditions, Subject
from app.follow_ups.firing.deciding import Case
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import anchor_of
from app.follow_ups.rules import Anchor, Relative, Step, Verdict, due_at, valid_until
from app.follow_ups.states import Arm, EnrollmentState, StepOutcome, StepReason, WaitingFor
from app.members.models import MemberCare
from app.stores.queries import StoreFacts, stores_by_id
from app.timers import Lane, Timer, TimerKey

TIMERS, CARE, SERIES, RECORDS = map(table_of, (Timer, MemberCare, Enrollment, StepRecord))
FIRST = (
    select(
        TIMERS.c.due_at,
        TIMERS.c.subject_id,
        CARE.c.member_id,
        CARE.c.opted_out_at.is_not(None).label("has_opted_out"),
    )
    # A server that takes the members for few, as it may after a crash, would read, and lock, every one of them.
    .prefix_with("STRAIGHT_JOIN", dialect="mysql")
    .with_hint(CARE, "FORCE INDEX FOR JOIN (PRIMARY)", dialect_name="mysql")
    .join(CARE, CARE.c.member_id == TIMERS.c.member_id)
    .where(TIMERS.c.lane == bindparam("lane"))
    .order_by(TIMERS.c.due_at, TIMERS.c.subject_id)
    .limit(bindparam("size"))
    .with_for_update(skip_locked=True)
)
DUE = FIRST.where(TIMERS.c.due_at <= bindparam("now"))
# Of two spans, which a server looks up one after the other: it reads nothing before them.
DUE_AFTER = FIRST.where(
    or_(
        and_(TIMERS.c.due_at == bindparam("at"), TIMERS.c.subject_id > bindparam("subject")),
        and_(TIMERS.c.due_at > bindparam("at"), TIMERS.c.due_at <= bindparam("now")),
    )
)
LIVE = select(SERIES).where(
    any_of(SERIES.c.member_id, "members"), SERIES.c.state != EnrollmentState.CANCELLED
)
OUTCOMES = select(RECORDS.c.enrollment_id, RECORDS.c.step_no, RECORDS.c.outcome, RECORDS.c.reason).where(
    any_of(RECORDS.c.enrollment_id, "series")
)


class DueTimer(NamedTuple):
    """A timer that went off, taken with the `member_care` row of its member."""

    lane: str
    due_at: datetime
    subject_id: int
    member_id: int
    has_opted_out: bool

    @property
    def key(self) -> TimerKey:
        """The timer's."""
        return TimerKey(*self[:3])


class Fallen(NamedTuple):
    """A step that has fallen due; `row` is its enrollment, `id` that one's."""

    id: int
    member_id: int
    row: Any
    version: Version
    step: Step
    store: StoreFacts
    case: Case


def take_due(
    session: Session, lane: Lane, size: int, now: datetime, after: DueTimer | None = None
) -> list[DueTimer]:
    """The first due timers of a lane whose members nobody else is busy with, in order; these stay locked.

    `after`: only those behind this one. Who takes batch after batch has taken the others, yet the server would read on
    through all that was deleted. [M] 500 after 20,000: 8.8 ms instead of 11.
    """
    asked = {"lane": str(lane), "now": now, "size": size}
    query = DUE
    if after is not None:
        query, asked = DUE_AFTER, asked | {"at": after.due_at, "subject": after.subject_id}
    return [DueTimer(str(lane), *row) for row in sorted(read_rows(session, query, asked))]


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps that have fallen due, oldest due and oldest anchor first, with what else is known of their members."""

    fallen: list[Fallen]
    family: Family
    conditions: Conditions


def read_batch(session: Session, due: Sequence[DueTimer], now: datetime) -> Batch:
    """The enrollments that still wait for exactly this timer, and all about them that is asked before people are."""
    series = read_rows(session, LIVE, {"members": {timer.member_id for timer in due}})
    stores = stores_by_id(session, {row.store_id for row in series})
    wanted = {timer.subject_id: timer for timer in due}
    rows = [row for row in series if row.id in wanted and _waits_for(row, wanted[row.id])]
    rows.sort(key=lambda row: (row.next_due_at, row.anchor_on, row.id))
    known = versions(session, {row.plan_version_id for row in rows})
    steps = [known[row.plan_version_id].step(row.next_step_no) for row in rows]
    asked = [
        (Subject(row.id, row.member_id, row.anchor_event, row.anchor_on), step)
        for row, step in zip(rows, steps, strict=True)
    ]
    conditions = Conditions(session, asked, now)
    fallen, spans = [], _Spans()
    for row, step in zip(rows, steps, strict=True):
        store, meets = stores[row.store_id], conditions.hold(row.id, step.condition)
        case = _case(row, step, store, spans, wanted[row.id], meets)
        version = known[row.plan_version_id]
        fallen.append(Fallen(row.id, row.member_id, row, version, step, store, case))
    return Batch(fallen, Family(session, series, stores), conditions)


def _waits_for(row: Any, timer: DueTimer) -> bool:
    is_due = (row.next_lane, row.next_due_at) == (timer.lane, timer.due_at)
    return is_due and row.state == EnrollmentState.ACTIVE


def _case(row: Any, step: Step, store: StoreFacts, spans: _Spans, timer: DueTimer, meets: bool) -> Case:
    anchor = anchor_of(row)
    due, until = spans.of(step, anchor, store)
    return Case(
        step=step,
        anchor=anchor,
        hours=store.hours,
        due=due,
        asked_at=timer.due_at,
        until=until,
        waited_for=WaitingFor(row.waiting_for) if row.waiting_for else None,
        arm=Arm(row.arm),
        has_opted_out=timer.has_opted_out,
        meets=meets,
    )


class _Spans:
    """When steps are due and until when valid: of a day's step once for all of a store who count from a day."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, date, int], tuple[datetime, datetime]] = {}

    def of(self, step: Step, anchor: Anchor, store: StoreFacts) -> tuple[datetime, datetime]:
        """Steps and stores are those of one batch."""
        if step.offset_minutes is not None:
            return due_at(step, anchor, store.hours), valid_until(step, anchor, store.hours)
        key = id(step), anchor.on, store.id
        if key not in self._known:
            self._known[key] = due_at(step, anchor, store.hours), valid_until(step, anchor, store.hours)
        return self._known[key]


class Family:
    """All live series of the members at hand, so that a step can see what other purchases ask of the same member."""

    def __init__(self, session: Session, series: Sequence[Any], stores: Mapping[int, StoreFacts]) -> None:
        """`series`: enrollments that were not cancelled; nothing is read where nobody has two of one plan."""
        self._series: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for row in series:
            self._series[row.member_id, row.plan_id].append(row)
        rows = [row for mine in self._series.values() if len(mine) > 1 for row in mine]
        self._versions = versions(session, {row.plan_version_id for row in rows})
        self._stores = stores
        self._verdicts = _verdicts(session, [row.id for row in rows])

    def relatives(self, item: Fallen) -> list[Relative]:
        """The same kind of step of the member's other series."""
        found = []
        for row in self._series[item.member_id, item.row.plan_id]:
            if row.id == item.id:
                continue
            anchor = anchor_of(row)
            for step in self._versions[row.plan_version_id].steps:
                if step.kind == item.step.kind:
                    due = due_at(step, anchor, self._stores[row.store_id].hours)
                    found.append(Relative(anchor, due, self._verdicts.get((row.id, step.step_no))))
        return found

    def remember(self, item: Fallen, verdict: Verdict) -> None:
        """Let later steps of this batch see what was just decided."""
        self._verdicts[item.id, item.step.step_no] = verdict


def _verdicts(session: Session, enrollment_ids: Sequence[int]) -> dict[tuple[int, int], Verdict]:
    if not enrollment_ids:
        return {}
    return {
        (enrollment_id, step_no): _verdict(outcome, reason)
        for enrollment_id, step_no, outcome, reason in read_rows(
            session, OUTCOMES, {"series": enrollment_ids}
        )
    }


@cache
def _verdict(outcome: str, reason: str) -> Verdict:
    return Verdict(StepOutcome(outcome), StepReason(reason))
