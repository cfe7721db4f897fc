"""How much somebody has to do, or has done, on a local day, kept as a count so that nobody has to look every time.

Callers hold the `member_care` rows of whatever they give or take. The rows of `balance_schedules` are locked here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.db import add_to_rows, any_of, read_rows, table_of, upsert_rows
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.models import BalanceSchedule, Elsewhere, WorkItem, WorkState

# What falls due together is opened within seconds; the digest that tells of it is gathered after a minute at least.
BALANCE_AFTER = timedelta(seconds=30)
# What is done today fell due at most so long ago: it bounds how much of the past is looked at.
LONGEST_OPEN = timedelta(days=31)
A_DAY = timedelta(days=1)
MIDNIGHT = time(0)
ITEMS = table_of(WorkItem)
TAKES_ROOM = ITEMS.c.elsewhere != Elsewhere.TOGETHER


@dataclass(frozen=True, slots=True, order=True)
class LocalDay:
    """The instants between which a store's local day lies."""

    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, hours: StoreHours, instant: datetime) -> LocalDay:
        """The day that a clock on the store's wall shows."""
        on = hours.local_date(instant)
        return cls(hours.at(on, MIDNIGHT), hours.at(on + A_DAY, MIDNIGHT))

    @property
    def looked_at_from(self) -> datetime:
        """What is done on this day fell due then at the earliest."""
        return self.starts_at - LONGEST_OPEN


def _is_open(ends_at: Any) -> Any:
    is_at_hand = or_(ITEMS.c.postponed_until.is_(None), ITEMS.c.postponed_until < ends_at)
    return and_(ITEMS.c.state == WorkState.OPEN, is_at_hand)


def _is_done(starts_at: Any, since: Any) -> Any:
    return and_(ITEMS.c.state == WorkState.DONE, ITEMS.c.due_at >= since, ITEMS.c.closed_at >= starts_at)


# Built once: whoever is given something first on a day is counted.
LOADS = (
    select(ITEMS.c.assignee_id, func.count())
    .where(
        any_of(ITEMS.c.assignee_id, "people"),
        or_(_is_open(bindparam("ends_at")), _is_done(bindparam("starts_at"), bindparam("since"))),
        TAKES_ROOM,
    )
    .group_by(ITEMS.c.assignee_id)
)
SCHEDULES = select(table_of(BalanceSchedule)).where(
    any_of(table_of(BalanceSchedule).c.associate_id, "people")
)


@dataclass(frozen=True, slots=True)
class Given:
    """So many work items of a store were given to somebody."""

    number: int
    store_id: int


def count_given(session: Session, given: Mapping[int, Given], capacity: int, now: datetime) -> None:
    """Count what these people were given by this transaction, and have their worklists balanced where it is too much.

    The work items are in the table already. Locks the people's schedules in ascending ids until the transaction ends.
    """
    schedules = lock_schedules(session, {person: its.number for person, its in given.items()})
    stale = [row.associate_id for row in schedules if row.counted_until is None or row.counted_until <= now]
    counted = {row.associate_id: (row.counted, row.counted_until) for row in schedules}
    if stale:
        hours = hours_of(session, {given[person].store_id for person in stale})
        days = {person: LocalDay.of(hours[given[person].store_id], now) for person in stale}
        loads = read_loads(session, days)
        counted |= {person: (loads[person], days[person].ends_at) for person in stale}
    due = {person: now + BALANCE_AFTER for person, (number, _) in counted.items() if number > capacity}
    changed = [row for row in schedules if row.associate_id in {*stale, *due}]
    _write(session, changed, counted, due)


def schedule_balance(session: Session, due: Mapping[int, datetime]) -> None:
    """Have these people's worklists looked at then, or earlier where that is set already. Locks as `count_given`."""
    schedules = lock_schedules(session, dict.fromkeys(due, 0))
    counted = {row.associate_id: (row.counted, row.counted_until) for row in schedules}
    _write(session, schedules, counted, due)


def lock_schedules(session: Session, added: Mapping[int, int]) -> Sequence[Any]:
    """The schedules of these people, made where missing, locked in ascending ids, with so many more counted."""
    rows = [
        {"associate_id": person, "next_due_at": None, "counted": added[person], "counted_until": None}
        for person in sorted(added)
    ]
    if not rows:
        return []
    add_to_rows(session, BalanceSchedule, rows, added={"counted"})
    return sorted(read_rows(session, SCHEDULES, {"people": added}), key=lambda row: row.associate_id)


def read_loads(session: Session, days: Mapping[int, LocalDay]) -> dict[int, int]:
    """How much each has to do or has done on their day: what is open and not put off beyond it, and what they did."""
    people: dict[LocalDay, list[int]] = defaultdict(list)
    for person, day in days.items():
        people[day].append(person)
    loads = dict.fromkeys(days, 0)
    for day, some in people.items():
        asked = {
            "people": some,
            "starts_at": day.starts_at,
            "ends_at": day.ends_at,
            "since": day.looked_at_from,
        }
        loads |= dict(session.connection().execute(LOADS, asked).all())
    return loads


def is_open_on(day: LocalDay) -> Any:
    """Of a work item: it is still to be done on this day."""
    return _is_open(day.ends_at)


def is_done_on(day: LocalDay) -> Any:
    """Of a work item: it was done on this day."""
    return _is_done(day.starts_at, day.looked_at_from)


def _write(
    session: Session,
    schedules: Iterable[Any],
    counted: Mapping[int, tuple[int, datetime | None]],
    due: Mapping[int, datetime],
) -> None:
    """Write counts and due instants; one that is set already and comes earlier stays."""
    rows, obsolete, timers = [], [], []
    for row in schedules:
        person, present = row.associate_id, row.next_due_at
        at = min((each for each in (present, due.get(person)) if each is not None), default=None)
        if at is not None and at != present:
            timers.append((TimerKey(Lane.BALANCE, at, person), None))
            if present is not None:
                obsolete.append(TimerKey(Lane.BALANCE, present, person))
        number, until = counted[person]
        if (at, number, until) != (present, row.counted, row.counted_until):
            rows.append(
                {"associate_id": person, "next_due_at": at, "counted": number, "counted_until": until}
            )
    clear_timers(session, obsolete)
    set_timers(session, timers)
    upsert_rows(session, BalanceSchedule, rows)
