"""The expiry lane: work items whose validity has ended are closed, once."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.lanes import Deadline, Progress
from app.timers import Lane, clear_timers
from app.worklist.claiming import claim_items
from app.worklist.models import WorkState
from app.worklist.service import AskAgain, close_items

BATCH = 500
SQLITE_BATCH = 100
EXPIRED_REASON = "validity_ended"


def expire_due(database: Database, ask_again: AskAgain, deadline: Deadline) -> Progress:
    """Close open items past their validity, batch by batch; safe in any number of processes."""
    size = SQLITE_BATCH if database.is_sqlite else BATCH
    done = 0
    while not deadline.has_passed():
        expired = database.in_transaction(lambda session: expire_batch(session, ask_again, size))
        done += expired
        if expired < size:
            return Progress(done, more=False)
    return Progress(done, more=True)


def expire_batch(session: Session, ask_again: AskAgain, size: int) -> int:
    """Take at most `size` due expiry timers of members nobody else is busy with; returns how many."""
    now = clock.now(session)
    due = claim_items(session, Lane.EXPIRY, now, size)
    expired = close_items(session, [key.subject_id for key in due], WorkState.EXPIRED, EXPIRED_REASON, now)
    clear_timers(session, due)
    ask_again(session, expired, now)
    return len(due)
