"""Taking due timers together with the rows that own them, without waiting for anybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Session

from app.timers import Lane, Timer, TimerKey, clear_timers

CHUNK = 300
A_KEY = "SELECT %s AS lane, CAST(%s AS DATETIME(6)) AS due_at, %s AS subject_id"
DELETE_BY_KEYS = """
DELETE timers FROM ({keys}) AS gone STRAIGHT_JOIN timers
ON timers.lane = gone.lane AND timers.due_at = gone.due_at AND timers.subject_id = gone.subject_id
"""
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
    drop_timers(session, [timer for timer in timers if timer.subject_id in held_ids])
    return [row for row in held if row.next_due_at is not None and row.next_due_at <= until]


def drop_timers(session: Session, keys: Sequence[TimerKey]) -> None:
    """Delete timers by full key, touching no other row; one that is already gone is no error.

    MariaDB reads, and locks, the whole table for `(a, b, c) IN (…)` of one key or of as many as a small table has
    rows: a second worker would wait for the first. Joined from the keys it looks each one up. [300 keys: 4.7 ms
    against 8.4 ms; one key of 50,000 rows: 0.3 ms against 30 ms.]
    """
    if session.get_bind().dialect.name == "sqlite":
        clear_timers(session, keys)
        return
    ordered = sorted(keys, key=lambda key: (str(key.lane), key.due_at, key.subject_id))
    for start in range(0, len(ordered), CHUNK):
        some = ordered[start : start + CHUNK]
        given = [
            value
            for key in some
            for value in (str(key.lane), key.due_at.astimezone(UTC).replace(tzinfo=None), key.subject_id)
        ]
        query = DELETE_BY_KEYS.format(keys=" UNION ALL ".join([A_KEY] * len(some)))
        session.connection().exec_driver_sql(query, tuple(given))
