"""Applying refunds to the purchases they cancel.

A refund that names its purchase cancels that one; otherwise the member's latest earlier purchase of the same article
is searched. What finds no purchase is stored all the same, without an order: the money did go back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of
from app.inbound.events import Line, LineKind
from app.members.service import lock_members
from app.orders.facts import Return
from app.orders.models import Order, OrderLine, Refund, RefundLine
from app.orders.rules import ReturnedPart, SoldLine, allocate, is_wholly_refunded

REFUNDS = table_of(Refund)
CANCELLING = (
    select(REFUNDS.c.id, REFUNDS.c.cancels)
    .where(REFUNDS.c.source == bindparam("source"), REFUNDS.c.cancels.in_(bindparam("refs", expanding=True)))
    .with_for_update()
)


def apply_refunds(
    session: Session, source: str, rows: list[dict[str, Any]], returns: Sequence[Return]
) -> set[int]:
    """Store refunds with what they cancel; returns the ids of the orders that changed.

    Locks the purchases named, and their buyers where the caller did not yet know of the purchase.
    """
    insert_rows(session, Refund, rows)
    if not returns:
        return set()
    named = _orders_by_ref(session, source, {item.event.cancels for item in returns if item.event.cancels})
    book = _SoldBook()
    book.load_orders(session, named.values())
    book.load_members(session, [item for item in returns if not item.event.cancels])
    written: list[dict[str, Any]] = []
    for item in sorted(returns, key=lambda one: (one.event.occurred_at, one.event.ref)):
        order_id = named.get(item.event.cancels)
        sold = book.of_order(order_id) if item.event.cancels else book.of_member(item)
        written += _part_rows(item.id, book.bounded(allocate(_lines_of(item), sold), order_id))
    return _write(session, book, written)


def apply_waiting_refunds(session: Session, source: str, orders: Mapping[str, int]) -> set[int]:
    """Apply refunds that named one of these purchases (ref → order id) before it was known."""
    if not orders:
        return set()
    # The lock waits for a refund that is just being stored, and would miss the purchase.
    found_refunds = session.connection().execute(CANCELLING, {"source": source, "refs": sorted(orders)})
    waiting = {refund_id: orders[cancels] for refund_id, cancels in found_refunds if cancels}
    if not waiting:
        return set()
    lines = table_of(RefundLine)
    found = session.execute(
        select(lines).where(lines.c.refund_id.in_(sorted(waiting))).order_by(*lines.primary_key)
    )
    by_refund: dict[int, list[Line]] = defaultdict(list)
    for row in found:
        kind = LineKind(row.kind)
        by_refund[row.refund_id].append(
            Line(row.sku, row.description, row.quantity, "0", row.amount_fen, kind)
        )
    session.connection().execute(delete(lines).where(lines.c.refund_id.in_(sorted(waiting))))
    book = _SoldBook()
    book.load_orders(session, waiting.values())
    written: list[dict[str, Any]] = []
    for refund_id, order_id in sorted(waiting.items()):
        parts = allocate(by_refund[refund_id], book.of_order(order_id))
        written += _part_rows(refund_id, book.bounded(parts, order_id))
    return _write(session, book, written)


def give_to_buyers(session: Session, order_ids: set[int]) -> Counter[int]:
    """Book refunds to the buyer of what they cancel, whoever brought it back; returns the change in fen per member."""
    if not order_ids:
        return Counter()
    query = (
        select(Refund.id, Refund.amount_fen, Refund.member_id, Order.member_id)
        .join(RefundLine, RefundLine.refund_id == Refund.id)
        .join(Order, Order.id == RefundLine.order_id)
        .where(
            Order.id.in_(sorted(order_ids)),
            Order.member_id.is_not(None),
            or_(Refund.member_id.is_(None), Refund.member_id != Order.member_id),
        )
    )
    moved: Counter[int] = Counter()
    changes = []
    for refund_id, fen, bringer, buyer in session.execute(query.distinct().order_by(Refund.id)):
        assert buyer is not None
        moved[buyer] += fen
        if bringer is not None:
            moved[bringer] -= fen
        changes.append({"refund": refund_id, "member": buyer})
    if changes:
        lock_members(session, moved)
        table = table_of(Refund)
        statement = update(table).where(table.c.id == bindparam("refund"))
        session.connection().execute(statement.values(member_id=bindparam("member")), changes)
    return moved


@dataclass
class _SoldBook:
    """Lines of purchases that refunds of this batch may cancel; each line once, whoever asks for it."""

    lines: dict[tuple[int, int], SoldLine] = field(default_factory=dict)
    purchased_at: dict[int, datetime] = field(default_factory=dict)
    member_of: dict[int, int] = field(default_factory=dict)
    unreturned_fen: dict[int, int] = field(default_factory=dict)

    def load_orders(self, session: Session, order_ids: Iterable[int]) -> None:
        wanted = sorted(order_ids)
        self._add(session, Order.id.in_(wanted))
        left = select(Order.id, Order.amount_fen - Order.refunded_fen).where(Order.id.in_(wanted))
        self.unreturned_fen.update(session.execute(left).all())

    def load_members(self, session: Session, returns: Sequence[Return]) -> None:
        members = {item.member_id for item in returns if item.member_id is not None}
        skus = {line.sku for item in returns for line in item.event.lines}
        if members and skus:
            self._add(session, Order.member_id.in_(sorted(members)) & OrderLine.sku.in_(sorted(skus)))

    def bounded(
        self, parts: Sequence[ReturnedPart], named: int | None
    ) -> list[tuple[ReturnedPart, int | None]]:
        """Each part with the order it is booked to: never more money than was paid for it and is not back yet.

        Money without article counts for the purchase that is named; what exceeds it is kept without an order.
        """
        booked: list[tuple[ReturnedPart, int | None]] = []
        for part in parts:
            has_article = bool(part.line.sku)
            order_id = part.sold.order_id if part.sold else named
            if part.sold is None and has_article and self.of_order(named):
                order_id = None  # not an article of that purchase
            fits = min(part.amount_fen, self.unreturned_fen.get(order_id, 0)) if order_id is not None else 0
            if order_id is not None:
                self.unreturned_fen[order_id] = self.unreturned_fen.get(order_id, 0) - fits
                booked.append((replace(part, amount_fen=fits), order_id))
            if part.amount_fen > fits:
                rest = replace(part, amount_fen=part.amount_fen - fits, sold=None)
                booked.append((replace(rest, quantity=0) if order_id is not None else rest, None))
        return booked

    def of_order(self, order_id: int | None) -> list[SoldLine]:
        return [line for line in self.lines.values() if line.order_id == order_id]

    def of_member(self, item: Return) -> list[SoldLine]:
        """The member's earlier purchases, latest first."""
        if item.member_id is None:
            return []
        mine = [
            line
            for line in self.lines.values()
            if self.member_of.get(line.order_id) == item.member_id
            and self.purchased_at[line.order_id] <= item.event.occurred_at
        ]
        return sorted(mine, key=lambda line: (self.purchased_at[line.order_id], line.order_id), reverse=True)

    def _add(self, session: Session, condition: Any) -> None:
        query = select(
            OrderLine.order_id,
            OrderLine.line_no,
            OrderLine.sku,
            OrderLine.kind,
            OrderLine.quantity,
            OrderLine.amount_fen,
            OrderLine.refunded_quantity,
            Order.purchased_at,
            Order.member_id,
            (Order.amount_fen - Order.refunded_fen).label("unreturned_fen"),
        ).join(Order, Order.id == OrderLine.order_id)
        for row in session.execute(query.where(condition)):
            line = SoldLine(*row[:7])
            self.lines.setdefault((line.order_id, line.line_no), line)
            self.purchased_at[line.order_id] = row.purchased_at
            self.unreturned_fen[line.order_id] = row.unreturned_fen
            if row.member_id is not None:
                self.member_of[line.order_id] = row.member_id


