"""What a dry run says, in the numbers people decide by. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.follow_ups.forecasting.counting import Counts, Key, Side, Span
from app.follow_ups.states import StepOutcome

BUSIEST = 20


@dataclass(frozen=True, slots=True)
class Load:
    """Tasks of one person on one day, all plans together, over the days on which they had any."""

    usual: int  # half of the days have at most so many
    p95: int
    most: int
    over: int  # days of people with more than the attention budget gives them


@dataclass(frozen=True, slots=True)
class StepRow:
    """What became of a step, by outcome, under both; `reasons` of the draft's, most frequent first."""

    step_no: int
    draft: Mapping[str, int]
    now: Mapping[str, int]
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class StoreRow:
    """Tasks of this plan in a store, and its busiest day."""

    store_id: int
    tasks: int
    busiest_on: str
    busiest: int
    days: Mapping[str, int]


def fold(counts: Counts) -> Counts:
    """The counts as they are kept: of what people had on single days how often so many, and the busiest days."""
    numbers: Counter[Key] = Counter()
    loads: list[tuple[int, Key]] = []
    for key, number in counts.numbers.items():
        if key[0] == "load":
            numbers["loads", key[1], key[2], number] += 1
            loads.append((number, key))
        else:
            numbers[key] += number
    for side in Side:
        for span in Span:
            its = [one for one in loads if one[1][1:3] == (side, span)]
            for number, key in sorted(its, key=lambda one: (-one[0], str(one[1])))[:BUSIEST]:
                numbers["busiest", *key[1:]] = number
    return Counts(numbers, counts.examples, counts.most)


class Summary:
    """Reads folded counts."""

    def __init__(self, counts: Counts) -> None:
        self._numbers = counts.numbers
        self.examples, self.most_written_to = counts.examples, counts.most

    def tasks(self, side: Side, span: Span) -> int:
        """Of this plan that would be opened and stay open."""
        return sum(number for _, number in self._under("store", side, span))

    def all_tasks(self, side: Side, span: Span) -> int:
        """Of all plans."""
        return self._numbers["all", side, span]

    def found_at_first(self) -> int:
        """Members who have been silent for long: this plan would find all of them on its first day."""
        return self._numbers["first", Side.DRAFT]

    def steps(self, span: Span) -> list[StepRow]:
        """By step, what would become of it."""
        numbers = {key[0] for side in Side for key, _ in self._under("step", side, span)}
        return [self._step(span, int(step_no)) for step_no in sorted(numbers)]

    def load(self, side: Side, span: Span, capacity: int) -> Load:
        """What people would have on a day."""
        days = sorted((int(key[0]), number) for key, number in self._under("loads", side, span))
        over = sum(number for tasks, number in days if tasks > capacity)
        most = days[-1][0] if days else 0
        return Load(_quantile(days, 0.5), _quantile(days, 0.95), most, over)

    def busiest(self, span: Span, side: Side = Side.DRAFT) -> list[tuple[int, str, int]]:
        """The fullest days: who, when, how many tasks of all plans."""
        rows = [(int(key[0]), str(key[1]), number) for key, number in self._under("busiest", side, span)]
        return sorted(rows, key=lambda row: (-row[2], row[1], row[0]))

    def touched(self, side: Side, span: Span, days: int, more_than: int) -> int:
        """How many members would be written to more than so often within so many days."""
        found = self._under("touched", side, span, days)
        return sum(number for key, number in found if int(key[0]) > more_than)

    def most_touched(self, span: Span) -> list[dict[str, Any]]:
        """The members written to most often, with how often within 7 and 30 days."""
        its = [one for one in self.most_written_to if one["span"] == span]
        return sorted(its, key=lambda one: (-one["30"], -one["7"], one["member"]))

    def quota(self, side: Side) -> list[tuple[str, int, int]]:
        """By month, WeCom group sends of this plan, and those that its quota would not let through."""
        sent = {str(key[0]): number for key, number in self._under("quota", side)}
        full = {str(key[0]): number for key, number in self._under("full", side)}
        return [
            (month, sent.get(month, 0), full.get(month, 0)) for month in sorted(sent.keys() | full.keys())
        ]

    def stores(self, span: Span) -> list[StoreRow]:
        """By store, most tasks first."""
        days: dict[int, dict[str, int]] = {}
        for (store_id, day), number in self._under("store", Side.DRAFT, span):
            days.setdefault(int(store_id), {})[str(day)] = number
        rows = [
            StoreRow(
                store_id, sum(its.values()), max(its, key=lambda day: (its[day], day)), max(its.values()), its
            )
            for store_id, its in days.items()
        ]
        return sorted(rows, key=lambda row: (-row.tasks, row.store_id))

    def _step(self, span: Span, step_no: int) -> StepRow:
        reasons: Counter[str] = Counter()
        outcomes: dict[Side, Counter[str]] = {side: Counter() for side in Side}
        for side in Side:
            for (outcome, reason), number in self._under("step", side, span, step_no):
                outcomes[side][str(outcome)] += number
                if side is Side.DRAFT and outcome != StepOutcome.OPENED:
                    reasons[str(reason)] += number
        return StepRow(step_no, outcomes[Side.DRAFT], outcomes[Side.NOW], tuple(reasons.most_common()))

    def _under(self, *prefix: str | int) -> Iterable[tuple[Key, int]]:
        reach = len(prefix)
        return [
            (key[reach:], number) for key, number in self._numbers.items() if key[:reach] == prefix and number
        ]


def _quantile(days: list[tuple[int, int]], share: float) -> int:
    """The smallest number of tasks that so great a share of the days has at most."""
    left = share * sum(number for _, number in days)
    for tasks, number in days:
        left -= number
        if left <= 0:
            return tasks
    return 0
