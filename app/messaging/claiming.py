"""Taking due timers together with the rows that own them, without waiting for anybody."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, select
from sqlalchemy.orm import Session

from app.db import any_of, table_of
from app.timers import Lane, Timer, TimerKey, clear_timers

LOOK_AHEAD = 4  # timers looked at per owner wanted, as others may hold the first ones
TIMERS = table_of(Timer)
DUE = (
    select(TIMERS.c.due_at, TIMERS.c.subject_id)
    .where(TIMERS.c.lane == bindparam("lane"), TIMERS.c.due_at <= bindparam("until"))
    .order_by(TIMERS.c.due_at, TIMERS.c.subject_id)
    .limit(bindparam("most"))
)


@lru_cache(maxsize=64)
def _locking(owners: Select[Any], owner_id: ColumnElement[int]) -> Select[Any]:
    some = owners.where(any_of(owner_id, "wanted")).order_by(owner_id).limit(bindparam("most"))
    return some.with_for_update(skip_locked=True)


def claim_due(
    session: Session,
    lane: Lane,
    until: datetime,
    owners: Select[Any],
    owner_id: ColumnElement[int],
    most: int,
) -> list[Row[Any]]:
    """Lock at most `most` rows of `owners` whose `next_due_at` has come, and take their timers away.

    Rows that somebody else holds are passed over. `owners`, built once, selects `next_due_at` among its columns, and
    the owner's id first.
    """
    asked = {"lane": str(lane), "until": until, "most": most * LOOK_AHEAD}
    found = session.connection().execute(DUE, asked)
    timers = [TimerKey(lane, due_at, subject_id) for due_at, subject_id in found]
    if not timers:
        return []
    wanted = {"wanted": {timer.subject_id for timer in timers}, "most": most}
    held = session.connection().execute(_locking(owners, owner_id), wanted).all()
    held_ids = {row[0] for row in held}
    # Of an owner we hold, a timer that the owner does not know of goes too.
    clear_timers(session, [timer for timer in timers if timer.subject_id in held_ids])
    return [row for row in held if row.next_due_at is not None and row.next_due_at <= until]
