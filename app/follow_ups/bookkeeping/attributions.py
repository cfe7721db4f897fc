"""The ledger of attributed purchases adds up: nothing is credited twice, and what came back is taken back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, or_, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.follow_ups.measuring.attributing import OF_A_PURCHASE, PIECE
from app.follow_ups.measuring.crediting import WHOLE_PPM
from app.follow_ups.measuring.models import Attribution
from app.inbound.events import LineKind
from app.orders.models import Order, RefundLine


def _shares_differ(within: Within) -> Faults:
    """Of every purchase in the ledger exactly the whole is attributed, in shares and in money."""
    booked = (
        select(
            Attribution.order_id,
            func.sum(Attribution.share_ppm).label("shares"),
            func.sum(Attribution.amount_fen).label("fen"),
        )
        .where(within(Attribution.order_id), Attribution.refund_id == OF_A_PURCHASE)
        .group_by(Attribution.order_id)
        .subquery()
    )
    return (
        select(
            booked.c.order_id.label("purchase"),
            booked.c.shares,
            booked.c.fen,
            Order.goods_fen.label("goods_fen"),
        )
        .outerjoin(Order, Order.id == booked.c.order_id)
        .where(or_(booked.c.shares != WHOLE_PPM, booked.c.fen.is_distinct_from(Order.goods_fen)))
    )


def _taken_back_differs(within: Within) -> Faults:
    """Of a purchase in the ledger as much is taken back as refunds brought back, in money and in pieces."""
    taken, told = _taken_back(within), _brought_back(within)
    fen, pieces = func.coalesce(told.c.fen, 0), func.coalesce(told.c.pieces, 0) * PIECE
    return (
        select(
            taken.c.order_id.label("purchase"), taken.c.fen.label("taken_back_fen"), fen.label("refunds_fen")
        )
        .outerjoin(told, told.c.order_id == taken.c.order_id)
        .where(or_(taken.c.fen != fen, taken.c.pieces != pieces))
    )


def _taken_back(within: Within) -> Any:
    is_refund = Attribution.refund_id != OF_A_PURCHASE
    query = select(
        Attribution.order_id,
        func.sum(case((is_refund, -Attribution.amount_fen), else_=0)).label("fen"),
        func.sum(case((is_refund, -Attribution.pieces_milli), else_=0)).label("pieces"),
    )
    return query.where(within(Attribution.order_id)).group_by(Attribution.order_id).subquery()


def _brought_back(within: Within) -> Any:
    is_goods = RefundLine.kind == LineKind.GOODS
    of_a_line = is_goods & RefundLine.order_line_no.is_not(None)
    query = select(
        RefundLine.order_id,
        func.sum(case((is_goods, RefundLine.amount_fen), else_=0)).label("fen"),
        func.sum(case((of_a_line, RefundLine.quantity), else_=0)).label("pieces"),
    )
    return query.where(within(RefundLine.order_id)).group_by(RefundLine.order_id).subquery()


CHECKS = (
    Check("attributed purchases that are not shared out exactly", Attribution.order_id, _shares_differ),
    Check(
        "attributed purchases of which not as much is taken back as came back",
        Attribution.order_id,
        _taken_back_differs,
    ),
)
