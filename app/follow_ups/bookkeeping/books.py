"""All checks of the books, in the order in which they are told."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.follow_ups.bookkeeping import (
    attributions,
    inbox,
    messages,
    people,
    plans,
    purchases,
    sends,
    texts,
    timers,
    totals,
)
from app.follow_ups.bookkeeping.checks import Finding, run_check

EXAMPLES = 100
CHECKS = (
    *inbox.CHECKS,
    *purchases.CHECKS,
    *totals.CHECKS,
    *attributions.CHECKS,
    *people.CHECKS,
    *plans.CHECKS,
    *messages.CHECKS,
    *sends.CHECKS,
    *texts.CHECKS,
    *timers.CHECKS,
)


def check_books(session: Session) -> list[Finding]:
    """What every check found; on a sound database all count zero."""
    found = [run_check(session, check, EXAMPLES) for check in CHECKS]
    return [
        *found,
        messages.find_incomplete(session, EXAMPLES),
        plans.find_idle_calendars(session, EXAMPLES),
    ]
