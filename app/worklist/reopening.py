"""Opening a work item again that was closed by mistake. Callers hold the member's `member_care` row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import table_of
from app.timers import Lane, TimerKey, set_timers
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import ask_anew, count_items


def reopen_item(session: Session, item_id: int, now: datetime, *, is_urged: bool = True) -> None:
    """Bring a closed work item back as to be done now, and not done, with the timers of its expiry and, where it
    `is_urged`, urging.

    What it was put off until is forgotten. The caller has made sure that its validity has not ended, that nothing else
    was opened in its place, and that the cap holds. Counts and locks like `open_items`.
    """
    table = table_of(WorkItem)
    its = table.c.id == item_id
    unknown: dict[str, Any] = dict.fromkeys(("closed_at", "next_urge_at", "done_at", "done_told_at"))
    opened = {"state": WorkState.OPEN, "close_reason": "", **unknown}
    session.connection().execute(update(table).where(its, table.c.state != WorkState.OPEN).values(**opened))
    row = session.execute(select(table).where(its)).one()
    set_timers(session, [(TimerKey(Lane.EXPIRY, row.valid_until, row.id), row.member_id)])
    again, budget = [dict(row._mapping)], read_budget(session)
    ask_anew(session, again, budget, now, is_urged=is_urged)
    count_items(session, again, budget, now)
