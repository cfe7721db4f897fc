"""Reading purchases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from app.db import any_of, read_rows, table_of
from app.inbound.events import LineKind
from app.orders.models import MemberPurchases, Order, OrderLine
from app.stores.models import Store

ORDERS = table_of(Order)
PARTLY_RETURNED = select(ORDERS.c.member_id, ORDERS.c.purchased_on).where(
    any_of(ORDERS.c.member_id, "members"),
    ORDERS.c.purchased_on.in_(bindparam("days", expanding=True)),
    or_(ORDERS.c.refunded_fen > 0, ORDERS.c.wholly_refunded.is_(True)),
)


LINES = table_of(OrderLine)
ARTICLES = (
    select(
        ORDERS.c.member_id,
        ORDERS.c.purchased_on,
        LINES.c.amount_fen,
        LINES.c.order_id,
        LINES.c.line_no,
        LINES.c.description,
    )
    .join(LINES, LINES.c.order_id == ORDERS.c.id)
    .where(
        any_of(ORDERS.c.member_id, "members"),
        ORDERS.c.purchased_on.in_(bindparam("days", expanding=True)),
        LINES.c.kind == LineKind.GOODS,
        LINES.c.refunded_quantity < LINES.c.quantity,
    )
)


@dataclass(frozen=True, slots=True)
class OrderView:
    """A purchase as people look at it; `items` are its articles, dearest first."""

    ref: str
    purchased_at: datetime
    purchased_on: date
    time_known: bool
    store_name: str
    amount_fen: int
    refunded_fen: int
    currency: str
    items: list[str]


def recent_orders(session: Session, member_id: int, limit: int = 5) -> list[OrderView]:
    """The member's latest purchases; two queries whatever their number."""
    query = (
        select(Order, Store.name)
        .join(Store, Store.id == Order.store_id)
        .where(Order.member_id == member_id)
        .order_by(Order.purchased_on.desc(), Order.purchased_at.desc(), Order.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    items = _items_of(session, [order.id for order, _ in rows])
    return [
        OrderView(
            order.ref,
            order.purchased_at,
            order.purchased_on,
            order.time_known,
            store_name,
            order.amount_fen,
            order.refunded_fen,
            order.currency,
            items[order.id],
        )
        for order, store_name in rows
    ]


def purchases_of(session: Session, member_id: int) -> MemberPurchases | None:
    """What the member's purchases add up to; None before the first."""
    return session.get(MemberPurchases, member_id)


def main_articles(session: Session, anchors: Collection[tuple[int, date]]) -> dict[tuple[int, date], str]:
    """The dearest article not wholly returned that each member bought on a day, where receipts tell articles."""
    if not anchors:
        return {}
    asked = {"members": {member_id for member_id, _ in anchors}, "days": sorted({on for _, on in anchors})}
    dearest_last = sorted(
        read_rows(session, ARTICLES, asked), key=lambda line: (line.amount_fen, -line.order_id, -line.line_no)
    )
    return {(line.member_id, line.purchased_on): line.description for line in dearest_last}


def buyers_of(session: Session, source: str, refs: Collection[str]) -> set[int]:
    """The members whose purchases these are: whoever cancels one must hold its buyer's `member_care` row."""
    if not refs:
        return set()
    query = select(Order.member_id).where(
        Order.source == source, Order.ref.in_(sorted(refs)), Order.member_id.is_not(None)
    )
    return {member_id for member_id in session.scalars(query) if member_id is not None}


def days_partly_returned(session: Session, days: Collection[tuple[int, date]]) -> set[tuple[int, date]]:
    """Those of the members' days of which anything bought came back."""
    if not days:
        return set()
    asked = {"members": {member_id for member_id, _ in days}, "days": sorted({on for _, on in days})}
    return {(member_id, on) for member_id, on in session.connection().execute(PARTLY_RETURNED, asked)} & set(
        days
    )


def _items_of(session: Session, order_ids: list[int]) -> dict[int, list[str]]:
    items: dict[int, list[str]] = defaultdict(list)
    query = (
        select(OrderLine.order_id, OrderLine.description)
        .where(OrderLine.order_id.in_(order_ids), OrderLine.kind == LineKind.GOODS)
        .order_by(OrderLine.amount_fen.desc(), OrderLine.line_no)
    )
    for order_id, description in session.execute(query):
        items[order_id].append(description)
    return items