def _orders_by_ref(session: Session, source: str, refs: set[str]) -> dict[str, int]:
    if not refs:
        return {}
    query = select(Order.ref, Order.id, Order.member_id).where(
        Order.source == source, Order.ref.in_(sorted(refs))
    )
    # Waits for a purchase that is just being stored, and would miss the refund; keeps others from the same purchase.
    found = session.execute(query.order_by(Order.source, Order.ref).with_for_update()).all()
    lock_members(session, {member_id for _, _, member_id in found if member_id is not None})
    return {ref: order_id for ref, order_id, _ in found}


def _lines_of(item: Return) -> Sequence[Line]:
    """The returned lines; a refund that tells only its total is one line without article."""
    return item.event.lines or (Line("", "", 1, "0", item.event.amount_fen),)


def _part_rows(refund_id: int, parts: Sequence[tuple[ReturnedPart, int | None]]) -> Iterable[dict[str, Any]]:
    for line_no, (part, order_id) in enumerate(parts, start=1):
        yield {
            "refund_id": refund_id,
            "line_no": line_no,
            "sku": part.line.sku,
            "description": part.line.description,
            "kind": part.line.kind.value,
            "quantity": part.quantity,
            "amount_fen": part.amount_fen,
            "order_id": order_id,
            "order_line_no": part.sold.line_no if part.sold else None,
        }


def _write(session: Session, book: _SoldBook, rows: list[dict[str, Any]]) -> set[int]:
    insert_rows(session, RefundLine, rows)
    touched = {row["order_id"] for row in rows if row["order_id"] is not None}
    if not touched:
        return touched
    cancelled = {(row["order_id"], row["order_line_no"]) for row in rows if row["order_line_no"] is not None}
    _update_lines(session, [book.lines[key] for key in sorted(cancelled)])
    _update_orders(session, touched)
    return touched


def _update_lines(session: Session, lines: Sequence[SoldLine]) -> None:
    table = table_of(OrderLine)
    statement = update(table).where(
        table.c.order_id == bindparam("order"), table.c.line_no == bindparam("line")
    )
    changes = [
        {"order": line.order_id, "line": line.line_no, "refunded_quantity": line.refunded} for line in lines
    ]
    if changes:
        session.connection().execute(
            statement.values(refunded_quantity=bindparam("refunded_quantity")), changes
        )


def _update_orders(session: Session, order_ids: set[int]) -> None:
    book = _SoldBook()
    book.load_orders(session, order_ids)
    lines: dict[int, list[SoldLine]] = defaultdict(list)
    for line in book.lines.values():
        lines[line.order_id].append(line)
    wanted = sorted(order_ids)
    sums = select(RefundLine.order_id, func.sum(RefundLine.amount_fen)).where(RefundLine.order_id.in_(wanted))
    refunded = {order_id: int(fen) for order_id, fen in session.execute(sums.group_by(RefundLine.order_id))}
    for order in session.scalars(select(Order).where(Order.id.in_(wanted))):
        order.refunded_fen = refunded[order.id]
        order.wholly_refunded = is_wholly_refunded(lines[order.id], order.amount_fen, order.refunded_fen)
    session.flush()
