"""Writing notices: in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import add_to_rows, any_of, insert_rows, read_rows, table_of, upsert_rows
from app.ids import new_ids
from app.messaging.models import DigestSchedule, Notice, NoticeKind, NoticeState
from app.messaging.rules import gather_at
from app.timers import Lane, TimerKey, clear_timers, set_timers

LONGEST_TEXT = 128
# How long what is in no hurry may wait for a digest.
UNHURRIED = timedelta(hours=1)
SCHEDULES = select(table_of(DigestSchedule)).where(
    any_of(table_of(DigestSchedule).c.associate_id, "associates")
)


class NewNotice(NamedTuple):
    """Tell an associate of a work item; one line of text (cut at 128), without anything secret in it.

    `deliver_by` is a business instant: the digest is gathered early enough for it where that is within the hour.
    The text of an escalation is the name of whoever is late.
    """

    associate_id: int
    work_item_id: int
    text: str
    deliver_by: datetime
    kind: NoticeKind = NoticeKind.OPENED


def write_notices(session: Session, rows: Sequence[NewNotice], now: datetime) -> None:
    """Add notices and see to it that each associate's digest is gathered in time.

    A digest already scheduled earlier stays there. Locks the associates' schedules in ascending ids until the
    transaction ends, so call it last. A few statements, however many rows.
    """
    if not rows:
        return
    wanted: dict[int, datetime] = {}
    for row in rows:
        at = gather_at(now, row.deliver_by)
        wanted[row.associate_id] = min(at, wanted.get(row.associate_id, at))
    scheduled = _lock_schedules(session, sorted(wanted))
    _insert_notices(session, rows, now)
    _schedule(session, wanted, scheduled)


def _lock_schedules(session: Session, associate_ids: Sequence[int]) -> dict[int, datetime | None]:
    """The schedules of these associates, made where missing, locked until the transaction ends."""
    rows = [{"associate_id": associate_id, "next_due_at": None} for associate_id in associate_ids]
    add_to_rows(session, DigestSchedule, rows, added=())
    found = read_rows(session, SCHEDULES, {"associates": associate_ids})
    return {row.associate_id: row.next_due_at for row in found}


def _insert_notices(session: Session, rows: Sequence[NewNotice], now: datetime) -> None:
    insert_rows(
        session,
        Notice,
        [
            {
                "id": notice_id,
                "associate_id": row.associate_id,
                "work_item_id": row.work_item_id,
                "kind": row.kind,
                "text": row.text[:LONGEST_TEXT],
                "state": NoticeState.WAITING,
                "written_at": now,
            }
            for notice_id, row in zip(new_ids(session, len(rows)), rows, strict=True)
        ],
    )


def _schedule(session: Session, wanted: dict[int, datetime], scheduled: dict[int, datetime | None]) -> None:
    """Move those that are not scheduled, or later than wanted."""
    moved, obsolete = {}, []
    for associate_id, at in wanted.items():
        present = scheduled[associate_id]
        if present is None or at < present:
            moved[associate_id] = at
            if present is not None:
                obsolete.append(TimerKey(Lane.DIGEST, present, associate_id))
    clear_timers(session, obsolete)
    set_timers(
        session, ((TimerKey(Lane.DIGEST, at, associate_id), None) for associate_id, at in moved.items())
    )
    upsert_rows(
        session,
        DigestSchedule,
        [{"associate_id": associate_id, "next_due_at": at} for associate_id, at in sorted(moved.items())],
    )
