"""Work of a lane that cannot be done is set aside with its reason, so that everything behind it goes on.

One bad row is one bad row: a batch that fails is taken in smaller bites down to the one that cannot be done. What is
set aside has no timer; once the cause is gone somebody takes it up again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy import Index, String, delete, select
from sqlalchemy.exc import DataError, IntegrityError, NoResultFound
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, Database
from app.ids import new_id
from app.lanes import Deadline, Progress
from app.timers import Lane

T = TypeVar("T")
Errors = tuple[type[Exception], ...]
LONGEST = 255
# What a row can bring about by what it says; anything else is not that row's fault.
OF_A_ROW: Errors = (LookupError, ValueError, TypeError, ArithmeticError, NoResultFound, DataError)
# A key that is there already may be a race that was lost: it is the row's fault where trying again does not help.
UNDOABLE: Errors = (*OF_A_ROW, IntegrityError)

log = structlog.get_logger(__name__)


class WorkAside(Base):
    """Work of a lane that was set aside (搁置): on a subject, as timers name it, or on one member of it.

    `reason` is the error's name and text.
    """

    __tablename__ = "work_aside"
    __table_args__ = (Index(None, "lane", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lane: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[int]
    member_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(LONGEST))
    since: Mapped[datetime]


def work_off(
    database: Database,
    deadline: Deadline,
    most: int,
    some: Callable[[Session, int], int],
    one: Callable[[Session, Errors], int],
    *,
    takes_all: bool = False,
) -> Progress:
    """Do what is due until nothing is or the time is up; both return how much they took, 0 for nothing.

    `takes_all`: where less was taken than it was to take, nothing was left. `one` takes the first alone and sets it
    aside where it fails by one of these errors. Raises what that raises all the same, and `DBAPIError` where the
    database is the trouble.
    """
    size, done = most, 0
    while not deadline.has_passed():
        try:
            took = alone(database, one) if size == 1 else database.in_transaction(partial(_some, some, size))
        except UNDOABLE:
            if size == 1:
                raise
            size //= 2
            continue
        if not took:
            return Progress(done, more=False)
        done += took
        if takes_all and took < size:
            return Progress(done, more=False)
        size = min(most, size * 2)
    return Progress(done, more=True)


def _some(some: Callable[[Session, int], int], size: int, session: Session) -> int:
    return some(session, size)


def alone(database: Database, one: Callable[[Session, Errors], T]) -> T:
    """Do one thing in a transaction; it is given the errors for which it sets aside what it does.

    A key that is there already is none of them until the transaction was tried as often as any that lost a race.
    """
    try:
        return database.in_transaction(partial(_one, one, OF_A_ROW))
    except IntegrityError:
        return database.in_transaction(partial(_one, one, UNDOABLE))


def _one(one: Callable[[Session, Errors], T], undoable: Errors, session: Session) -> T:
    return one(session, undoable)


def set_aside(
    session: Session,
    lane: Lane,
    subject_id: int,
    error: Exception,
    now: datetime,
    member_id: int | None = None,
) -> None:
    """Keep what could not be done, once, with the newest reason. Its timer is its owner's to clear."""
    is_it = (WorkAside.lane == str(lane)) & (WorkAside.subject_id == subject_id)
    session.execute(delete(WorkAside).where(is_it, WorkAside.member_id.is_not_distinct_from(member_id)))
    reason = f"{type(error).__name__}: {error}"[:LONGEST]
    session.add(
        WorkAside(
            id=new_id(session),
            lane=str(lane),
            subject_id=subject_id,
            member_id=member_id,
            reason=reason,
            since=now,
        )
    )
    session.flush()
    log.error("work_set_aside", lane=str(lane), subject_id=subject_id, error=type(error).__name__)


def all_aside(session: Session) -> Sequence[WorkAside]:
    """Everything that is set aside, the newest first: few, or something is very wrong."""
    return session.scalars(select(WorkAside).order_by(WorkAside.id.desc()).limit(500)).all()


def take_up(session: Session, aside_id: int) -> WorkAside | None:
    """Take one out of what is set aside, to be set due again by whoever owns it; None where it is not there."""
    row = session.scalar(select(WorkAside).where(WorkAside.id == aside_id).with_for_update())
    if row is not None:
        session.delete(row)
        session.flush()
    return row
