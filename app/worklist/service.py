"""Opening and closing work items. Callers hold the member's `member_care` row; without a member, the item's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.models import WorkItem, WorkKind, WorkState


def open_items(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add open work items, each with the timer of its expiry."""
    complete = [
        {
            "kind": WorkKind.FOLLOW_UP,
            "state": WorkState.OPEN,
            "closed_at": None,
            "close_reason": "",
            "is_service": False,
            "value_fen": 0,
            "rank": row["priority"],
            "postponed_until": None,
            "urge_level": 0,
            "next_urge_at": None,
            **row,
        }
        for row in rows
    ]
    insert_rows(session, WorkItem, complete)
    set_timers(session, ((_expiry_timer(row["id"], row["valid_until"]), row["member_id"]) for row in rows))


def close_items(
    session: Session, ids: Sequence[int], state: WorkState, reason: str, now: datetime
) -> list[int]:
    """Move those that are still open to a final state; returns their ids. Final states absorb."""
    if not ids:
        return []
    query = select(WorkItem.id, WorkItem.valid_until).where(
        WorkItem.id.in_(ids), WorkItem.state == WorkState.OPEN
    )
    still_open = session.execute(query).all()
    table = table_of(WorkItem)
    session.connection().execute(
        update(table)
        .where(table.c.id.in_([row.id for row in still_open]), table.c.state == WorkState.OPEN)
        .values(state=state, close_reason=reason, closed_at=now)
    )
    clear_timers(session, [_expiry_timer(row.id, row.valid_until) for row in still_open])
    return [row.id for row in still_open]


def _expiry_timer(item_id: int, valid_until: datetime) -> TimerKey:
    return TimerKey(Lane.EXPIRY, valid_until, item_id)
