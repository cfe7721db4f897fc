"""The handover lane: what people who left had to do goes to who is there for it, some of it at a time.

A look at somebody goes through their members, whom WeCom may have given to others before we knew that they left, then
through their open work items. Members somebody else is busy with, and what is being sent just now, are looked at again
in a moment; what nobody is there for, every hour. Somebody who is still here keeps what is theirs: only what is left of
members whom they have no more goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import clock
from app.associates.handovers import Stage, schedule_handovers
from app.associates.models import Associate, HandoverSchedule
from app.db import Database, is_among, table_of
from app.failpoints import failpoint
from app.handover.changing import give_away, when_sent
from app.handover.passing import read_open
from app.handover.transfers import follow_transfers, may_be_transferred
from app.lanes import Deadline, Progress
from app.members.models import Member, MemberCare, OwnerChange
from app.members.service import lock_members
from app.nightly import Piece
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.worklist.models import WorkItem, WorkState

BATCH = 200
SQLITE_BATCH = 40
# Whoever is busy with a member is so no more a moment later.
AGAIN_AFTER = timedelta(seconds=5)
# Nobody was there for it: a manager may have come since.
NOBODY_AFTER = timedelta(hours=1)
# Who opened a task while its assignee left has committed it by then; what is later still the night finds.
LAST_LOOK = timedelta(minutes=2)
JOB = "handovers"
PEOPLE = 200


class Standing(NamedTuple):
    """A look that is due, as it stood when somebody began on its next piece."""

    associate_id: int
    next_due_at: datetime
    asked_at: datetime
    again_at: datetime | None
    stage: str
    cursor: int


class _Went(NamedTuple):
    """How a piece went: behind which id the next begins, None for the stage's end, and when to look again."""

    cursor: int | None
    again_at: datetime | None = None


def hand_over_due(database: Database, deadline: Deadline) -> Progress:
    """Hand over what is due, piece by piece; safe in any number of processes. `done` counts pieces."""
    size = SQLITE_BATCH if database.is_sqlite else BATCH
    done = 0
    while not deadline.has_passed():
        pieces = database.in_transaction(lambda session: hand_over_batch(session, size))
        if not pieces:
            return Progress(done, more=False)
        done += pieces
    return Progress(done, more=True)


def hand_over_batch(session: Session, size: int) -> int:
    """Look at some members, or work items, of the first who is due; 0 where nobody is.

    Everything is read again once its members are held, so whoever does the same piece too does nothing twice.
    """
    now = clock.now(session)
    standing = _first_due(session, now)
    if standing is None:
        return 0
    person = session.get_one(Associate, standing.associate_id, populate_existing=True)
    has_left = person.ended_at is not None
    if standing.stage == Stage.MEMBERS:
        went = _members(session, standing, size, now) if has_left else _Went(None)
    else:
        went = _items(session, standing, size, now, has_left=has_left)
    failpoint("handover.passed")
    _go_on(session, standing, went, now, has_left=has_left)
    return 1


def next_piece(session: Session, cursor: str) -> Piece:
    """The nightly job: whoever left and still has something to do is looked at, should that ever have been missed."""
    after, now = int(cursor or 0), clock.now(session)
    has_work = exists().where(WorkItem.assignee_id == Associate.id, WorkItem.state == WorkState.OPEN)
    query = select(Associate.id).where(Associate.ended_at.is_not(None), Associate.id > after, has_work)
    found = session.scalars(query.order_by(Associate.id).limit(PEOPLE)).all()
    is_last = len(found) < PEOPLE

    def write(its: Session) -> None:
        schedule_handovers(its, dict.fromkeys(found, now), now)

    return Piece(write, "" if is_last else str(found[-1]), is_last)


