"""Keeping what WeCom tells us: the event and its timers, in one transaction, once however often it comes.

What is done with it is intake's (inbox.py) and the welcome lane's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.ids import new_ids
from app.inbound.events import content_hash
from app.inbound.models import WECOM, Inbound, InboundState, ReceivedEvent
from app.timers import Lane, TimerKey, set_timers
from app.wecom.callbacks import WeComEvent

CHUNK = 100


def receive(session: Session, event: WeComEvent, now_real: datetime) -> bool:
    """Keep an event, to be applied from `now_real` on; False, and nothing changed, for one that is kept already."""
    return receive_all(session, [event], now_real) == 1


def receive_all(session: Session, events: Sequence[WeComEvent], now_real: datetime) -> int:
    """Keep many; returns how many were new. One with a welcome code gets a timer of the welcome lane as well."""
    by_key = {event.key: event for event in events}
    known = _known(session, sorted(by_key))
    fresh = [(key, event) for key, event in sorted(by_key.items()) if key not in known]
    if not fresh:
        return 0
    ids, at = new_ids(session, len(fresh)), clock.now(session)
    rows = [(row_id, key, event) for row_id, (key, event) in zip(ids, fresh, strict=True)]
    insert_rows(session, Inbound, [_inbound(*row, at) for row in rows])
    insert_rows(session, ReceivedEvent, [_received(row_id, event, now_real) for row_id, _, event in rows])
    timers = [TimerKey(Lane.INBOX, now_real, row_id) for row_id in ids]
    timers += [TimerKey(Lane.WELCOME, now_real, row_id) for row_id, _, event in rows if _greets(event)]
    set_timers(session, ((key, None) for key in timers))
    return len(fresh)


def put_back(session: Session, inbound_id: int, now_real: datetime) -> bool:
    """Let an event out of the quarantine, due now with all attempts before it; False where it is not there."""
    table = table_of(Inbound)
    mine = (table.c.id == inbound_id) & (table.c.source == WECOM)
    held = select(table.c.id).where(mine, table.c.state == InboundState.QUARANTINED).with_for_update()
    if session.scalar(held) is None:
        return False
    again = update(table).where(mine).values(state=InboundState.RECEIVED, reason="")
    session.connection().execute(again)
    waits = update(table_of(ReceivedEvent)).where(table_of(ReceivedEvent).c.inbound_id == inbound_id)
    session.connection().execute(waits.values(next_due_at=now_real, settled_at=None, attempts=0, excused=0))
    set_timers(session, [(TimerKey(Lane.INBOX, now_real, inbound_id), None)])
    return True


def _known(session: Session, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), CHUNK):
        mine = Inbound.event_key.in_(keys[start : start + CHUNK])
        found |= set(session.scalars(select(Inbound.event_key).where(Inbound.source == WECOM, mine)))
    return found


def _greets(event: WeComEvent) -> bool:
    return bool(event.text("WelcomeCode"))


def _inbound(row_id: int, key: str, event: WeComEvent, at: datetime) -> dict[str, Any]:
    payload = event.encode()
    return {
        "id": row_id,
        "source": WECOM,
        "event_key": key,
        "content_hash": content_hash(payload.encode()),
        "payload": payload,
        "state": InboundState.RECEIVED,
        "reason": "",
        "enrolls": False,
        "received_at": at,
    }


def _received(row_id: int, event: WeComEvent, now_real: datetime) -> dict[str, Any]:
    return {
        "inbound_id": row_id,
        "subject": event.subject,
        "next_due_at": now_real,
        "welcome_due_at": now_real if _greets(event) else None,
        "fence": 0,
        "attempts": 0,
        "excused": 0,
        "settled_at": None,
    }
