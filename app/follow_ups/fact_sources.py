"""Where facts come from: each source answers some terms for many members with one statement.

A count of nothing is 0, a set of nothing is empty; what nobody knows is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.catalogue.models import Product
from app.criteria.terms import Value
from app.inbound.events import LineKind
from app.member_events.models import MemberEventKind
from app.member_events.queries import latest_events
from app.members.models import ContactBinding, ExternalContact, Member, MemberCare
from app.members.phones import members_with_phone
from app.members.queries import contacts_of
from app.orders.models import MemberPurchases, Order, OrderLine
from app.stores.queries import StoreFacts, stores_by_id
from app.tagging.models import BindingTag, Tag

Found = Mapping[int, Mapping[str, Value]]
YEAR = 365
# The windows of days that amounts and numbers of purchases are asked of.
AMOUNT_DAYS = (30, 90, YEAR)
ORDERS_DAYS = (90, YEAR)


@dataclass(frozen=True, slots=True)
class Person:
    """Who a member is."""

    id: int
    store: StoreFacts
    owner_id: int | None
    joined_at: datetime
    opted_out_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """About whom, and when."""

    people: Mapping[int, Person]
    now: datetime

    def today(self, member_id: int) -> date:
        """The local date in the member's store."""
        return self.people[member_id].store.hours.local_date(self.now)


@dataclass(frozen=True, slots=True)
class Source:
    """What can be read together."""

    terms: frozenset[str]
    read: Callable[[Session, Asked], Found]


def read_people(session: Session, member_ids: Collection[int]) -> dict[int, Person]:
    """Those of the members there are."""
    query = (
        select(Member.id, Member.store_id, Member.owner_id, Member.joined_at, MemberCare.opted_out_at)
        .outerjoin(MemberCare, MemberCare.member_id == Member.id)
        .where(Member.id.in_(sorted(member_ids)))
    )
    rows = session.execute(query).all()
    stores = stores_by_id(session, {row.store_id for row in rows})
    return {
        row.id: Person(row.id, stores[row.store_id], row.owner_id, row.joined_at, row.opted_out_at)
        for row in rows
    }


def _profile(_session: Session, asked: Asked) -> Found:
    return {person.id: _of_profile(person, asked.today(person.id)) for person in asked.people.values()}


def _of_profile(person: Person, today: date) -> dict[str, Value]:
    joined_on = person.store.hours.local_date(person.joined_at)
    return {
        "store": person.store.code,
        "store_name": person.store.name,
        "joined_on": joined_on,
        "member_days": (today - joined_on).days,
        "has_owner": person.owner_id is not None,
        "opted_out": person.opted_out_at is not None,
    }


def _contacts(session: Session, asked: Asked) -> Found:
    bound = contacts_of(session, asked.people.keys())
    return {member_id: {"is_contact": member_id in bound} for member_id in asked.people}


def _phones(session: Session, asked: Asked) -> Found:
    known = members_with_phone(session, asked.people.keys())
    return {member_id: {"has_phone": member_id in known} for member_id in asked.people}


def _tags(session: Session, asked: Asked) -> Found:
    query = (
        select(ExternalContact.member_id, Tag.name)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .join(BindingTag, BindingTag.binding_id == ContactBinding.id)
        .join(Tag, Tag.wecom_id == BindingTag.wecom_tag_id)
        .where(
            ExternalContact.member_id.in_(sorted(asked.people)),
            ContactBinding.ended_at.is_(None),
            Tag.ended_at.is_(None),
        )
    )
    carried: dict[int, set[str]] = defaultdict(set)
    for member_id, name in session.execute(query):
        if member_id is not None:
            carried[member_id].add(name)
    return {member_id: {"tags": frozenset(carried[member_id])} for member_id in asked.people}


def _totals(session: Session, asked: Asked) -> Found:
    query = select(MemberPurchases).where(MemberPurchases.member_id.in_(sorted(asked.people)))
    none: dict[str, Value] = {"orders": 0, "total_amount": 0, "net_amount": 0}
    found: dict[int, dict[str, Value]] = {member_id: dict(none) for member_id in asked.people}
    for row in session.scalars(query):
        hours = asked.people[row.member_id].store.hours
        last_on = hours.local_date(row.last_purchased_at) if row.last_purchased_at else None
        found[row.member_id] = {
            "orders": row.orders,
            "total_amount": row.amount_fen,
            "net_amount": row.amount_fen - row.refunded_fen,
            "days_since_purchase": (asked.today(row.member_id) - last_on).days if last_on else None,
        }
    return found


def _windows(session: Session, asked: Asked) -> Found:
    """Of the last days, today among them; returned money is taken off."""
    earliest = min(map(asked.today, asked.people)) - timedelta(days=YEAR)
    query = select(Order.member_id, Order.purchased_on, Order.amount_fen - Order.refunded_fen).where(
        Order.member_id.in_(sorted(asked.people)), Order.purchased_on > earliest
    )
    found: dict[int, dict[str, int]] = {member_id: _nothing() for member_id in asked.people}
    for member_id, on, fen in session.execute(query):
        if member_id is None:
            continue
        ago, mine = (asked.today(member_id) - on).days, found[member_id]
        for days in AMOUNT_DAYS:
            mine[f"amount_{days}d"] += fen if ago < days else 0
        for days in ORDERS_DAYS:
            mine[f"orders_{days}d"] += ago < days
    return found


