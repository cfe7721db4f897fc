"""Keeping what WeCom tells us: the event and its timers, in one transaction, once however often it comes.

What is done with it is intake's (inbox.py) and the welcome lane's.

WeCom counts in seconds and two edits of one contact within a second read alike, so what looks like the repeat of an
edit may be another one: it is not kept again, but what it tells of is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.ids import new_ids
from app.inbound.events import content_hash
from app.inbound.models import BY_LANE, WECOM, Inbound, InboundState, ReceivedEvent
from app.inbound.rules import LEASE
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.callbacks import WeComEvent

CHUNK = 100
# Events that may come twice within a second and read alike. Their handlers read the state anew and nothing else.
EDITS = frozenset(
    {
        "change_external_contact:edit_external_contact",
        "change_external_chat:update",
        "change_external_tag:update",
        "change_external_tag:shuffle",
    }
)
# WeCom's own retries of the second one are over by then; later than that a repeat is one.
ALIKE_FOR = timedelta(minutes=1)


def receive(session: Session, event: WeComEvent, now_real: datetime, source: str = WECOM) -> bool:
    """Keep an event, to be applied from `now_real` on; False for one that is kept already.

    A repeat changes nothing, but for an edit that was looked at within `ALIKE_FOR`: that one is looked at once more.
    What we tell ourselves has the same shape and the source INTERNAL.
    """
    return receive_all(session, [event], now_real, source) == 1


def receive_all(
    session: Session, events: Sequence[WeComEvent], now_real: datetime, source: str = WECOM
) -> int:
    """Keep many; returns how many were new. One with a welcome code gets a timer of the welcome lane as well."""
    by_key = {event.key: event for event in events}
    known = _known(session, sorted(by_key), source)
    _look_again(session, [known[key] for key in sorted(known) if _is_edit(by_key[key])], now_real)
    fresh = [(key, event) for key, event in sorted(by_key.items()) if key not in known]
    if not fresh:
        return 0
    ids, at = new_ids(session, len(fresh)), clock.now(session)
    rows = [(row_id, key, event) for row_id, (key, event) in zip(ids, fresh, strict=True)]
    insert_rows(session, Inbound, [_inbound(*row, at, source) for row in rows])
    insert_rows(session, ReceivedEvent, [_received(row_id, event, now_real) for row_id, _, event in rows])
    timers = [TimerKey(Lane.INBOX, now_real, row_id) for row_id in ids]
    timers += [TimerKey(Lane.WELCOME, now_real, row_id) for row_id, _, event in rows if _greets(event)]
    set_timers(session, ((key, None) for key in timers))
    return len(fresh)


def put_back(session: Session, inbound_id: int, now_real: datetime) -> bool:
    """Let an event out of the quarantine, due now with all attempts before it; False where it is not there."""
    table = table_of(Inbound)
    mine = (table.c.id == inbound_id) & table.c.source.in_(BY_LANE)
    held = select(table.c.id).where(mine, table.c.state == InboundState.QUARANTINED).with_for_update()
    if session.scalar(held) is None:
        return False
    _begin_anew(session, [inbound_id], now_real)
    return True


def _look_again(session: Session, ids: Sequence[int], now_real: datetime) -> None:
    """Whoever looks at one of these right now is overtaken: the look may be older than what the repeat tells of.

    Left alone: what nobody has looked at yet, what waits because WeCom wants a pause, what is in quarantine.
    """
    table = table_of(ReceivedEvent)
    lately, soon = now_real - ALIKE_FOR, now_real + LEASE
    columns = select(table.c.inbound_id, table.c.next_due_at, table.c.settled_at)
    for start in range(0, len(ids), CHUNK):
        theirs = table.c.inbound_id.in_(ids[start : start + CHUNK])
        looked_at = columns.where(theirs, table.c.attempts > 0).order_by(table.c.inbound_id)
        rows = session.execute(looked_at.with_for_update()).all()
        due = [row for row in rows if row.next_due_at is not None and row.next_due_at <= soon]
        clear_timers(session, [TimerKey(Lane.INBOX, row.next_due_at, row.inbound_id) for row in due])
        applied = [row for row in rows if row.settled_at is not None and row.settled_at >= lately]
        _begin_anew(session, [row.inbound_id for row in (*due, *applied)], now_real)


def _begin_anew(session: Session, ids: Sequence[int], now_real: datetime) -> None:
    """Due now, with all attempts before them; whoever has one claimed has it no longer."""
    if not ids:
        return
    work, table = table_of(ReceivedEvent), table_of(Inbound)
    waits = update(work).where(work.c.inbound_id.in_(ids))
    anew = {"fence": work.c.fence + 1, "attempts": 0, "excused": 0}
    session.connection().execute(waits.values(next_due_at=now_real, settled_at=None, **anew))
    again = update(table).where(table.c.id.in_(ids)).values(state=InboundState.RECEIVED, reason="")
    session.connection().execute(again)
    set_timers(session, [(TimerKey(Lane.INBOX, now_real, inbound_id), None) for inbound_id in ids])


def _known(session: Session, keys: Sequence[str], source: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(keys), CHUNK):
        mine = Inbound.event_key.in_(keys[start : start + CHUNK])
        rows = session.execute(select(Inbound.event_key, Inbound.id).where(Inbound.source == source, mine))
        found |= {row.event_key: row.id for row in rows}
    return found


def _is_edit(event: WeComEvent) -> bool:
    return f"{event.name}:{event.change}" in EDITS and not _greets(event)


def _greets(event: WeComEvent) -> bool:
    return bool(event.text("WelcomeCode"))


def _inbound(row_id: int, key: str, event: WeComEvent, at: datetime, source: str) -> dict[str, Any]:
    payload = event.encode()
    return {
        "id": row_id,
        "source": source,
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
