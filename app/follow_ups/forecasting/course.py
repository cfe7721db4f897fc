"""How the steps of one member's series fall due, and what becomes of each. Pure; the rules are those of firing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count
from typing import NamedTuple

from app.follow_ups.channels.rules import month_of, quota_of
from app.follow_ups.facts import Facts, criterion_of
from app.follow_ups.firing.asking import MERGED, QUOTA_FULL
from app.follow_ups.firing.assigning import People, Person
from app.follow_ups.firing.deciding import (
    Case,
    Wait,
    before_asking,
    beside_others,
    importance,
    or_give_way,
    waits_behind,
    why_opened,
)
from app.follow_ups.forecasting.calendar import Calendar
from app.follow_ups.forecasting.facts import Recollection
from app.follow_ups.forecasting.lives import Life
from app.follow_ups.plans.versions import OpenPlan, Version
from app.follow_ups.records import Waiting, lane_of, next_waiting
from app.follow_ups.rules import Anchor, Relative, Step, Verdict, due_at, valid_until
from app.follow_ups.states import (
    IN_ITS_OWN_WORDS,
    Arm,
    Channel,
    StepOutcome,
    StepReason,
    WaitingFor,
)
from app.stores.queries import StoreFacts
from app.worklist.attention import Budget, Pauses, Touch

NO_PAUSE = Pauses()


class Became(NamedTuple):
    """What would have become of a step, decided at `at`."""

    plan_id: int
    event: str
    step_no: int
    verdict: Verdict
    at: datetime
    store_id: int


@dataclass(slots=True)
class Asked:
    """A task that would have been opened; `is_gone`: closed again on its day, by what is more important or ended it."""

    member_id: int
    plan_id: int
    event: str
    step: Step
    at: datetime
    on: date
    store_id: int
    associate_id: int
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class FirstLook:
    """When a draft that looks for silence, published now, first looks: at all who have been silent for long.

    `asked_on`: by member when this plan asked about a silence the last time; those it does not ask again.
    """

    plan_id: int
    on: date
    at: datetime
    asked_on: Mapping[int, date]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a life is lived on: the plans, the people and limits of today, and from when until when things happen."""

    plans: Sequence[OpenPlan]
    people: People
    budget: Budget
    recollection: Recollection
    calendar: Calendar
    begin: datetime
    end: datetime
    first_look: FirstLook | None = None


@dataclass(slots=True, eq=False)
class Series:
    """An enrollment that would have been; `waits` as its row would have it."""

    number: int
    plan_id: int
    version: Version
    store: StoreFacts
    anchor: Anchor
    event: str
    enrolled_at: datetime
    arm: Arm
    waits: Waiting
    is_cancelled: bool = False
    ended: StepReason | None = None
    told: Facts = field(default_factory=dict)  # what began it
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    tasks: dict[int, tuple[Touch, Asked]] = field(default_factory=dict)


