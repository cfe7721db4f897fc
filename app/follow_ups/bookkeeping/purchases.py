"""Purchases and refunds equal their lines, and what came back equals the refunds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, false, func, or_, select, true

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.inbound.events import LineKind
from app.inbound.models import Inbound
from app.orders.models import Order, OrderLine, Refund, RefundLine

# Once in every line of a payload, and nowhere else: inside of texts JSON escapes the quotes.
MARK = '"sku":'


def _marks() -> ColumnElement[int]:
    """So many characters of an event's payload are marks of lines; NULL where there is no event."""
    return func.length(Inbound.payload) - func.length(func.replace(Inbound.payload, MARK, ""))


def _lines_of_orders(within: Within) -> Any:
    goods = case((OrderLine.kind == LineKind.GOODS, OrderLine.amount_fen), else_=0)
    query = select(
        OrderLine.order_id,
        func.count().label("number"),
        func.sum(OrderLine.amount_fen).label("fen"),
        func.sum(goods).label("goods_fen"),
    )
    return query.where(within(OrderLine.order_id)).group_by(OrderLine.order_id).subquery()


def _lack_a_line(within: Within) -> Faults:
    lines = _lines_of_orders(within)
    number = func.coalesce(lines.c.number, 0)
    return (
        select(Order.id.label("purchase"), Order.ref, number.label("lines"))
        .join(Inbound, Inbound.id == Order.id)
        .outerjoin(lines, lines.c.order_id == Order.id)
        .where(within(Order.id), number * len(MARK) != _marks())
    )


def _differ_from_lines(within: Within) -> Faults:
    """Where no lines are known, all of it is goods."""
    lines = _lines_of_orders(within)
    fen = func.coalesce(lines.c.fen, Order.amount_fen)
    goods_fen = func.coalesce(lines.c.goods_fen, Order.amount_fen)
    return (
        select(Order.id.label("purchase"), Order.ref, Order.amount_fen, fen.label("lines_fen"))
        .outerjoin(lines, lines.c.order_id == Order.id)
        .where(within(Order.id), or_(Order.amount_fen != fen, Order.goods_fen != goods_fen))
    )


def _differ_from_refunds(within: Within) -> Faults:
    parts = (
        select(RefundLine.order_id, func.sum(RefundLine.amount_fen).label("fen"))
        .where(within(RefundLine.order_id))
        .group_by(RefundLine.order_id)
        .subquery()
    )
    fen = func.coalesce(parts.c.fen, 0)
    return (
        select(Order.id.label("purchase"), Order.ref, Order.refunded_fen, fen.label("refund_lines_fen"))
        .outerjoin(parts, parts.c.order_id == Order.id)
        .where(within(Order.id), Order.refunded_fen != fen)
    )


def _pieces_differ(within: Within) -> Faults:
    parts = (
        select(RefundLine.order_id, RefundLine.order_line_no, func.sum(RefundLine.quantity).label("pieces"))
        .where(within(RefundLine.order_id), RefundLine.order_line_no.is_not(None))
        .group_by(RefundLine.order_id, RefundLine.order_line_no)
        .subquery()
    )
    pieces = func.coalesce(parts.c.pieces, 0)
    its = and_(parts.c.order_id == OrderLine.order_id, parts.c.order_line_no == OrderLine.line_no)
    wrong = or_(OrderLine.refunded_quantity != pieces, OrderLine.refunded_quantity > OrderLine.quantity)
    return (
        select(
            OrderLine.order_id.label("purchase"),
            OrderLine.line_no.label("line"),
            OrderLine.refunded_quantity,
            pieces.label("refund_lines_pieces"),
        )
        .outerjoin(parts, its)
        .where(within(OrderLine.order_id), wrong)
    )


def _wholly_refunded_is_wrong(within: Within) -> Faults:
    """True where every article came back, or all the money."""
    goods = (OrderLine.order_id == Order.id) & (OrderLine.kind == LineKind.GOODS)
    articles_back = and_(
        exists().where(goods), ~exists().where(goods, OrderLine.refunded_quantity < OrderLine.quantity)
    )
    money_back = and_(Order.amount_fen > 0, Order.refunded_fen >= Order.amount_fen)
    expected = case((or_(articles_back, money_back), true()), else_=false())
    query = select(Order.id.label("purchase"), Order.ref, Order.wholly_refunded)
    return query.where(within(Order.id), Order.wholly_refunded != expected)


def _refunds_differ_from_lines(within: Within) -> Faults:
    """Lines are split where they cancel several purchases, so there may be more than were reported, never fewer."""
    lines = (
        select(
            RefundLine.refund_id,
            func.count().label("number"),
            func.max(RefundLine.line_no).label("last"),
            func.sum(RefundLine.amount_fen).label("fen"),
        )
        .where(within(RefundLine.refund_id))
        .group_by(RefundLine.refund_id)
        .subquery()
    )
    number, fen = func.coalesce(lines.c.number, 0), func.coalesce(lines.c.fen, 0)
    lacks = or_(number == 0, number != lines.c.last, number * len(MARK) < _marks())
    return (
        select(Refund.id.label("refund"), Refund.ref, Refund.amount_fen, fen.label("lines_fen"))
        .outerjoin(Inbound, Inbound.id == Refund.id)
        .outerjoin(lines, lines.c.refund_id == Refund.id)
        .where(within(Refund.id), or_(lacks, Refund.amount_fen != fen))
    )


def _booked_to_another(within: Within) -> Faults:
    """Whoever brought it back, a refund counts for the member whose purchase it cancels."""
    buyer = Order.member_id
    return (
        select(Refund.id.label("refund"), Refund.ref, Refund.member_id.label("member"), buyer.label("buyer"))
        .join(RefundLine, RefundLine.refund_id == Refund.id)
        .join(Order, Order.id == RefundLine.order_id)
        .where(within(Refund.id), buyer.is_not(None), buyer.is_distinct_from(Refund.member_id))
        .distinct()
    )


CHECKS = (
    Check("purchases that lack a line", Order.id, _lack_a_line),
    Check("purchases that differ from their lines", Order.id, _differ_from_lines),
    Check("purchases whose refunded amount differs from their refunds", Order.id, _differ_from_refunds),
    Check("lines whose returned pieces differ from their refunds", OrderLine.order_id, _pieces_differ),
    Check("purchases wrongly held for wholly refunded, or not", Order.id, _wholly_refunded_is_wrong),
    Check("refunds that differ from their lines", Refund.id, _refunds_differ_from_lines),
    Check("refunds booked to another than the buyer", Refund.id, _booked_to_another),
)
