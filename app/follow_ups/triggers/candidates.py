"""Whom a plan of the calendar finds on a day: a chunk of members at a time, always by an index, never by asking all.

Birthdays and anniversaries by the keyed index of their day, silence by the index of last purchases. Dates and festivals
concern everybody: on their day alone the members are gone through by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.entering import event_name
from app.follow_ups.plans.documents import Trigger, TriggerKind
from app.follow_ups.plans.sweeps import zones
from app.follow_ups.triggers.festivals import festival_on
from app.members.dates import members_of_day
from app.members.models import DateKind, Member
from app.orders.models import MemberPurchases
from app.sealing import Keyring
from app.stores.queries import stores_by_id

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Members found (id → name of the anchor event), and where to look on; None where that was all of the day."""

    events: Mapping[int, str]
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look: on which day, from behind which member, how many at once."""

    keys: Keyring
    on: date
    after: int
    limit: int


def candidates(session: Session, trigger: Trigger, search: Search) -> Chunk:
    """The next members whom this trigger finds on the day, by id."""
    return FINDERS[trigger.kind](session, trigger, search)


def _yearly(kind: DateKind) -> Callable[[Session, Trigger, Search], Chunk]:
    def find(session: Session, trigger: Trigger, search: Search) -> Chunk:
        day = search.on + timedelta(days=trigger.days)
        found = members_of_day(session, search.keys, kind, day, after=search.after, limit=search.limit)
        events = {one.member_id: event_name(kind, one.year) for one in found}
        return _chunk(events, list(events), search)

    return find


def _silent(session: Session, trigger: Trigger, search: Search) -> Chunk:
    """Those whose last purchase was exactly so many days ago by the clock of their own store."""
    last_on = search.on - timedelta(days=trigger.days)
    midnights = [datetime.combine(last_on, time(), zone) for zone in zones(session)]
    first, last = min(midnights), max(at + A_DAY for at in midnights)
    query = (
        select(MemberPurchases.member_id, MemberPurchases.last_purchased_at, Member.store_id)
        .join(Member, Member.id == MemberPurchases.member_id)
        .where(
            MemberPurchases.last_purchased_at >= first.astimezone(UTC),
            MemberPurchases.last_purchased_at <= last.astimezone(UTC),
            MemberPurchases.member_id > search.after,
        )
        .order_by(MemberPurchases.member_id)
        .limit(search.limit)
    )
    rows, stores = session.execute(query).all(), stores_by_id(session)
    event = event_name("silence", last_on.isoformat())
    events = {
        row.member_id: event
        for row in rows
        if stores[row.store_id].hours.local_date(row.last_purchased_at) == last_on
    }
    return _chunk(events, [row.member_id for row in rows], search)


def _on_dates(session: Session, trigger: Trigger, search: Search) -> Chunk:
    day = search.on + timedelta(days=trigger.days)
    return _everybody(session, event_name("date", day.isoformat()) if day in trigger.dates else None, search)


def _on_festival(session: Session, trigger: Trigger, search: Search) -> Chunk:
    year = festival_on(trigger.festival, search.on + timedelta(days=trigger.days))
    return _everybody(session, event_name("festival", trigger.festival, year) if year else None, search)


def _everybody(session: Session, event: str | None, search: Search) -> Chunk:
    if event is None:
        return Chunk({}, None)
    query = select(Member.id).where(Member.id > search.after).order_by(Member.id).limit(search.limit)
    found = list(session.scalars(query))
    return _chunk(dict.fromkeys(found, event), found, search)


def _chunk(events: Mapping[int, str], looked_at: Sequence[int], search: Search) -> Chunk:
    return Chunk(events, looked_at[-1] if len(looked_at) == search.limit else None)


FINDERS: Mapping[TriggerKind, Callable[[Session, Trigger, Search], Chunk]] = {
    TriggerKind.BIRTHDAY: _yearly(DateKind.BIRTHDAY),
    TriggerKind.ANNIVERSARY: _yearly(DateKind.ANNIVERSARY),
    TriggerKind.SILENCE: _silent,
    TriggerKind.DATES: _on_dates,
    TriggerKind.FESTIVAL: _on_festival,
}
