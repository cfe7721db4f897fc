"""What dry runs add up to: counts by key, that of two parts simply add."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from app.follow_ups.channels.rules import month_of
from app.follow_ups.forecasting.course import Asked, Course
from app.follow_ups.states import CONFIRMED_BY_WECOM, Channel, StepOutcome, StepReason

TOUCHED_WITHIN = (7, 30)
EXAMPLES = 20
MOST = 50
Key = tuple[str | int, ...]


class Side(StrEnum):
    """Under which plans: with the draft, or as they are in force now."""

    DRAFT = "draft"
    NOW = "now"


class Span(StrEnum):
    """Which days: the last ones, or those to come from what has happened already."""

    LAST = "last"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Spans:
    """The instants between which the two spans lie."""

    first: datetime
    now: datetime
    last: datetime

    def of(self, instant: datetime) -> Span | None:
        """In which span it lies, if in any."""
        if not self.first <= instant < self.last:
            return None
        return Span.LAST if instant < self.now else Span.NEXT


@dataclass(slots=True)
class Counts:
    """Numbers by key; and some tasks and members by name.

    Keys: `step` side span step_no outcome reason; `all` side span (tasks of all plans); `load` side span associate day
    (tasks of all plans); `store` side span store day (tasks of this plan); `touched` side span days times (members);
    `quota` side month (group sends of this plan) and `full` side month (those that WeCom's quota stops); `first` side
    (members silent for long whom this plan finds on its first day).
    """

    numbers: Counter[Key] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    most: list[dict[str, Any]] = field(default_factory=list)

    def add(self, side: Side, plan_id: int, course: Course, spans: Spans) -> None:
        """Count one life."""
        if course.is_found_at_first:
            self.numbers["first", side] += 1
        channels = {step.step_no: step.channel for step in _steps_of(course, plan_id)}
        for one in course.became:
            span = spans.of(one.at)
            if span is None or one.plan_id != plan_id:
                continue
            outcome, reason = one.verdict.outcome, one.verdict.reason
            self.numbers["step", side, span, one.step_no, outcome, reason] += 1
            if channels[one.step_no] is Channel.GROUP_SEND and outcome is StepOutcome.OPENED:
                self.numbers["quota", side, month_of(one.at)] += 1
            if reason is StepReason.QUOTA_FULL:
                self.numbers["full", side, month_of(one.at)] += 1
        tasks = [one for one in course.asked if not one.is_gone]
        for span in Span:
            its = [one for one in tasks if spans.of(one.at) is span]
            self._add_tasks(side, span, plan_id, course, its)

    def _add_tasks(
        self, side: Side, span: Span, plan_id: int, course: Course, tasks: Sequence[Asked]
    ) -> None:
        if not tasks:
            return
        for one in tasks:
            self.numbers["all", side, span] += 1
            if (
                one.step.channel not in CONFIRMED_BY_WECOM
            ):  # those are one act, however many members they are for
                self.numbers["load", side, span, one.associate_id, one.on.isoformat()] += 1
            if one.plan_id == plan_id:
                self.numbers["store", side, span, one.store_id, one.on.isoformat()] += 1
        times = {days: most_within([one.on for one in tasks], days) for days in TOUCHED_WITHIN}
        for days, number in times.items():
            self.numbers["touched", side, span, days, number] += 1
        if side is Side.DRAFT:
            life = course.life
            self.most.append({"member": life.id, "span": span, **{str(days): n for days, n in times.items()}})
            self.examples += [_example(one, span) for one in tasks if one.plan_id == plan_id]
            self.trim()

    def merge(self, other: Counts) -> None:
        """Add what another part of the members came to."""
        self.numbers.update(other.numbers)
        self.examples += other.examples
        self.most += other.most
        self.trim()

    def trim(self) -> None:
        """Keep some examples of each step, the same whatever the parts, and the members written to most often."""
        if len(self.examples) > 4 * EXAMPLES:
            kept: Counter[tuple[str, int]] = Counter()
            some = []
            for one in sorted(self.examples, key=lambda each: (each["on"], each["member"], each["step"])):
                kept[one["span"], one["step"]] += 1
                if kept[one["span"], one["step"]] <= EXAMPLES:
                    some.append(one)
            self.examples = some
        if len(self.most) > 4 * MOST:
            self.most = [one for span in Span for one in _most(self.most, span)]

    def as_json(self) -> str:
        """As it is kept."""
        numbers = [[*key, number] for key, number in sorted(self.numbers.items(), key=str)]
        return json.dumps(
            {"numbers": numbers, "examples": self.examples, "most": self.most}, separators=(",", ":")
        )

    @classmethod
    def read(cls, text: str) -> Counts:
        """What `as_json` wrote."""
        raw = json.loads(text)
        numbers: Counter[Key] = Counter()
        for *key, number in raw["numbers"]:
            numbers[tuple(key)] = number
        return cls(numbers, raw["examples"], raw["most"])


def most_within(days: Iterable[date], within: int) -> int:
    """The most of these days that lie within so many days in a row."""
    ordered = sorted(days)
    reach = timedelta(days=within)
    most = first = 0
    for last, day in enumerate(ordered):
        while day - ordered[first] >= reach:
            first += 1
        most = max(most, last - first + 1)
    return most


def _steps_of(course: Course, plan_id: int) -> list[Any]:
    return [step for series in course.series if series.plan_id == plan_id for step in series.version.steps]


def _example(one: Asked, span: Span) -> dict[str, Any]:
    return {
        "span": span,
        "step": one.step.step_no,
        "member": one.member_id,
        "on": one.on.isoformat(),
        "store": one.store_id,
        "associate": one.associate_id,
    }


def _most(found: Iterable[dict[str, Any]], span: Span) -> list[dict[str, Any]]:
    its = [one for one in found if one["span"] == span]
    return sorted(its, key=lambda one: (-one["30"], -one["7"], one["member"]))[:MOST]
