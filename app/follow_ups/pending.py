"""Steps that are due and not decided yet: how many of a day wait, what for, and whose they are.

What became of the others stands in `history`. A series waits for one step at a time; what falls due behind it waits for
the same. Read from the timers, whose order in time is the only index over what is due: those that went off, and of
those to come as many as a wait may last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Subquery, and_, case, false, func, literal, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.follow_ups.history import ROWS, StepsOfDay
from app.follow_ups.models import Enrollment, PlanVersion
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.rules import Anchor, Step, due_at
from app.follow_ups.states import EnrollmentState
from app.members.models import Member
from app.stores.models import Branch, Store
from app.stores.queries import hours_of
from app.timers import Lane, Timer
from app.worklist.attention import is_paused

SERIES, TIMERS, STORES, BRANCHES, MEMBERS = map(table_of, (Enrollment, Timer, Store, Branch, Member))
GONE_OFF = "gone off"  # the timer of what is to be asked about now
LONGEST_WAIT_DAYS = 366


class HeldBy(StrEnum):
    """What a step that is due waits for: as `WaitingFor`, and what is written nowhere."""

    PAUSE = "pause"  # headquarters has paused everything
    QUIET_HOURS = "quiet_hours"
    MEMBER_CAP = "member_cap"
    OFF_DUTY = "off_duty"
    SAME_DAY = "same_day"
    TURN = "turn"  # nothing: it is looked at as soon as the system comes to it


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A step that is due and waits; `trigger` is what `anchor_on` is the day of."""

    member_id: int
    member_name: str
    store_name: str
    title: str
    due_at: datetime
    trigger: TriggerKind
    anchor_on: date


class _Alike(NamedTuple):
    """What series have in common whose steps fall due together and wait for the same."""

    version_id: int
    step_no: int
    store_id: int
    on: date
    at: datetime | None  # known of those that still have a step counted in minutes
    time_known: bool
    held: str


@dataclass(frozen=True, slots=True)
class _Pending:
    """One step of `series` series that are alike."""

    due_at: datetime
    step: Step
    alike: _Alike
    series: int


def pending_counts(session: Session, of: StepsOfDay) -> dict[HeldBy, int]:
    """How many steps of the day are due and not decided yet, by what they wait for, most first."""
    counts: Counter[HeldBy] = Counter()
    for held_by, one in _Waiting(session, of).pending():
        counts[held_by] += one.series
    return dict(counts.most_common())


def pending_steps(session: Session, of: StepsOfDay, held_by: HeldBy, page: int = 1) -> list[PendingStep]:
    """A page of the steps behind one of those counts, as they fell due; pages count from 1."""
    waiting, ahead = _Waiting(session, of), (page - 1) * ROWS
    found = sorted(
        (one for held, one in waiting.pending() if held is held_by),
        key=lambda one: (one.due_at, one.step.step_no, one.alike[:4], one.alike.held),
    )
    shown, place, skipped = [], 0, 0
    for one in found:
        if place + one.series <= ahead:
            skipped = place + one.series
        elif place < ahead + ROWS:
            shown.append(one)
        place += one.series
    return waiting.rows_of(shown)[ahead - skipped :][:ROWS]


