"""Taking due timers together with the rows that own them, without waiting for anybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Session

from app.timers import Lane, Timer, TimerKey, clear_timers

LOOK_AHEAD = 4  # timers looked at per owner wanted, as others may hold the first ones


def claim_due(
    session: Session,
    lane: Lane,
    until: datetime,
    owners: Select[Any],
    owner_id: ColumnElement[int],
    most: int,
) -> list[Row[Any]]:
    """Lock at most `most` rows of `owners` whose `next_due_at` has come, and take their timers away.

    Rows that somebody else holds are passed over. `owners` selects `next_due_at` among its columns, and the owner's
    id first.
    """
    due = (
        select(Timer.due_at, Timer.subject_id)
        .where(Timer.lane == str(lane), Timer.due_at <= until)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(most * LOOK_AHEAD)
    )
    timers = [TimerKey(lane, row.due_at, row.subject_id) for row in session.execute(due)]
    if not timers:
        return []
    wanted = {timer.subject_id for timer in timers}
    locking = owners.where(owner_id.in_(wanted)).order_by(owner_id).limit(most)
    held = session.execute(locking.with_for_update(skip_locked=True)).all()
    held_ids = {row[0] for row in held}
    # Of an owner we hold, a timer that the owner does not know of goes too.
    clear_timers(session, [timer for timer in timers if timer.subject_id in held_ids])
    return [row for row in held if row.next_due_at is not None and row.next_due_at <= until]
