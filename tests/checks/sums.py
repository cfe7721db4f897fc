"""Guarantees of what was bought and brought back, and that what was told is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from app.inbound.models import BY_LANE, InboundState
from tests.checks.tables import Tables, differs


def orders(tables: Tables) -> Iterator[str]:
    """What came back of each purchase equals the refund lines, and is never more than was bought."""
    fen: Counter[int] = Counter()
    pieces: Counter[tuple[int, int]] = Counter()
    of_refund: Counter[int] = Counter()
    for part in tables.refund_lines:
        of_refund[part.refund_id] += part.amount_fen
        if part.order_id is not None:
            fen[part.order_id] += part.amount_fen
        if part.order_line_no is not None:
            pieces[part.order_id, part.order_line_no] += part.quantity
    for order in tables.orders:
        if order.refunded_fen != fen[order.id]:
            yield f"order {order.ref}: {order.refunded_fen} refunded, its refund lines say {fen[order.id]}"
    for line in tables.order_lines:
        if not line.refunded_quantity == pieces[line.order_id, line.line_no] <= line.quantity:
            yield f"order line {line.order_id}/{line.line_no}: {line.refunded_quantity} of {line.quantity} came back"
    for refund in tables.refunds:
        if of_refund[refund.id] != refund.amount_fen:
            yield f"refund {refund.ref}: {refund.amount_fen}, its lines say {of_refund[refund.id]}"


def totals(tables: Tables) -> Iterator[str]:
    """Per-member totals equal a recount of orders and refunds."""
    bought, returned = defaultdict(list), defaultdict(list)
    for order in tables.orders:
        bought[order.member_id].append(order)
    for refund in tables.refunds:
        returned[refund.member_id].append(refund)
    members = (bought.keys() | returned.keys()) - {None}
    # A refund that was first booked to who brought it leaves zeros with them.
    kept = {row.member_id: row for row in tables.totals if row.orders or row.refunded_fen}
    yield from differs("members with totals and with purchases", kept, members)
    for member_id in members & kept.keys():
        row, instants = kept[member_id], [order.purchased_at for order in bought[member_id]]
        recount = (
            len(bought[member_id]),
            sum(order.amount_fen for order in bought[member_id]),
            sum(refund.amount_fen for refund in returned[member_id]),
            min(instants, default=None),
            max(instants, default=None),
        )
        stored = (row.orders, row.amount_fen, row.refunded_fen, row.first_purchased_at, row.last_purchased_at)
        if stored != recount:
            yield f"totals of member {member_id}: {stored}, recounted {recount}"


def inbox(tables: Tables) -> Iterator[str]:
    """Every applied event became its order or refund, and none came from nowhere."""
    applied = [
        (row.source, row.event_key)
        for row in tables.inbound
        if row.state == InboundState.APPLIED
        and row.source not in BY_LANE
        and row.event_key.startswith(("purchase:", "refund:"))
    ]
    facts = [(order.source, f"purchase:{order.ref}") for order in tables.orders]
    facts += [(refund.source, f"refund:{refund.ref}") for refund in tables.refunds]
    yield from differs("applied events and facts", applied, facts)