class Course:
    """The series of one member, and what came of their steps so far."""

    def __init__(self, life: Life, stage: Stage) -> None:
        self.life, self.stage = life, stage
        self.series: list[Series] = []
        self.became: list[Became] = []
        self.asked: list[Asked] = []
        self.is_found_at_first = False
        self._touches: list[Touch] = []
        self._group_sends: Counter[str] = Counter()
        self._numbers = count(1)

    def facts(self, now: datetime) -> Facts:
        """What is known of the member then."""
        return self.stage.recollection.of(self.life, now)

    def record(self, series: Series, step: Step, verdict: Verdict, now: datetime) -> None:
        """Keep what became of a step."""
        series.verdicts[step.step_no] = verdict
        self.became.append(Became(series.plan_id, series.event, step.step_no, verdict, now, series.store.id))

    def end(self, series: Series, reason: StepReason, now: datetime) -> None:
        """End a series: what is left of it is cancelled, tasks that are open are closed."""
        for step in series.version.following(series.waits.step_no - 1) if series.waits.step_no else ():
            self.record(series, step, Verdict(StepOutcome.CANCELLED, reason), now)
        series.is_cancelled, series.ended = True, reason
        series.waits = Waiting(None, None, None)
        for step_no in series.tasks:
            self.close(series, step_no, now)

    def forget(self, series: Series) -> None:
        """As if it had not begun: what came of it so far is told of the past, and counts for nothing to come."""
        series.event, series.is_cancelled = "", True
        series.waits = Waiting(None, None, None)
        for touch, _ in series.tasks.values():
            if touch in self._touches:
                self._touches.remove(touch)

    def close(self, series: Series, step_no: int, now: datetime) -> None:
        """Close a task that is still open: that of today, since every task is done on its day."""
        touch, asked = series.tasks[step_no]
        if series.store.hours.local_date(now) == asked.on and touch in self._touches:
            self._touches.remove(touch)
            asked.is_gone = True

    def fall_due(self, due: Sequence[Series], now: datetime) -> None:
        """Decide the steps that these series wait for now; afterwards they wait for what comes next."""
        cases = {series.number: self._case(series, now) for series in due}
        held: dict[int, Verdict | Wait] = {}
        for series in due:
            relatives = self._relatives(series, cases[series.number].step)
            found = before_asking(cases[series.number], relatives, self.stage.budget, NO_PAUSE, now)
            if found is not None:
                held[series.number] = found
            if isinstance(found, Verdict):
                series.verdicts[cases[series.number].step.step_no] = found
        asked = [series for series in due if series.number not in held]
        for series in sorted(asked, key=lambda one: _most_important_first(one, cases[one.number])):
            held[series.number] = self._ask(series, cases[series.number], now)
        for series in due:
            self._go_on(series, cases[series.number], held[series.number], now)

    def _case(self, series: Series, now: datetime) -> Case:
        assert series.waits.step_no is not None
        step, hours = series.version.step(series.waits.step_no), series.store.hours
        meets = not step.condition or criterion_of(step.condition).holds(self.facts(now) | series.told)
        return Case(
            step=step,
            anchor=series.anchor,
            hours=hours,
            due=due_at(step, series.anchor, hours),
            asked_at=now,
            until=valid_until(step, series.anchor, hours),
            waited_for=WaitingFor(series.waits.waiting_for) if series.waits.waiting_for else None,
            arm=series.arm,
            has_opted_out=self.life.has_opted_out(now),
            meets=meets,
        )

    def _relatives(self, series: Series, step: Step) -> list[Relative]:
        return [
            Relative(
                other.anchor,
                due_at(same, other.anchor, other.store.hours),
                other.verdicts.get(same.step_no),
            )
            for other in self.series
            if other is not series and other.plan_id == series.plan_id and not other.is_cancelled
            for same in other.version.steps
            if same.kind == step.kind
        ]

    def _ask(self, series: Series, case: Case, now: datetime) -> Verdict | Wait:
        found = self.stage.people.ask(case, self.life.id, now)
        if not isinstance(found, Person):
            return found
        together = beside_others(case, self._touches, self.stage.budget, now)
        if isinstance(together, Verdict | Wait):
            return together
        if together.into is not None:
            return MERGED
        if case.step.channel is Channel.GROUP_SEND:
            month = month_of(now)
            if self._group_sends[month] >= quota_of(month):
                return QUOTA_FULL
            self._group_sends[month] += 1
        for other in together.others:
            self._touches.remove(other)
            self._replace(other)
        self._open(series, case, found, now)
        return why_opened(case, self.stage.budget, NO_PAUSE, now)

    def _open(self, series: Series, case: Case, whom: Person, now: datetime) -> None:
        step = case.step
        # Sent at once, as far as anybody can tell beforehand; what falls on the same day still becomes one with it.
        number, sent_at = next(self._numbers), now
        is_worded = step.channel not in IN_ITS_OWN_WORDS
        touch = Touch(number, step.is_service, step.priority, now, True, case.until, sent_at, None, is_worded)
        asked = Asked(
            self.life.id,
            series.plan_id,
            series.event,
            step,
            now,
            series.store.hours.local_date(now),
            series.store.id,
            whom.id,
        )
        series.tasks[step.step_no] = touch, asked
        self._touches.append(touch)
        self.asked.append(asked)

    def _replace(self, touch: Touch) -> None:
        for series in self.series:
            for its, asked in series.tasks.values():
                if its is touch:
                    asked.is_gone = True

    def _go_on(self, series: Series, case: Case, found: Verdict | Wait, now: datetime) -> None:
        step, hours = case.step, series.store.hours
        rest = series.version.following(step.step_no)
        if isinstance(found, Wait):
            found = or_give_way(found, case, rest, series.enrolled_at, now)
        if isinstance(found, Wait):
            lane = lane_of(found.gives_way_to or step)
            series.waits = Waiting(step.step_no, lane, found.until, found.reason)
            return
        self.record(series, step, found, now)
        waits, passed = next_waiting(rest, series.anchor, hours, enrolled_at=series.enrolled_at, now=now)
        if waits.step_no:
            behind = waits_behind(case, due_at(series.version.step(waits.step_no), series.anchor, hours))
            waits = replace(waits, waiting_for=behind or "")
        series.waits = waits
        for skipped, verdict in passed:
            self.record(series, skipped, verdict, now)


def _most_important_first(series: Series, case: Case) -> tuple[bool, int, datetime, int]:
    is_service, priority = importance(case.step)
    return not is_service, -priority, case.due, series.number
