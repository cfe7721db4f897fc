"""Per-member totals: kept with each purchase and refund, always equal to a recount."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import any_of, table_of, upsert_rows
from app.orders.facts import Return, Sale
from app.orders.models import MemberPurchases

OF_MEMBERS = select(table_of(MemberPurchases)).where(any_of(table_of(MemberPurchases).c.member_id, "members"))


@dataclass(slots=True)
class _Totals:
    member_id: int
    orders: int = 0
    amount_fen: int = 0
    refunded_fen: int = 0
    first_purchased_at: datetime | None = None
    last_purchased_at: datetime | None = None

    def add_sale(self, sale: Sale) -> None:
        at = sale.event.occurred_at
        self.orders += 1
        self.amount_fen += sale.event.amount_fen
        self.first_purchased_at = min(self.first_purchased_at or at, at)
        self.last_purchased_at = max(self.last_purchased_at or at, at)

    @property
    def says_something(self) -> bool:
        """False for who only brought back what somebody else had bought."""
        return bool(self.orders or self.refunded_fen or self.first_purchased_at)

    def as_row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def add(session: Session, sales: Sequence[Sale], returns: Sequence[Return], moved: Mapping[int, int]) -> None:
    """Add purchases and refunds to their members' totals; the members are locked by the caller.

    `moved`: change in fen per member of refunds that count for the buyer, not for who brought the goods back.
    """
    members = {sale.member_id for sale in sales} | {refund.member_id for refund in returns} | moved.keys()
    members.discard(None)
    if not members:
        return
    found = session.connection().execute(OF_MEMBERS, {"members": members})
    known: dict[int, _Totals] = {row[0]: _Totals(*row) for row in found}
    stored = set(known)
    for sale in sales:
        if sale.member_id is not None:
            known.setdefault(sale.member_id, _Totals(sale.member_id)).add_sale(sale)
    for refund in returns:
        if refund.member_id is not None:
            totals = known.setdefault(refund.member_id, _Totals(refund.member_id))
            totals.refunded_fen += refund.event.amount_fen
    for member_id, fen in moved.items():
        known.setdefault(member_id, _Totals(member_id)).refunded_fen += fen
    told = [key for key in sorted(known) if key in stored or known[key].says_something]
    rows = [known[key].as_row() for key in told]
    upsert_rows(session, MemberPurchases, rows)
