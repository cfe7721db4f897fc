"""Real time that a life cannot wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.messaging.models import MessageState, OutboundMessage
from app.timers import Lane, TimerKey, clear_timers, set_timers

AWAY_S = 0.05
PATIENCE_S = 120.0


def end_leases(database: Database) -> None:
    """As if the minute had passed for which a dead process holds its messages.

    Real time is not ours to move, and business time would fly on for days meanwhile: WeCom, whose clock flies with it,
    would no longer recognise the message. One that a living process holds is overtaken, which its fence allows for.
    """
    database.in_transaction(_end_leases)


def _end_leases(session: Session) -> None:
    now = clock.real_now(session)
    held = select(OutboundMessage).where(
        OutboundMessage.state == MessageState.ENQUEUED, OutboundMessage.next_due_at > now
    )
    for row in session.scalars(held.order_by(OutboundMessage.id).with_for_update()):
        if row.next_due_at is None:
            continue
        clear_timers(session, [TimerKey(Lane.PUSH, row.next_due_at, row.id)])
        row.next_due_at = now - timedelta(seconds=1)
        set_timers(session, [(TimerKey(Lane.PUSH, row.next_due_at, row.id), None)])


def once_it_answers(database: Database, work: Callable[[Database], None]) -> None:
    """Do something as soon as a database that is away is there again; raises its error after two minutes."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work(database)
        except DBAPIError:
            if time.monotonic() > give_up_at:
                raise
            database.close()  # connections of before the kill
            time.sleep(AWAY_S)