def _nothing() -> dict[str, int]:
    return {f"amount_{days}d": 0 for days in AMOUNT_DAYS} | {f"orders_{days}d": 0 for days in ORDERS_DAYS}


def _last_day(session: Session, asked: Asked) -> Found:
    last = (
        select(Order.member_id, func.max(Order.purchased_on).label("last_on"))
        .where(Order.member_id.in_(sorted(asked.people)), Order.wholly_refunded.is_(False))
        .group_by(Order.member_id)
        .subquery()
    )
    query = _purchases().join(
        last, and_(last.c.member_id == Order.member_id, last.c.last_on == Order.purchased_on)
    )
    found = _by_day(session.execute(query))
    return {member_id: facts for (member_id, _), facts in found.items()}


def facts_of_days(
    session: Session, days: Collection[tuple[int, date]]
) -> dict[tuple[int, date], dict[str, Value]]:
    """What each of these members bought on a day and did not bring back wholly, in the terms of `DAY_TERMS`."""
    if not days:
        return {}
    its = or_(*(and_(Order.member_id == member_id, Order.purchased_on == on) for member_id, on in days))
    return _by_day(session.execute(_purchases().where(its)))


def _purchases() -> Any:
    """Purchases with their lines of goods; one without lines is one row with an empty article."""
    goods = and_(OrderLine.order_id == Order.id, OrderLine.kind == LineKind.GOODS)
    return (
        select(
            Order.member_id,
            Order.purchased_on,
            Order.id,
            (Order.amount_fen - Order.refunded_fen).label("fen"),
            Associate.wecom_userid,
            OrderLine.sku,
            OrderLine.size,
            (OrderLine.quantity - OrderLine.refunded_quantity).label("kept"),
            Product.category,
        )
        .outerjoin(OrderLine, goods)
        .outerjoin(Product, Product.sku == OrderLine.sku)
        .outerjoin(Associate, Associate.id == Order.seller_id)
        .where(Order.wholly_refunded.is_(False), Order.member_id.is_not(None))
    )


def _by_day(rows: Iterable[Row[Any]]) -> dict[tuple[int, date], dict[str, Value]]:
    grouped: dict[tuple[int, date], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.member_id, row.purchased_on].append(row)
    return {day: _of_day(its) for day, its in grouped.items()}


def _of_day(rows: Collection[Row[Any]]) -> dict[str, Value]:
    kept = [row for row in rows if row.kept]
    return {
        "amount": sum({row.id: row.fen for row in rows}.values()),
        "pieces": sum(row.kept for row in kept),
        "categories": frozenset(row.category for row in kept if row.category),
        "skus": frozenset(row.sku for row in kept if row.sku),
        "sizes": frozenset(row.size for row in kept if row.size),
        "sellers": frozenset(row.wecom_userid for row in rows if row.wecom_userid),
    }


# Term → kind of event and field of its data.
EVENT_TERMS: Mapping[str, tuple[MemberEventKind, str]] = {
    "score": (MemberEventKind.SATISFACTION, "score"),
    "stars": (MemberEventKind.REVIEW, "stars"),
    "visit_reason": (MemberEventKind.VISIT, "reason"),
    "tried": (MemberEventKind.VISIT, "tried"),
    "level": (MemberEventKind.LEVEL_CHANGE, "after"),
    "level_before": (MemberEventKind.LEVEL_CHANGE, "before"),
    "service": (MemberEventKind.SERVICE, "service"),
    "case_about": (MemberEventKind.AFTER_SALES, "about"),
    "refund_amount": (MemberEventKind.REFUND, "amount_fen"),
    "unfriended_by": (MemberEventKind.UNFRIENDED, "by"),
    "joined_via": (MemberEventKind.JOIN, "via"),
}


def facts_of_event(kind: str, data: Mapping[str, Any]) -> dict[str, Value]:
    """What an event says, in the terms of the vocabulary; an empty text says nothing."""
    return {
        term: _value(data.get(field)) for term, (its_kind, field) in EVENT_TERMS.items() if its_kind == kind
    }


def _value(said: Any) -> Value:
    if isinstance(said, list | tuple):
        return frozenset(said)
    return said if said != "" else None


def _events(session: Session, asked: Asked) -> Found:
    kinds = {kind for kind, _ in EVENT_TERMS.values()}
    latest = latest_events(session, asked.people, kinds)
    return {
        member_id: {
            term: value
            for kind, data in by_kind.items()
            for term, value in facts_of_event(kind, data).items()
        }
        for member_id, by_kind in latest.items()
    }


DAY_TERMS = frozenset({"amount", "pieces", "categories", "skus", "sizes", "sellers"})
SOURCES = (
    Source(
        frozenset({"store", "store_name", "joined_on", "member_days", "has_owner", "opted_out"}), _profile
    ),
    Source(frozenset({"is_contact"}), _contacts),
    Source(frozenset({"has_phone"}), _phones),
    Source(frozenset({"tags"}), _tags),
    Source(frozenset({"orders", "total_amount", "net_amount", "days_since_purchase"}), _totals),
    Source(frozenset(_nothing()), _windows),
    Source(DAY_TERMS, _last_day),
    Source(frozenset(EVENT_TERMS), _events),
)
