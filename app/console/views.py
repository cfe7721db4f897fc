"""Figures of the console: what was owed on a day, by store and by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.progress import AssociateProgress, StoreProgress
from app.pages.formats import CHAIN_ZONE, day_bounds
from app.worklist.attention import is_paused

# Nothing can have fallen due before; days near the calendar's ends have no bounds in UTC.
FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """The day a page is about, as the chain's calendar has it."""

    on: date
    today: date
    now: datetime
    zone: ZoneInfo
    is_paused: bool  # headquarters has paused everything

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The instants between which it lies."""
        return day_bounds(self.on, self.zone)

    @property
    def is_today(self) -> bool:
        """Still going on."""
        return self.on == self.today

    @property
    def before(self) -> date | None:
        """The day before; None for the first that can be asked for."""
        return self.on - timedelta(days=1) if self.on > FIRST_DAY else None

    @property
    def after(self) -> date | None:
        """The day after; None for a day that has not come."""
        return None if self.on >= self.today else self.on + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over rows; `owed` is what could be done: everything but what was cancelled."""

    owed: int
    done: int
    open: int
    expired: int
    cancelled: int


def read_day(session: Session, asked: date | None) -> Day:
    """The day asked for, from `FIRST_DAY` on, today where none is; a day to come is today."""
    now = clock.now(session)
    today = now.astimezone(CHAIN_ZONE).date()
    return Day(min(asked or today, today), today, now, CHAIN_ZONE, is_paused(session))


def total(rows: Sequence[StoreProgress | AssociateProgress]) -> Totals:
    """What the rows add up to."""
    return Totals(
        owed=sum(row.opened - row.cancelled for row in rows),
        done=sum(row.done for row in rows),
        open=sum(row.open for row in rows),
        expired=sum(row.expired for row in rows),
        cancelled=sum(row.cancelled for row in rows),
    )
