"""Days of members that come every year: kept sealed, found by a keyed index of their month and day.

How a date comes again, decided here: 29 February counts as the 28th in common years; a birthday of a leap month counts
in the regular month of its number; day 30 of a lunar month that has 29 days counts on its last. Years may be unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.almanac import is_last_of_lunar_month, lunar_day
from app.db import table_of, upsert_rows
from app.members.models import DateCalendar, DateKind, MemberDate
from app.sealing import Keyring

PURPOSE = b"dianban: dates of members"
LONGEST_LUNAR_MONTH = 30
SHORTEST_LUNAR_MONTH = 29


@dataclass(frozen=True, slots=True)
class YearlyDay:
    """A month and day by one calendar, with the year where it is known; `is_leap`: of the second of two such months."""

    calendar: DateCalendar
    month: int
    day: int
    year: int | None = None
    is_leap: bool = False

    @property
    def text(self) -> str:
        """As it is sealed, e.g. `1990-03-05` or `---L06-05`."""
        year = f"{self.year:04d}" if self.year else "--"
        return f"{year}-{'L' if self.is_leap else ''}{self.month:02d}-{self.day:02d}"

    @property
    def recurs_as(self) -> str:
        """What comes again: a member of a leap month has their day in the regular month of its number."""
        return f"{self.calendar}:{self.month:02d}-{self.day:02d}"


def is_real(day: YearlyDay) -> bool:
    """True for a day that its calendar has, in its year or, where that is unknown, in some year."""
    if day.calendar is DateCalendar.LUNAR:
        return 1 <= day.month <= 12 and 1 <= day.day <= LONGEST_LUNAR_MONTH
    try:
        date(day.year or 2000, day.month, day.day)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class SealedDay:
    """A yearly day that nobody can read without the key."""

    calendar: DateCalendar
    sealed: str
    day_index: str


def seal_day(keys: Keyring, kind: DateKind, day: YearlyDay, salt: str) -> SealedDay:
    """The day as it is stored; the same for the same salt."""
    return SealedDay(day.calendar, keys.close(kind, day.text, salt), keys.index(kind, day.recurs_as))


@dataclass(frozen=True, slots=True)
class NewDate:
    """A day of a member's as it was reported."""

    member_id: int
    kind: DateKind
    day: SealedDay
    event_id: int
    reported_at: datetime


def write_dates(session: Session, dates: Sequence[NewDate]) -> None:
    """Keep them; of several of one member and kind the one reported last, whatever order they come in.

    Callers hold the members' `member_care` rows.
    """
    table = table_of(MemberDate)
    members = sorted({new.member_id for new in dates})
    rows = session.execute(select(table).where(table.c.member_id.in_(members))) if members else ()
    kept = {(row.member_id, row.kind): (row.reported_at, row.day_index, row.event_id) for row in rows}
    newest: dict[tuple[int, str], NewDate] = {}
    for new in sorted(dates, key=lambda one: (one.reported_at, one.day.day_index, one.event_id)):
        key = (new.member_id, new.kind)
        if key not in kept or (new.reported_at, new.day.day_index) > kept[key][:2]:
            newest[key] = new
    upsert_rows(session, MemberDate, [_row(newest[key]) for key in sorted(newest)])


def reseal_dates(session: Session, keys: Keyring, member_ids: Sequence[int]) -> tuple[int, int]:
    """Seal what a former secret sealed under the newest; returns how many, and how many no secret opens.

    Callers hold the members' `member_care` rows.
    """
    shut, rows = 0, []
    for row in session.scalars(select(MemberDate).where(MemberDate.member_id.in_(sorted(member_ids)))):
        opened = keys.open(row.kind, row.sealed)
        if opened is None:
            shut += 1
        elif not keys.is_newest(row.sealed):
            day = _read(opened, DateCalendar(row.calendar))
            row.sealed = keys.close(row.kind, day.text, salt=str(row.event_id))
            row.day_index = keys.index(row.kind, day.recurs_as)
            rows.append(row)
    session.flush()
    return len(rows), shut


def _read(text: str, calendar: DateCalendar) -> YearlyDay:
    """What `YearlyDay.text` wrote."""
    year, month, day = text.rsplit("-", 2)
    is_leap = month.startswith("L")
    known = int(year) if year.isdigit() else None
    return YearlyDay(calendar, int(month.removeprefix("L")), int(day), known, is_leap)


def recurring_on(day: date) -> list[str]:
    """What recurs on a Gregorian day, by both calendars (`YearlyDay.recurs_as`). Nothing lunar in a leap month."""
    found = [f"{DateCalendar.SOLAR}:{day:%m-%d}"]
    if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month != day.month:
        found.append(f"{DateCalendar.SOLAR}:02-29")
    its = lunar_day(day)
    if not its.is_leap:
        found.append(f"{DateCalendar.LUNAR}:{its.month:02d}-{its.day:02d}")
        if its.day == SHORTEST_LUNAR_MONTH and is_last_of_lunar_month(day):
            found.append(f"{DateCalendar.LUNAR}:{its.month:02d}-{LONGEST_LUNAR_MONTH:02d}")
    return found


@dataclass(frozen=True, slots=True)
class DueDate:
    """A member whose day it is, and the year by which that day is told from the next one."""

    member_id: int
    year: int


def members_of_day(
    session: Session, keys: Keyring, kind: DateKind, day: date, *, after: int, limit: int
) -> list[DueDate]:
    """Some members whose day this is, by id from behind `after`: one range of an index per index value.

    The year is the day's, of a lunar date the lunar one: two days of one lunar date may lie in one Gregorian year.
    """
    indexes = [index for value in recurring_on(day) for index in keys.indexes(kind, value)]
    query = (
        select(MemberDate.member_id, MemberDate.calendar)
        .where(
            MemberDate.kind == kind,
            or_(*(MemberDate.day_index == index for index in indexes)),
            MemberDate.member_id > after,
        )
        .order_by(MemberDate.member_id)
        .limit(limit)
    )
    lunar_year = lunar_day(day).year
    return [
        DueDate(member_id, lunar_year if calendar == DateCalendar.LUNAR else day.year)
        for member_id, calendar in session.execute(query)
    ]


def _row(new: NewDate) -> dict[str, object]:
    return {
        "member_id": new.member_id,
        "kind": new.kind,
        "calendar": new.day.calendar,
        "sealed": new.day.sealed,
        "day_index": new.day.day_index,
        "event_id": new.event_id,
        "reported_at": new.reported_at,
    }
