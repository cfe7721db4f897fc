"""Who is on duty when (排班): shifts and days off over a store's opening hours. Nothing is decided here but that.

A day without a row is one of which nothing is known: the person is on duty whenever their store is open. A row with
times is that day's one shift; a row without is a day off. A shift that ends at or before its beginning ends the next
day, and belongs to the day on which it begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.associates.models import Shift
from app.db import any_of, table_of
from app.stores.rules import StoreHours

DAY = timedelta(days=1)
CHUNK = 500
SHIFTS = select(table_of(Shift)).where(
    any_of(table_of(Shift).c.associate_id, "people"),
    table_of(Shift).c.work_on.between(bindparam("first"), bindparam("last")),
)


@dataclass(frozen=True, slots=True)
class Times:
    """One shift, local wall-clock times of the store."""

    starts_at: time
    ends_at: time


# By person and day: the shift, or None for a day off. What is missing is not known.
Known = Mapping[tuple[int, date], Times | None]


@dataclass(frozen=True, slots=True)
class Roster:
    """The shifts that begin on `first` to `last`, local dates; pure once read."""

    known: Known
    first: date
    last: date

    @classmethod
    def read(cls, session: Session, associate_ids: Iterable[int], days: Collection[date]) -> Roster:
        """The shifts of these people for asking about any instant of these local days and those between them.

        One query for each 500 people. Raises `ValueError` without a day.
        """
        if not days:
            raise ValueError("a roster of no day")
        first, last = min(days) - DAY, max(days)  # a night's shift begins the day before
        people = sorted(set(associate_ids))
        known: dict[tuple[int, date], Times | None] = {}
        for start in range(0, len(people), CHUNK):
            asked = {"people": people[start : start + CHUNK], "first": first, "last": last}
            for row in session.connection().execute(SHIFTS, asked):
                is_off = row.starts_at is None or row.ends_at is None
                known[row.associate_id, row.work_on] = None if is_off else Times(row.starts_at, row.ends_at)
        return cls(known, first, last)

    def is_on_duty(self, associate_id: int, hours: StoreHours, instant: datetime) -> bool:
        """True while they work. Raises `LookupError` for an instant of a day that was not read."""
        today = hours.local_date(instant)
        if not self.first < today <= self.last:
            raise LookupError(f"{today} was not read from the roster")
        spans = (self._duty(associate_id, hours, day) for day in (today - DAY, today))
        return any(begins <= instant < ends for begins, ends in filter(None, spans))

    def next_duty(
        self, associate_id: int, hours: StoreHours, instant: datetime, until: datetime
    ) -> datetime | None:
        """`instant` itself where they are on duty then, else the beginning of their next shift.

        None where there is none before `until`, or none in the days that were read.
        """
        day = max(hours.local_date(instant) - DAY, self.first)
        last = min(hours.local_date(until), self.last)
        while day <= last:
            span = self._duty(associate_id, hours, day)
            if span is not None and instant < span[1]:
                begins = max(span[0], instant)
                return begins if begins < until else None
            day += DAY
        return None

    def _duty(self, associate_id: int, hours: StoreHours, day: date) -> tuple[datetime, datetime] | None:
        """From when to before when they work on what begins on this day; None where that is nothing."""
        shift = self.known.get((associate_id, day), Times(hours.opens_at, hours.closes_at))
        if shift is None:
            return None
        last_day = day if shift.ends_at > shift.starts_at else day + DAY
        begins, ends = hours.at(day, shift.starts_at), hours.at(last_day, shift.ends_at)
        return (begins, ends) if begins < ends else None  # all of it skipped by a spring change