def _first_due(session: Session, now: datetime) -> Standing | None:
    table = table_of(HandoverSchedule)
    query = (
        select(*(table.c[name] for name in Standing._fields))
        .join(Timer, (Timer.subject_id == table.c.associate_id) & (Timer.due_at == table.c.next_due_at))
        .where(Timer.lane == str(Lane.HANDOVER), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return Standing(*row) if row else None


def _members(session: Session, standing: Standing, size: int, now: datetime) -> _Went:
    """Members of somebody who left whom WeCom gave to others get those as owners."""
    table = table_of(Member)
    query = select(table.c.id).where(table.c.owner_id == standing.associate_id, table.c.id > standing.cursor)
    ids = session.connection().execute(query.order_by(table.c.id).limit(size)).scalars().all()
    given = may_be_transferred(session, ids)
    lock_members(session, given)
    follow_transfers(session, given, now)
    return _Went(ids[-1] if len(ids) == size else None)


def _items(session: Session, standing: Standing, size: int, now: datetime, *, has_left: bool) -> _Went:
    table = table_of(WorkItem)
    mine = (table.c.assignee_id == standing.associate_id, table.c.id > standing.cursor)
    seen = read_open(session, *mine, limit=size)
    held = _hold(session, seen)
    items = read_open(session, *mine, is_among(table.c.id, held))
    going = items if has_left else _of_former_members(session, standing.associate_id, items)
    moved = set(give_away(session, going, now, whatever=has_left))
    waits = [now + AGAIN_AFTER for item in seen if item.id not in held]
    waits += when_sent(session, going, now).values()
    waits += [now + NOBODY_AFTER for item in going if item.id not in moved]
    cursor = seen[-1].id if len(seen) == size else None
    return _Went(cursor, min(waits, default=None))


def _hold(session: Session, items: Sequence[Any]) -> set[int]:
    """Lock what guards these items, as far as nobody else has it, in ascending order; the items that are held."""
    members = sorted({item.member_id for item in items if item.member_id is not None})
    care, table = table_of(MemberCare), table_of(WorkItem)
    locking = select(care.c.member_id).where(care.c.member_id.in_(members)).order_by(care.c.member_id)
    free = set(session.scalars(locking.with_for_update(skip_locked=True))) if members else set()
    alone = sorted(item.id for item in items if item.member_id is None)
    itself = select(table.c.id).where(table.c.id.in_(alone)).order_by(table.c.id)
    held = set(session.scalars(itself.with_for_update(skip_locked=True))) if alone else set()
    return held | {item.id for item in items if item.member_id in free}


def _of_former_members(session: Session, associate_id: int, items: Sequence[Any]) -> list[Any]:
    """Those about members whom they lost to somebody else since they were given the item."""
    changes = table_of(OwnerChange)
    query = (
        select(changes.c.member_id, changes.c.recorded_at)
        .join(Member, Member.id == changes.c.member_id)
        .where(
            changes.c.member_id.in_(sorted({item.member_id for item in items} - {None})),
            changes.c.from_id == associate_id,
            Member.owner_id.is_distinct_from(associate_id),
        )
        .order_by(changes.c.recorded_at)
    )
    lost: dict[int, datetime] = dict(session.execute(query).all()) if items else {}
    return [
        item
        for item in items
        if item.member_id in lost and lost[item.member_id] >= (item.asked_at or item.opened_at)
    ]


def _go_on(session: Session, standing: Standing, went: _Went, now: datetime, *, has_left: bool) -> None:
    """Write down how far the look has come, if it still stands where this piece began."""
    query = select(HandoverSchedule).where(HandoverSchedule.associate_id == standing.associate_id)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
    if Standing(*(getattr(row, name) for name in Standing._fields)) != standing:
        return
    again = [at for at in (standing.again_at, went.again_at) if at is not None]
    row.again_at = min(again, default=None)
    if went.cursor is not None:
        row.cursor = went.cursor
    elif standing.stage == Stage.MEMBERS:
        row.stage, row.cursor = Stage.ITEMS, 0
    else:
        _finish(session, row, now, has_left=has_left)
    session.flush()


def _finish(session: Session, row: HandoverSchedule, now: datetime, *, has_left: bool) -> None:
    """The look is over: the next one is when there is something to look for, and of who left once more for good."""
    assert row.next_due_at is not None
    clear_timers(session, [TimerKey(Lane.HANDOVER, row.next_due_at, row.associate_id)])
    last = row.asked_at + LAST_LOOK
    at = row.again_at or (last if has_left and last > now else None)
    row.next_due_at, row.again_at, row.stage, row.cursor = at, None, Stage.MEMBERS, 0
    if at is not None:
        set_timers(session, [(TimerKey(Lane.HANDOVER, at, row.associate_id), None)])
