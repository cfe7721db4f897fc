"""Booking purchases to the tasks that came before them, and taking back what was returned.

The ledger is only added to (but see `withdrawing`). Callers hold the members' `member_care` rows; doing it again adds
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session

from app.db import any_of, insert_rows, table_of
from app.follow_ups.measuring.crediting import Credit, DoneTask, booked_on, credits_of, divide
from app.follow_ups.measuring.models import Attribution
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.reading import LONGEST_CREDIT_DAYS
from app.follow_ups.plans.versions import versions
from app.inbound.events import LineKind
from app.orders.models import Order, OrderLine, Refund, RefundLine
from app.stores.queries import stores_by_id
from app.worklist.models import WorkItem

OF_A_PURCHASE = 0  # `refund_id` of an entry that books a purchase
PIECE = 1000
# A task's last day counts whole, in whatever zone.
LONGEST = timedelta(days=LONGEST_CREDIT_DAYS + 1)
ITEMS, TASKS, SERIES = table_of(WorkItem), table_of(FollowUpTask), table_of(Enrollment)
DONE_TASKS = (
    select(
        TASKS.c.id,
        TASKS.c.step_no,
        TASKS.c.script_code,
        TASKS.c.evidence,
        TASKS.c.completed_by,
        SERIES.c.plan_version_id,
        ITEMS.c.member_id,
        ITEMS.c.store_id,
        ITEMS.c.done_at,
    )
    .join(ITEMS, ITEMS.c.id == TASKS.c.work_item_id)
    .join(SERIES, SERIES.c.id == TASKS.c.enrollment_id)
    .where(
        any_of(ITEMS.c.member_id, "members"),
        ITEMS.c.done_at >= bindparam("since"),
        TASKS.c.evidence.is_not(None),
        TASKS.c.completed_by.is_not(None),
    )
)


def attribute(session: Session, order_ids: Collection[int], now: datetime) -> None:
    """Book these purchases, and what came back of them, to the tasks that earned them.

    A purchase that is booked already stays as it is; of refunds only what is not yet taken back is added.
    """
    if not order_ids:
        return
    fresh = _unbooked(session, order_ids)
    _book(session, fresh, _Done(session, fresh), now)
    _take_back(session, order_ids, now)


class Bought(NamedTuple):
    """A purchase of goods."""

    id: int
    member_id: int | None
    store_id: int
    purchased_at: datetime
    purchased_on: date
    goods_fen: int


def attribute_new(session: Session, purchases: Sequence[Bought], now: datetime) -> None:
    """Book purchases that were recorded by this very transaction and of which nothing came back."""
    known = [one for one in purchases if one.member_id is not None]
    _book(session, known, _Done(session, known), now)


def attribute_since(session: Session, member_id: int, since: datetime, now: datetime) -> None:
    """Book the member's purchases since then that no task was credited for: a task's record may come late."""
    its = select(Order.id).where(Order.member_id == member_id, Order.purchased_at >= since)
    attribute(session, session.scalars(its).all(), now)


def touched_by(session: Session, sale_ids: Iterable[int], refund_ids: Sequence[int]) -> set[int]:
    """The purchases of which something is to be booked: new ones, and those that these refunds cancel parts of."""
    if not refund_ids:
        return set(sale_ids)
    query = select(RefundLine.order_id).where(
        RefundLine.refund_id.in_(refund_ids), RefundLine.order_id.is_not(None)
    )
    return {*sale_ids, *(order_id for order_id in session.scalars(query) if order_id is not None)}


@dataclass(frozen=True, slots=True)
class _Earner:
    """What the ledger says of a task."""

    task: DoneTask
    columns: Mapping[str, Any]


class _Done:
    """The tasks of the buyers that were done, whatever they were closed as, by member."""

    def __init__(self, session: Session, orders: Sequence[Any]) -> None:
        self._tasks: dict[int, list[_Earner]] = defaultdict(list)
        if not orders:
            return
        since = min(order.purchased_at for order in orders) - LONGEST
        asked = {"members": {order.member_id for order in orders}, "since": since}
        rows = session.connection().execute(DONE_TASKS, asked).all()
        known = versions(session, {row.plan_version_id for row in rows})
        stores = stores_by_id(session, {row.store_id for row in rows})
        for row in rows:
            version = known[row.plan_version_id]
            credit, step = version.credit, version.step(row.step_no)
            done_on = stores[row.store_id].hours.local_date(row.done_at)
            columns = {
                "associate_id": row.completed_by,
                "plan_id": version.plan_id,
                "step_kind": step.kind,
                "script_code": row.script_code,
                "evidence": row.evidence,
            }
            task = DoneTask(row.id, row.done_at, done_on, credit.days, credit.touch)
            self._tasks[row.member_id].append(_Earner(task, columns))

    def credits(self, order: Any) -> list[tuple[Credit, _Earner]]:
        its = {earner.task.task_id: earner for earner in self._tasks.get(order.member_id, ())}
        found = credits_of([earner.task for earner in its.values()], order.purchased_at, order.purchased_on)
        return [(credit, its[credit.task_id]) for credit in found]


def _unbooked(session: Session, order_ids: Collection[int]) -> Sequence[Any]:
    """Those of the purchases by known members that no entry of the ledger speaks of."""
    table = table_of(Order)
    booked = select(Attribution.order_id).where(Attribution.order_id.in_(sorted(order_ids)))
    query = select(table).where(
        table.c.id.in_(sorted(order_ids)),
        table.c.member_id.is_not(None),
        table.c.goods_fen > 0,
        table.c.id.not_in(booked),
    )
    return session.execute(query.order_by(table.c.id)).all()


def _book(session: Session, orders: Sequence[Any], done: _Done, now: datetime) -> None:
    credited = {order.id: credits for order in orders if (credits := done.credits(order))}
    pieces = _pieces(session, credited)
    earned = [order for order in orders if order.id in credited]
    stores = stores_by_id(session, {order.store_id for order in earned})
    rows = []
    for order in earned:
        credits = credited[order.id]
        shares = [credit.share_ppm for credit, _ in credits]
        amounts = divide(order.goods_fen, shares)
        parts = divide(pieces.get(order.id, 0) * PIECE, shares)
        today = stores[order.store_id].hours.local_date(now)
        for (credit, earner), amount, part in zip(credits, amounts, parts, strict=True):
            rows.append(
                {
                    "order_id": order.id,
                    "refund_id": OF_A_PURCHASE,
                    "task_id": credit.task_id,
                    "member_id": order.member_id,
                    "store_id": order.store_id,
                    **earner.columns,
                    "share_ppm": credit.share_ppm,
                    "amount_fen": amount,
                    "pieces_milli": part,
                    "booked_on": booked_on(order.purchased_on, today),
                    "recorded_at": now,
                }
            )
    insert_rows(session, Attribution, rows)


def _pieces(session: Session, order_ids: Iterable[int]) -> dict[int, int]:
    wanted = sorted(order_ids)
    if not wanted:
        return {}
    query = (
        select(OrderLine.order_id, func.sum(OrderLine.quantity))
        .where(OrderLine.order_id.in_(wanted), OrderLine.kind == LineKind.GOODS)
        .group_by(OrderLine.order_id)
    )
    return {order_id: int(quantity) for order_id, quantity in session.execute(query)}


def _take_back(session: Session, order_ids: Collection[int], now: datetime) -> None:
    """One entry per refund and credited task; a refund is recorded once and for all, so is what it takes back."""
    table = table_of(Attribution)
    entries = session.execute(select(table).where(table.c.order_id.in_(sorted(order_ids)))).all()
    credited: dict[int, list[Any]] = defaultdict(list)
    taken = set()
    for entry in sorted(entries, key=lambda entry: entry.task_id):
        if entry.refund_id == OF_A_PURCHASE:
            credited[entry.order_id].append(entry)
        taken.add((entry.order_id, entry.refund_id))
    refunds = [one for one in _refunds(session, credited) if (one.order_id, one.id) not in taken]
    stores = stores_by_id(session, {refund.store_id for refund in refunds})
    rows = []
    for refund in refunds:
        its = credited[refund.order_id]
        shares = [entry.share_ppm for entry in its]
        amounts, parts = divide(int(refund.fen), shares), divide(int(refund.pieces) * PIECE, shares)
        hours = stores[refund.store_id].hours
        for entry, amount, part in zip(its, amounts, parts, strict=True):
            again = {
                "refund_id": refund.id,
                "amount_fen": -amount,
                "pieces_milli": -part,
                "booked_on": booked_on(hours.local_date(refund.refunded_at), hours.local_date(now)),
                "recorded_at": now,
            }
            rows.append({**entry._mapping, **again})
    insert_rows(session, Attribution, rows)


def _refunds(session: Session, order_ids: Iterable[int]) -> Sequence[Any]:
    """Per purchase and refund, how much money and how many pieces of goods came back."""
    wanted = sorted(order_ids)
    if not wanted:
        return []
    is_goods = RefundLine.kind == LineKind.GOODS
    fen = func.sum(case((is_goods, RefundLine.amount_fen), else_=0))
    pieces = func.sum(case((RefundLine.order_line_no.is_not(None) & is_goods, RefundLine.quantity), else_=0))
    return session.execute(
        select(
            RefundLine.order_id,
            Refund.id,
            Refund.store_id,
            Refund.refunded_at,
            fen.label("fen"),
            pieces.label("pieces"),
        )
        .join(Refund, Refund.id == RefundLine.refund_id)
        .where(RefundLine.order_id.in_(wanted))
        .group_by(RefundLine.order_id, Refund.id, Refund.store_id, Refund.refunded_at)
        .order_by(RefundLine.order_id, Refund.id)
    ).all()
