"""What happened to members, as it was told and when: read once for a chunk of them, then only looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.catalogue.models import Product
from app.db import table_of
from app.follow_ups.acts.kinds import Act
from app.follow_ups.models import CareAct
from app.follow_ups.rules import Anchor
from app.inbound.events import LineKind
from app.inbound.models import WECOM, Inbound
from app.member_events.models import MemberEvent
from app.members.models import Member, MemberCare, MemberDate
from app.orders.models import Order, OrderLine, Refund, RefundLine
from app.stores.queries import StoreFacts


@dataclass(frozen=True, slots=True)
class Line:
    """An article of a receipt."""

    line_no: int
    sku: str
    size: str
    category: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class CameBack:
    """A line of a refund, known since `known_at`."""

    known_at: datetime
    fen: int
    line_no: int | None
    quantity: int


@dataclass(slots=True)
class Bought:
    """A purchase, known since `known_at`. `is_anchor`: it is of goods. Lines only where somebody asks for them."""

    id: int
    anchor: Anchor
    store: StoreFacts
    seller: str | None
    fen: int
    is_anchor: bool
    is_gone: bool
    known_at: datetime
    lines: list[Line] = field(default_factory=list)
    came_back: list[CameBack] = field(default_factory=list)

    def is_gone_at(self, instant: datetime) -> bool:
        """True once all of it had come back."""
        return self.is_gone and all(one.known_at <= instant for one in self.came_back)


@dataclass(frozen=True, slots=True)
class Happened:
    """A member event, known since `known_at`."""

    kind: str
    key: str
    anchor: Anchor
    store: StoreFacts
    data: Mapping[str, Any]
    known_at: datetime


@dataclass(frozen=True, slots=True)
class Yearly:
    """A day that comes every year, by the index that finds it."""

    kind: str
    calendar: str
    day_index: str
    known_at: datetime


@dataclass(slots=True)
class Life:
    """One member; everything in the order in which it became known."""

    id: int
    name: str
    store: StoreFacts
    has_owner: bool
    joined_at: datetime
    bought: list[Bought] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    yearly: list[Yearly] = field(default_factory=list)
    opted: list[tuple[datetime, bool]] = field(default_factory=list)

    def has_opted_out(self, instant: datetime) -> bool:
        """True where the member wanted no follow-ups then."""
        said = [is_out for at, is_out in self.opted if at <= instant]
        return bool(said) and said[-1]


def read_lives(
    session: Session, member_ids: Sequence[int], stores: Mapping[int, StoreFacts], *, with_lines: bool
) -> list[Life]:
    """Everything told of these members, by id; a handful of statements however many they are."""
    lives = _people(session, member_ids, stores)
    orders = _bought(session, lives, stores)
    if with_lines:
        _add_lines(session, orders)
    _add_refunds(session, orders)
    _add_happenings(session, lives, stores)
    _add_yearly(session, lives)
    for life in lives.values():
        life.bought.sort(key=lambda one: (one.known_at, one.anchor.at, one.id))
        life.happened.sort(key=lambda one: (one.known_at, one.anchor.at, one.key))
        life.opted.sort()
    return [lives[member_id] for member_id in sorted(lives)]


def _people(session: Session, member_ids: Sequence[int], stores: Mapping[int, StoreFacts]) -> dict[int, Life]:
    query = (
        select(Member.id, Member.name, Member.store_id, Member.owner_id, Member.joined_at)
        .add_columns(MemberCare.opted_out_at)
        .outerjoin(MemberCare, MemberCare.member_id == Member.id)
        .where(Member.id.in_(sorted(member_ids)))
    )
    lives, since = {}, {}
    for row in session.execute(query):
        lives[row.id] = Life(row.id, row.name, stores[row.store_id], row.owner_id is not None, row.joined_at)
        since[row.id] = row.opted_out_at
    acts = select(CareAct.member_id, CareAct.recorded_at, CareAct.act).where(
        CareAct.member_id.in_(sorted(lives)), CareAct.act.in_((Act.OPTED_OUT, Act.OPTED_IN))
    )
    for member_id, at, act in session.execute(acts):
        lives[member_id].opted.append((at, act == Act.OPTED_OUT))
    for member_id, at in since.items():
        if at is not None and not lives[member_id].opted:
            lives[member_id].opted.append((at, True))
    return lives


def _bought(
    session: Session, lives: Mapping[int, Life], stores: Mapping[int, StoreFacts]
) -> dict[int, Bought]:
    table, sellers = table_of(Order), table_of(Associate)
    query = (
        select(table, sellers.c.wecom_userid)
        .outerjoin_from(table, sellers, sellers.c.id == table.c.seller_id)
        .where(table.c.member_id.in_(sorted(lives)))
    )
    orders = {}
    for row in session.connection().execute(query):
        one = orders[row.id] = Bought(
            row.id,
            Anchor(row.purchased_at, row.purchased_on, bool(row.time_known)),
            stores[row.store_id],
            row.wecom_userid,
            row.amount_fen,
            row.goods_fen > 0,
            bool(row.wholly_refunded),
            row.recorded_at if row.enrolls else row.purchased_at,
        )
        lives[row.member_id].bought.append(one)
    return orders


def _add_lines(session: Session, orders: Mapping[int, Bought]) -> None:
    query = (
        select(
            OrderLine.order_id,
            OrderLine.line_no,
            OrderLine.sku,
            OrderLine.size,
            Product.category,
            OrderLine.quantity,
        )
        .outerjoin(Product, Product.sku == OrderLine.sku)
        .where(OrderLine.order_id.in_(sorted(orders)), OrderLine.kind == LineKind.GOODS)
    )
    for order_id, line_no, sku, size, category, quantity in session.execute(query):
        orders[order_id].lines.append(Line(line_no, sku, size, category, quantity))


def _add_refunds(session: Session, orders: Mapping[int, Bought]) -> None:
    query = (
        select(
            RefundLine.order_id,
            Refund.refunded_at,
            Refund.recorded_at,
            Inbound.enrolls,
            RefundLine.amount_fen,
            RefundLine.order_line_no,
            RefundLine.quantity,
        )
        .join(Refund, Refund.id == RefundLine.refund_id)
        .outerjoin(Inbound, Inbound.id == Refund.id)
        .where(RefundLine.order_id.in_(sorted(orders)))
    )
    for order_id, at, recorded_at, enrolls, fen, line_no, quantity in session.execute(query):
        order = orders[order_id or 0]
        known_at = max(recorded_at if enrolls else at, order.known_at)
        order.came_back.append(CameBack(known_at, fen, line_no, quantity))


def _add_happenings(session: Session, lives: Mapping[int, Life], stores: Mapping[int, StoreFacts]) -> None:
    """What a partner told as facts only counts as told when it happened; of everything else the recording does."""
    table, inbound = table_of(MemberEvent), table_of(Inbound)
    query = (
        select(table, inbound.c.enrolls, inbound.c.source)
        .outerjoin_from(table, inbound, inbound.c.id == table.c.id)
        .where(table.c.member_id.in_(sorted(lives)))
    )
    for row in session.connection().execute(query):
        was_told = row.source in (None, WECOM) or row.enrolls
        one = Happened(
            row.kind,
            row.event_key,
            Anchor(row.happened_at, row.happened_on, bool(row.time_known)),
            stores[row.store_id],
            json.loads(row.data),
            row.recorded_at if was_told else row.happened_at,
        )
        lives[row.member_id].happened.append(one)


def _add_yearly(session: Session, lives: Mapping[int, Life]) -> None:
    query = select(
        MemberDate.member_id,
        MemberDate.kind,
        MemberDate.calendar,
        MemberDate.day_index,
        MemberDate.reported_at,
    ).where(MemberDate.member_id.in_(sorted(lives)))
    for member_id, kind, calendar, index, at in session.execute(query):
        lives[member_id].yearly.append(Yearly(kind, calendar, index, at))
