"""Whom a plan of the calendar finds on a day: a chunk of members at a time, always by an index, never by asking all.

Birthdays and anniversaries by the keyed index of their day, silence by the index of last purchases. Dates and festivals
concern everybody: on their day alone the members are gone through by id. So are they for silence on a plan's first day,
which finds whoever has been silent for long already.

A silence lasts from a member's last purchase to the next one, and a plan asks about it once: who entered by a silence
and has bought nothing since that day is passed over, whatever is told late of purchases before it, and whatever later
versions of the plan call a silence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.follow_ups.models import Enrollment
from app.follow_ups.plans.documents import Trigger, TriggerKind
from app.follow_ups.plans.sweeps import zones
from app.follow_ups.series.entering import event_name
from app.follow_ups.triggers.festivals import festival_on
from app.members.dates import members_of_day
from app.members.models import DateKind, Member
from app.orders.models import MemberPurchases, Order
from app.sealing import Keyring
from app.stores.queries import hours_of

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Members found (id → name of the anchor event), and where to look on; None where that was all of the day."""

    events: Mapping[int, str]
    cursor: int | None


@dataclass(frozen=True, slots=True)
class News:
    """What may be new on this day beside the day itself: everybody's, or what was told behind the order of this id."""

    plan_id: int
    everybody: bool
    after_order: int


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look: on which day, from behind which member, how many at once."""

    keys: Keyring
    on: date
    after: int
    limit: int
    news: News


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
    """Those whose last purchase was so many days ago by the clock of their own store, and who were overlooked."""
    last_on = search.on - timedelta(days=trigger.days)
    looked_at, is_full = _perhaps_silent(session, last_on, search)
    query = (
        select(MemberPurchases.member_id, MemberPurchases.last_purchased_at, Member.store_id)
        .join(Member, Member.id == MemberPurchases.member_id)
        .where(MemberPurchases.member_id.in_(looked_at), MemberPurchases.last_purchased_at.is_not(None))
    )
    rows = session.execute(query.order_by(MemberPurchases.member_id)).all()
    hours = hours_of(session, {row.store_id for row in rows})
    silent_since = {
        row.member_id: hours[row.store_id].local_date(row.last_purchased_at)
        for row in rows
        if row.last_purchased_at is not None
    }
    silent_since = {member_id: day for member_id, day in silent_since.items() if day <= last_on}
    asked = asked_on(session, search.news.plan_id, silent_since)
    events = {
        member_id: event_name("silence", day.isoformat())
        for member_id, day in silent_since.items()
        if asked.get(member_id, date.min) <= day
    }
    return Chunk(events, looked_at[-1] if is_full else None)


def _perhaps_silent(session: Session, last_on: date, search: Search) -> tuple[list[int], bool]:
    """The next members to look at, by id, and whether there may be more behind them."""
    midnights = [datetime.combine(last_on, time(), zone) for zone in zones(session)]
    first, last = min(midnights).astimezone(UTC), (max(midnights) + A_DAY).astimezone(UTC)
    its, news = MemberPurchases.member_id, search.news
    ways: list[Select[Any]] = [select(its).where(MemberPurchases.last_purchased_at <= last)]
    if not news.everybody:
        told_late = select(Order.member_id).where(Order.id > news.after_order, Order.purchased_at < first)
        ways = [ways[0].where(MemberPurchases.last_purchased_at >= first), told_late.distinct()]
    found: set[int] = set()
    is_full = False
    for way in ways:
        column = way.selected_columns[0]
        some = session.scalars(way.where(column > search.after).order_by(column).limit(search.limit)).all()
        found.update(some)
        is_full |= len(some) == search.limit
    looked_at = sorted(found)[: search.limit]
    return looked_at, is_full or len(found) > search.limit


def asked_on(session: Session, plan_id: int, members: Collection[int]) -> dict[int, date]:
    """The last day on which each of these members entered the plan by a silence."""
    query = select(Enrollment.member_id, func.max(Enrollment.anchor_on)).where(
        Enrollment.member_id.in_(sorted(members)),
        Enrollment.anchor_event.startswith("silence:", autoescape=True),
        Enrollment.plan_id == plan_id,
    )
    return dict(session.execute(query.group_by(Enrollment.member_id)).all()) if members else {}


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
