"""Recording purchases and refunds, set by set, and keeping the per-member totals.

Callers hold the members' `member_care` rows, so nobody else counts the same member at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import insert_rows
from app.orders import totals
from app.orders.facts import Return, Sale
from app.orders.models import Order, OrderLine, Refund, RefundLine
from app.orders.refunding import apply_refunds, apply_waiting_refunds, give_to_buyers


@dataclass(frozen=True, slots=True)
class Returned:
    """A member's purchase of which something came back; `wholly`: nothing of it is left."""

    member_id: int
    purchased_on: date
    wholly: bool


@dataclass(frozen=True, slots=True)
class MemberRefund:
    """A refund of goods that a member had bought, or who brought them back where no purchase is known."""

    id: int
    ref: str
    member_id: int
    store_id: int
    refunded_at: datetime
    amount_fen: int


@dataclass(frozen=True, slots=True)
class CameBack:
    """What recording refunds changed: the purchases, and the refunds that count for members since."""

    purchases: frozenset[Returned]
    refunds: tuple[MemberRefund, ...]


def record(
    session: Session, source: str, sales: Sequence[Sale], returns: Sequence[Return], now: datetime
) -> CameBack:
    """Store purchases, then refunds; returns what came back by this.

    A refund that named its purchase before that was known is applied when the purchase arrives.
    """
    insert_rows(session, Order, [_order_row(source, sale, now) for sale in sales])
    insert_rows(session, OrderLine, [row for sale in sales for row in _line_rows(sale)])
    touched = apply_waiting_refunds(session, source, {sale.event.ref: sale.id for sale in sales})
    touched |= apply_refunds(session, source, [_refund_row(source, item, now) for item in returns], returns)
    totals.add(session, sales, returns, give_to_buyers(session, touched))
    return CameBack(_returned(session, touched), _refunds(session, touched, {item.id for item in returns}))


def _order_row(source: str, sale: Sale, now: datetime) -> dict[str, Any]:
    event = sale.event
    return {
        "id": sale.id,
        "source": source,
        "ref": event.ref,
        "store_id": sale.store.id,
        "member_id": sale.member_id,
        "seller_id": sale.seller_id,
        "purchased_at": event.occurred_at,
        "purchased_on": sale.purchased_on,
        "time_known": event.time_known,
        "currency": event.currency,
        "amount_fen": event.amount_fen,
        "goods_fen": event.goods_fen,
        "refunded_fen": 0,
        "wholly_refunded": False,
        "recorded_at": now,
        "enrolls": sale.enrolls,
    }


def _line_rows(sale: Sale) -> Iterable[dict[str, Any]]:
    for line_no, line in enumerate(sale.event.lines, start=1):
        yield {
            "order_id": sale.id,
            "line_no": line_no,
            "sku": line.sku,
            "description": line.description,
            "size": line.size,
            "kind": line.kind.value,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "amount_fen": line.amount_fen,
            "refunded_quantity": 0,
        }


def _refund_row(source: str, item: Return, now: datetime) -> dict[str, Any]:
    event = item.event
    return {
        "id": item.id,
        "source": source,
        "ref": event.ref,
        "cancels": event.cancels or None,
        "store_id": item.store.id,
        "member_id": item.member_id,
        "refunded_at": event.occurred_at,
        "currency": event.currency,
        "amount_fen": event.amount_fen,
        "recorded_at": now,
    }


def _returned(session: Session, order_ids: set[int]) -> frozenset[Returned]:
    if not order_ids:
        return frozenset()
    query = select(Order.member_id, Order.purchased_on, Order.wholly_refunded).where(
        Order.id.in_(sorted(order_ids)), Order.member_id.is_not(None)
    )
    rows = session.execute(query)
    return frozenset(
        Returned(member_id, on, wholly) for member_id, on, wholly in rows if member_id is not None
    )


def _refunds(session: Session, order_ids: set[int], refund_ids: set[int]) -> tuple[MemberRefund, ...]:
    if order_ids:
        query = select(RefundLine.refund_id).where(RefundLine.order_id.in_(sorted(order_ids)))
        refund_ids = refund_ids | set(session.scalars(query))
    if not refund_ids:
        return ()
    found = session.scalars(
        select(Refund)
        .where(Refund.id.in_(sorted(refund_ids)), Refund.member_id.is_not(None))
        .order_by(Refund.id)
        .execution_options(populate_existing=True)
    )
    return tuple(
        MemberRefund(row.id, row.ref, row.member_id, row.store_id, row.refunded_at, row.amount_fen)
        for row in found
        if row.member_id is not None
    )
