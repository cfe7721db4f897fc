"""Holding what was done against what was owed: every owed step is accounted for, or it is missing by name.

owed = tasks done, open, expired or cancelled + steps merged, skipped, cancelled, expired or withheld + pending +
quarantined + missing. Beside that account stand the checks of the books (bookkeeping), which know nothing of what is
owed.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.bookkeeping.books import check_books
from app.follow_ups.reconciling.accounting import Accountant
from app.follow_ups.reconciling.report import Discrepancy, Report
from app.inbound.models import Inbound, InboundState
from app.members.models import Member
from app.sealing import Keyring

__all__ = ["Discrepancy", "Report", "members_after", "quarantined_events", "reconcile"]

MEMBERS_AT_ONCE = 1000


def reconcile(session: Session, *, with_books: bool = True, keys: Keyring | None = None) -> Report:
    """Recompute everything owed so far and account for it, a thousand members at a time; then check the books.

    Checking them costs three dozen statements however small the database: tests that ask all the time leave it out.
    Without `keys` nobody's birthday can be read: series that began by one are then taken on trust.
    """
    report, accountant = Report(), Accountant(session, keys)
    for member_ids in _everybody(session):
        accountant.account(session, member_ids, report)
    report.quarantined_events = quarantined_events(session)
    report.books = check_books(session) if with_books else []
    return report


def members_after(session: Session, member_id: int, limit: int = MEMBERS_AT_ONCE) -> list[int]:
    """The next members by id."""
    table = table_of(Member)
    query = select(table.c.id).where(table.c.id > member_id).order_by(table.c.id).limit(limit)
    return list(session.connection().execute(query).scalars())


def quarantined_events(session: Session) -> int:
    """How many events wait in quarantine."""
    return session.scalar(select(func.count()).where(Inbound.state == InboundState.QUARANTINED)) or 0


def _everybody(session: Session) -> Iterator[list[int]]:
    member_ids = members_after(session, 0)
    while member_ids:
        yield member_ids
        is_last = len(member_ids) < MEMBERS_AT_ONCE
        member_ids = [] if is_last else members_after(session, member_ids[-1])
