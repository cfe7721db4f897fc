"""What a member is worth to the shop: three tiers by net spend, the 6-3-1 rule.

Of all who have bought, the tenth that spent most is the top tier (3), the next three tenths are the high one (2), the
others the lowest (1); who has bought nothing, or returned everything, is of none (0). The limits are counted once a
day, not when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, upsert_rows
from app.orders.models import MemberPurchases, ValueTiers

ROW = 1
EVERY = timedelta(days=1)
TOP_SHARE, HIGH_SHARE = 0.1, 0.4
# Members are counted by spans of net spend this wide: 10 yuan.
SPAN_FEN = 1000


@dataclass(frozen=True, slots=True)
class Tiers:
    """The limits in fen; None where nobody was counted yet."""

    top_fen: int | None = None
    high_fen: int | None = None

    def of(self, net_fen: int) -> int:
        """The tier, 0 to 3, of a member whose purchases less refunds come to that."""
        if net_fen <= 0:
            return 0
        if self.top_fen is None or self.high_fen is None:
            return 1
        return 1 + (net_fen >= self.high_fen) + (net_fen >= self.top_fen)


def limits(spans: Iterable[tuple[int, int]]) -> Tiers:
    """The limits that members by span of net spend (its number from 0, how many) come to. Pure.

    A span is of the tier that most of its members are of: a limit is the lower end of the span that begins nearest to
    the share.
    """
    ordered = sorted(spans, reverse=True)
    total = sum(members for _, members in ordered)
    return (
        Tiers(_limit(ordered, total * TOP_SHARE), _limit(ordered, total * HIGH_SHARE)) if total else Tiers()
    )


def _limit(ordered: list[tuple[int, int]], wanted: float) -> int:
    above = 0
    for span, members in ordered:
        if abs(above + members - wanted) > abs(above - wanted):
            return (span + 1) * SPAN_FEN
        above += members
    return 1


def tiers_of_today(database: Database, *, may_count: bool) -> Tiers:
    """The limits as last counted; counted anew where that was a day ago and the caller has the time for it.

    Counting reads every member's total once, in a transaction that locks nothing.
    """
    with database.reading() as session:
        now, row = clock.now(session), session.get(ValueTiers, ROW)
        if row is not None and (now - row.counted_at < EVERY or not may_count):
            return Tiers(row.top_fen, row.high_fen)
        counted = limits(_spans(session)) if may_count else Tiers()
    if counted != Tiers():
        with database.transaction() as session:
            _keep(session, counted, now)
    return counted


def _spans(session: Session) -> list[tuple[int, int]]:
    net = MemberPurchases.amount_fen - MemberPurchases.refunded_fen
    span = net // SPAN_FEN
    query = select(span, func.count()).where(net > 0).group_by(span)
    return [(int(number), int(members)) for number, members in session.execute(query)]


def _keep(session: Session, tiers: Tiers, now: datetime) -> None:
    row = {"id": ROW, "top_fen": tiers.top_fen, "high_fen": tiers.high_fen, "counted_at": now}
    upsert_rows(session, ValueTiers, [row])
