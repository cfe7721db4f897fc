"""When a step is due and how long it counts, by a store's clock: read anew from what a plan promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.reconciling.papers import Promise
from app.stores.models import Store

NOON, MIDNIGHT = time(12), time()
SHORTEST = timedelta(hours=2)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoreClock:
    """A store's clock and hours."""

    zone: ZoneInfo
    opens_at: time
    closes_at: time

    def day_of(self, instant: datetime) -> date:
        """The local date."""
        return instant.astimezone(self.zone).date()

    def wall(self, on: date, at: time) -> datetime:
        """The instant of a local time; of two alike the first, of none the one after the gap."""
        return datetime.combine(on, at, tzinfo=self.zone).astimezone(UTC)

    def when_open(self, instant: datetime) -> datetime:
        """That instant while the store is open, else its next opening."""
        today = self.day_of(instant)
        for back in (1, 0):  # a night shop may still be open from the evening before
            opened_on = today - back * A_DAY
            closes_on = opened_on if self.closes_at > self.opens_at else opened_on + A_DAY
            if self.wall(opened_on, self.opens_at) <= instant < self.wall(closes_on, self.closes_at):
                return instant
        opening = self.wall(today, self.opens_at)
        return opening if instant <= opening else self.wall(today + A_DAY, self.opens_at)

    def due(self, promise: Promise, on: date, at: datetime) -> datetime:
        """When the step of a series that counts from this day, or instant, falls due."""
        if promise.minutes is not None:
            return self.when_open(at + timedelta(minutes=promise.minutes))
        day = on + (promise.days or 0) * A_DAY
        if promise.at is None:
            return self.wall(day, self.opens_at)
        return self.when_open(self.wall(day, promise.at))

    def ends(self, promise: Promise, on: date, due: datetime) -> datetime:
        """When the step is worth nothing any more."""
        if promise.to_noon:
            return max(self.wall(on + promise.valid_days * A_DAY, NOON), due + SHORTEST)
        return self.wall(self.day_of(due) + promise.valid_days * A_DAY, self.opens_at)


def read_clocks(session: Session) -> dict[int, StoreClock]:
    """Every store's clock and hours, by id."""
    rows = session.connection().execute(select(table_of(Store)))
    return {row.id: StoreClock(ZoneInfo(row.time_zone), row.opens_at, row.closes_at) for row in rows}