class _Waiting:
    """The series that wait for something in one branch's stores, or in all, as they are now."""

    def __init__(self, session: Session, of: StepsOfDay) -> None:
        self._session, self._of, self._now = session, of, clock.now(session)
        self._versions = versions(session, session.scalars(select(PlanVersion.id)))
        self._is_paused = is_paused(session)
        self._rows = _rows(self._versions.values(), of.branch, self._now)

    def pending(self) -> Iterator[tuple[HeldBy, _Pending]]:
        """What fell due on the day, the steps of series that are alike together."""
        alike = [self._rows.c[name] for name in _Alike._fields]
        query = select(*alike, func.count()).group_by(*alike)
        groups = [(_Alike(*row[:-1]), row[-1]) for row in self._session.execute(query)]
        hours = hours_of(self._session, {one.store_id for one, _ in groups})
        for one, series in groups:
            anchor = Anchor(one.at or self._now, one.on, bool(one.time_known))
            for step in self._versions[one.version_id].steps[one.step_no - 1 :]:
                due = due_at(step, anchor, hours[one.store_id])
                if self._of.start <= due < self._of.end and due <= self._now:
                    yield self._held_by(one), _Pending(due, step, one, series)

    def _held_by(self, one: _Alike) -> HeldBy:
        if one.held != GONE_OFF:
            return HeldBy(one.held)
        return HeldBy.PAUSE if self._is_paused else HeldBy.TURN

    def rows_of(self, shown: Sequence[_Pending]) -> list[PendingStep]:
        """The steps of each of these, in this order."""
        members = self._members({one.alike for one in shown})
        return [
            PendingStep(
                member_id,
                member_name,
                store_name,
                one.step.title,
                one.due_at,
                self._versions[one.alike.version_id].trigger.kind,
                one.alike.on,
            )
            for one in shown
            for member_id, member_name, store_name in members[one.alike]
        ]

    def _members(self, alike: Collection[_Alike]) -> Mapping[_Alike, list[tuple[int, str, str]]]:
        """Whose series they are: id, name, the store's name."""
        its = self._rows.c
        wanted = [
            and_(*(its[name].is_not_distinct_from(value) for name, value in one._asdict().items()))
            for one in alike
        ]
        query = (
            select(*its, MEMBERS.c.name, STORES.c.name)
            .join(MEMBERS, MEMBERS.c.id == its.member_id)
            .join(STORES, STORES.c.id == its.store_id)
            .where(or_(false(), *wanted))
            .order_by(its.id)
        )
        found: dict[_Alike, list[tuple[int, str, str]]] = defaultdict(list)
        for *of, _, member_id, member_name, store_name in self._session.execute(query):
            found[_Alike(*of)].append((member_id, member_name, store_name))
        return found


def _rows(known: Collection[Version], branch: str, now: datetime) -> Subquery:
    """The columns of `_Alike`, then `id` and `member_id`, of every series whose step is due, or was and waits."""
    in_minutes = [
        and_(SERIES.c.plan_version_id == version.id, SERIES.c.next_step_no <= step.step_no)
        for version in known
        for step in version.steps
        if step.offset_minutes is not None
    ]
    has_gone_off = TIMERS.c.due_at <= now
    longest = max((step.valid_days for version in known for step in version.steps), default=0)
    its: list[Any] = [
        SERIES.c.plan_version_id.label("version_id"),
        SERIES.c.next_step_no.label("step_no"),
        SERIES.c.store_id,
        SERIES.c.anchor_on.label("on"),
        case((or_(false(), *in_minutes), SERIES.c.anchor_at)).label("at"),
        SERIES.c.time_known,
        case((has_gone_off, literal(GONE_OFF)), else_=SERIES.c.waiting_for).label("held"),
        SERIES.c.id,
        SERIES.c.member_id,
    ]
    query = (
        select(*its)
        .select_from(TIMERS)
        .join(
            SERIES,
            and_(
                SERIES.c.id == TIMERS.c.subject_id,
                SERIES.c.next_lane == TIMERS.c.lane,
                SERIES.c.next_due_at == TIMERS.c.due_at,
            ),
        )
        .where(
            TIMERS.c.lane.in_([Lane.MINUTES, Lane.DAYS]),
            TIMERS.c.due_at <= now + timedelta(days=min(longest + 1, LONGEST_WAIT_DAYS)),
            SERIES.c.state == EnrollmentState.ACTIVE,
            or_(has_gone_off, SERIES.c.waiting_for != ""),
        )
    )
    if branch:
        query = query.join(STORES, STORES.c.id == SERIES.c.store_id)
        query = query.join(BRANCHES, BRANCHES.c.id == STORES.c.branch_id).where(BRANCHES.c.name == branch)
    return query.subquery()
