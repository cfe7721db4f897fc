"""What is kept per member equals a recount of orders and refunds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.members.models import Member
from app.orders.models import MemberPurchases, Order, Refund


def _differ_from_recount(within: Within) -> Faults:
    bought, returned, kept = _bought(within), _returned(within), MemberPurchases
    pairs = (
        (kept.orders, bought.c.orders),
        (kept.amount_fen, bought.c.fen),
        (kept.refunded_fen, returned.c.fen),
    )
    instants = ((kept.first_purchased_at, bought.c.first), (kept.last_purchased_at, bought.c.last))
    wrong = [func.coalesce(stored, 0) != func.coalesce(counted, 0) for stored, counted in pairs]
    wrong += [stored.is_distinct_from(counted) for stored, counted in instants]
    return (
        select(
            Member.id.label("member"),
            kept.amount_fen,
            bought.c.fen.label("orders_fen"),
            kept.refunded_fen,
            returned.c.fen.label("refunds_fen"),
        )
        .outerjoin(kept, kept.member_id == Member.id)
        .outerjoin(bought, bought.c.member_id == Member.id)
        .outerjoin(returned, returned.c.member_id == Member.id)
        .where(within(Member.id), or_(*wrong))
    )


def _bought(within: Within) -> Any:
    query = select(
        Order.member_id,
        func.count().label("orders"),
        func.sum(Order.amount_fen).label("fen"),
        func.min(Order.purchased_at).label("first"),
        func.max(Order.purchased_at).label("last"),
    )
    return query.where(within(Order.member_id)).group_by(Order.member_id).subquery()


def _returned(within: Within) -> Any:
    query = select(Refund.member_id, func.sum(Refund.amount_fen).label("fen"))
    return query.where(within(Refund.member_id)).group_by(Refund.member_id).subquery()


CHECKS = (Check("members whose totals differ from a recount", Member.id, _differ_from_recount),)
