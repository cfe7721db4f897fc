"""Opening hours and local calendar of a store. Pure: instants in, instants out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class StoreHours:
    """When a store is open, every day alike: from `opens_at` to before `closes_at`, local time of `zone`.

    A closing time at or before the opening time lies on the next day (a night shop).
    """

    zone: ZoneInfo
    opens_at: time
    closes_at: time

    def local_date(self, instant: datetime) -> date:
        """The calendar date a clock on the store's wall shows at `instant`."""
        return instant.astimezone(self.zone).date()

    def opening_on(self, day: date) -> datetime:
        """The UTC instant at which the store opens on a local date."""
        return self.at(day, self.opens_at)

    def at(self, day: date, wall: time) -> datetime:
        """The UTC instant of a local wall-clock time.

        A time that a spring change skips moves forward by the gap; of a time that occurs twice the first counts
        (PEP 495 with fold 0, then through UTC).
        """
        return _instant(self.zone, day, wall)

    def is_open(self, instant: datetime) -> bool:
        """True while customers may expect someone in the store."""
        today = self.local_date(instant)
        start, end = self._hours_of(today)
        if start <= instant < end:
            return True
        start, end = self._hours_of(today - timedelta(days=1))
        return start <= instant < end

    def open_from(self, instant: datetime) -> datetime:
        """`instant` itself while open, otherwise the next opening."""
        if self.is_open(instant):
            return instant
        today = self.opening_on(self.local_date(instant))
        return today if today >= instant else self.opening_on(self.local_date(instant) + timedelta(days=1))

    def _hours_of(self, day: date) -> tuple[datetime, datetime]:
        last_day = day if self.closes_at > self.opens_at else day + timedelta(days=1)
        return self.opening_on(day), self.at(last_day, self.closes_at)


@lru_cache(maxsize=65_536)
def _instant(zone: ZoneInfo, day: date, wall: time) -> datetime:
    """Remembered: a whole chain opens at a handful of wall-clock times, and every step of every member asks for one."""
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)
