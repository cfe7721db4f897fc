"""What is owed to members, recomputed from their purchases alone.

This is the second opinion on firing: it knows the plan's promise and raw purchases, and neither enrollments, timers,
records nor tasks, and it shares no rule with the code it judges. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Promise:
    """A step of a plan version, as far as it says when."""

    step_no: int
    kind: str
    minutes: int | None
    days: int | None
    valid_days: int
    to_noon: bool
    restarts: bool


def promise_of(step_no: int, step: Mapping[str, Any]) -> Promise:
    """What a step of a plan document promises."""
    amount, unit = step["after"].split(" ")[:2]
    valid, valid_unit = step["valid"].split(" ")
    in_minutes = unit == "minutes"
    return Promise(
        step_no,
        step["kind"],
        int(amount) if in_minutes else None,
        None if in_minutes else int(amount),
        int(valid),
        valid_unit == "noon",
        step["on_repurchase"] == "restart",
    )


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase of goods by a member, as reported."""

    member_id: int
    at: datetime
    time_known: bool
    zone: ZoneInfo
    opens_at: time
    closes_at: time
    refunded: bool
    recorded_at: datetime


InForce = Callable[[datetime], Sequence[Promise]]


class Expected(StrEnum):
    """What must have become of an owed step."""

    OPENED = "opened"
    PENDING = "pending"
    TIME_UNKNOWN = "time_unknown"
    BEFORE_START = "before_start"
    NEW_PURCHASE = "new_purchase"
    OPENED_OR_RESTARTED = "opened_or_restarted"  # a newer purchase came before its time was over
    KEPT_EARLIER = "kept_earlier"
    REFUNDED = "refunded"  # or whatever had become of it before the refund


@dataclass(frozen=True, slots=True)
class Owed:
    """One step owed to one member for one day of purchases."""

    member_id: int
    on: date
    step_no: int
    due_at: datetime
    expected: Expected


@dataclass(slots=True)
class _Day:
    on: date
    first: Bought
    live: bool = False
    known_at: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))

    def add(self, bought: Bought) -> None:
        self.first = min(self.first, bought, key=lambda one: one.at)
        self.live |= not bought.refunded
        self.known_at = min(self.known_at, bought.recorded_at)


def owed_to(member: Sequence[Bought], in_force: InForce, now: datetime) -> list[Owed]:
    """Every step owed to one member for all their purchases, soonest day first.

    `in_force` gives what the plan promised at the instant a day's purchases became known.
    """
    days = _days(member)
    kept_until: dict[str, datetime] = {}
    owed = []
    for index, day in enumerate(days):
        later = [other for other in days[index + 1 :] if other.live]
        for promise in in_force(day.known_at):
            due, ends = _span(day, promise)
            expected = _expect(day, promise, due, ends, later, kept_until, now)
            owed.append(Owed(day.first.member_id, day.on, promise.step_no, due, expected))
    return owed


def _expect(
    day: _Day,
    promise: Promise,
    due: datetime,
    ends: datetime,
    later: Iterable[_Day],
    kept_until: dict[str, datetime],
    now: datetime,
) -> Expected:
    if not day.live:
        return Expected.REFUNDED
    if promise.minutes is not None and not day.first.time_known:
        return Expected.TIME_UNKNOWN
    if ends <= day.known_at:
        return Expected.BEFORE_START
    outcome = Expected.OPENED
    if promise.restarts:
        newer = [other.first.at for other in later if promise.minutes is None or other.first.time_known]
        if any(at <= due for at in newer):
            outcome = Expected.NEW_PURCHASE
        elif any(at < ends for at in newer):
            outcome = Expected.OPENED_OR_RESTARTED
    elif kept_until.get(promise.kind, day.first.at) > day.first.at:
        outcome = Expected.KEPT_EARLIER
    else:
        kept_until[promise.kind] = due
    return Expected.PENDING if due > now else outcome


def _days(member: Sequence[Bought]) -> list[_Day]:
    grouped: dict[date, _Day] = {}
    for bought in member:
        on = bought.at.astimezone(bought.zone).date()
        grouped.setdefault(on, _Day(on, bought)).add(bought)
    return [grouped[on] for on in sorted(grouped)]


def _span(day: _Day, promise: Promise) -> tuple[datetime, datetime]:
    """When the step falls due and when it is worth nothing any more."""
    shop = day.first
    if promise.minutes is None:
        due = _wall(shop, day.on + timedelta(days=promise.days or 0), shop.opens_at)
    else:
        due = _when_open(shop, shop.at + timedelta(minutes=promise.minutes))
    if promise.to_noon:
        noon = _wall(shop, day.on + timedelta(days=promise.valid_days), time(12))
        return due, max(noon, due + timedelta(hours=2))
    due_on = due.astimezone(shop.zone).date()
    return due, _wall(shop, due_on + timedelta(days=promise.valid_days), shop.opens_at)


def _when_open(shop: Bought, instant: datetime) -> datetime:
    wall = instant.astimezone(shop.zone)
    for back in (1, 0):  # a night shop may still be open from the evening before
        opening = _wall(shop, wall.date() - timedelta(days=back), shop.opens_at)
        closing_on = wall.date() - timedelta(days=back - (shop.closes_at <= shop.opens_at))
        if opening <= instant < _wall(shop, closing_on, shop.closes_at):
            return instant
    today = _wall(shop, wall.date(), shop.opens_at)
    return today if instant <= today else _wall(shop, wall.date() + timedelta(days=1), shop.opens_at)


def _wall(shop: Bought, on: date, at: time) -> datetime:
    return datetime.combine(on, at, tzinfo=shop.zone).astimezone(UTC)


def by_member(purchases: Iterable[Bought]) -> dict[int, list[Bought]]:
    """Purchases sorted by whose they are."""
    grouped: dict[int, list[Bought]] = defaultdict(list)
    for bought in purchases:
        grouped[bought.member_id].append(bought)
    return grouped
