"""Until when a task may be put off. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.follow_ups.acts.kinds import Until
from app.stores.rules import StoreHours

EVENING = time(18)
# Whoever puts something off until the evening wants to have it off their hands for a while.
SOONEST = timedelta(minutes=30)
A_DAY = timedelta(days=1)
LATER = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen now: None, or no days, where the task's validity ends before."""

    evening: datetime | None
    tomorrow: datetime | None
    first_day: date | None
    last_day: date | None


def choices(hours: StoreHours, now: datetime, valid_until: datetime) -> Choices:
    """Until when a task valid until then may be put off; days begin the day after tomorrow."""
    today = hours.local_date(now)
    evening = instant_of(Until.EVENING, hours, now)
    tomorrow = instant_of(Until.TOMORROW, hours, now)
    last = hours.local_date(valid_until)
    if hours.opening_on(last) >= valid_until:
        last -= A_DAY
    has_days = last > today + A_DAY
    return Choices(
        evening if may_wait(hours, now, evening, valid_until) and evening - now >= SOONEST else None,
        tomorrow if tomorrow < valid_until else None,
        today + 2 * A_DAY if has_days else None,
        last if has_days else None,
    )


def instant_of(until: Until | date, hours: StoreHours, now: datetime) -> datetime:
    """The instant that is meant: this evening at six, tomorrow's or another day's opening."""
    today = hours.local_date(now)
    if until is Until.EVENING:
        return hours.at(today, EVENING)
    return hours.opening_on(today + A_DAY if until is Until.TOMORROW else date.fromisoformat(str(until)))


def may_wait(hours: StoreHours, now: datetime, until: datetime, valid_until: datetime) -> bool:
    """Whether a task may be put off until then: to come, while the store is open, and before its validity ends."""
    return now < until < valid_until and hours.is_open(until)


def later(hours: StoreHours, now: datetime, valid_until: datetime) -> datetime | None:
    """Two hours on, or the opening after that; None where the task's validity ends before."""
    until = hours.open_from(now + LATER)
    return until if until < valid_until else None
