"""When it is looked whose work is to pass to others. What passes to whom is `handover`'s."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import HandoverSchedule
from app.db import add_to_rows, table_of, upsert_rows
from app.timers import Lane, TimerKey, clear_timers, set_timers


class Stage(StrEnum):
    """What a look goes through, in this order."""

    MEMBERS = "members"
    ITEMS = "items"


def schedule_handovers(session: Session, due: Mapping[int, datetime], now: datetime) -> None:
    """Have a look taken at these people then (id → instant), or earlier where that is set already, from the beginning.

    Locks their schedules in ascending ids until the transaction ends; callers hold members before, if any.
    """
    if not due:
        return
    blank = {"next_due_at": None, "asked_at": now, "again_at": None, "stage": Stage.MEMBERS, "cursor": 0}
    add_to_rows(session, HandoverSchedule, [{"associate_id": one, **blank} for one in sorted(due)], added=())
    table = table_of(HandoverSchedule)
    query = select(table.c.associate_id, table.c.next_due_at).where(table.c.associate_id.in_(sorted(due)))
    present: dict[int, datetime | None] = dict(session.execute(query).all())
    wanted = {one: min(at, present[one] or at) for one, at in due.items()}
    clear_timers(session, [TimerKey(Lane.HANDOVER, at, one) for one, at in present.items() if at is not None])
    set_timers(session, [(TimerKey(Lane.HANDOVER, at, one), None) for one, at in wanted.items()])
    rows = [{"associate_id": one, **blank, "next_due_at": at} for one, at in sorted(wanted.items())]
    upsert_rows(session, HandoverSchedule, rows)
