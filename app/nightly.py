"""What is done once a night (每夜): each job is a row that owns a timer in the nightly lane.

A job goes on piece by piece. What a piece comes to is found out while nothing is locked, and written in one short
transaction together with where the job then stands, if it still stands where the piece began. So each piece counts
once, whoever dies on the way or does it too. After a time without service a job is done once, not once a night missed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import String, Text, select
from sqlalchemy.exc import DataError, IntegrityError, NoResultFound
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Database
from app.failpoints import failpoint
from app.ids import new_id
from app.lanes import Deadline, Progress
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers

CHAIN_ZONE = ZoneInfo("Asia/Shanghai")
BEGINS_AT = time(3)
A_DAY = timedelta(days=1)
LONGEST_TROUBLE = 255
# What a job can bring about by what it finds; anything else is the database's trouble and passes.
TROUBLES = (LookupError, ValueError, TypeError, ArithmeticError, NoResultFound, DataError, IntegrityError)

log = structlog.get_logger(__name__)


class NightlyJob(Base):
    """One job; `cursor` is where it stands, in its own words, and stays from one night to the next.

    `trouble` says why it was given up the last time it was tried, "" where it was not.
    """

    __tablename__ = "nightly_jobs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    next_due_at: Mapped[datetime]
    cursor: Mapped[str] = mapped_column(Text)
    finished_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(String(LONGEST_TROUBLE))


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece of work came to: what is to be written, where the job then stands, and whether it was the last.

    `write` only flushes and may be run again. One that is not the last must move the cursor.
    """

    write: Callable[[Session], None]
    cursor: str
    is_last: bool


# Thinks out the next piece from where the job stands; it must not write.
NextPiece = Callable[[Session, str], Piece]


@dataclass(frozen=True, slots=True)
class Standing:
    """A job that is due, as it stood when somebody looked."""

    job_id: int
    name: str
    due_at: datetime
    cursor: str


@dataclass(frozen=True, slots=True)
class Night:
    """When a job was last done, and what kept it from being done since."""

    finished_at: datetime | None
    trouble: str


def next_night(now: datetime) -> datetime:
    """The next three o'clock in the chain's own zone, strictly after `now`."""
    local = now.astimezone(CHAIN_ZONE)
    tonight = datetime.combine(local.date(), BEGINS_AT, tzinfo=CHAIN_ZONE)
    if tonight <= local:
        tonight = datetime.combine(local.date() + A_DAY, BEGINS_AT, tzinfo=CHAIN_ZONE)
    return tonight.astimezone(UTC)


def ensure_jobs(database: Database, names: Iterable[str]) -> None:
    """Each job has its row and its timer, the first time for the coming night; costs one read where all have.

    A job whose timer was lost gets it again, at the instant it waits for.
    """
    its = (Timer.lane == str(Lane.NIGHTLY)) & (Timer.subject_id == NightlyJob.id)
    waiting = select(NightlyJob.name).join(Timer, its & (Timer.due_at == NightlyJob.next_due_at))
    with database.reading() as session:
        missing = set(names) - set(session.scalars(waiting))
    if missing:
        database.in_transaction(lambda session: _add(session, sorted(missing)))


def nights(session: Session, names: Iterable[str]) -> dict[str, Night]:
    """How it went with these jobs the last time; those that were never set are left out."""
    query = select(NightlyJob).where(NightlyJob.name.in_(sorted(names)))
    return {row.name: Night(row.finished_at, row.trouble) for row in session.scalars(query)}


def set_due_now(session: Session, name: str) -> None:
    """Have a job done as soon as somebody works the lane, not only in the night; it need not have its row yet."""
    job, now = (
        session.scalar(select(NightlyJob).where(NightlyJob.name == name).with_for_update()),
        clock.now(session),
    )
    if job is None:
        job = NightlyJob(
            id=new_id(session), name=name, next_due_at=now, cursor="", trouble="", finished_at=None
        )
        session.add(job)
    else:
        clear_timers(session, [TimerKey(Lane.NIGHTLY, job.next_due_at, job.id)])
        job.next_due_at = now
    session.flush()
    set_timers(session, [(TimerKey(Lane.NIGHTLY, now, job.id), None)])


def run_nightly(database: Database, jobs: Mapping[str, NextPiece], deadline: Deadline) -> Progress:
    """Do what is due, piece by piece; safe in any number of processes. `done` counts pieces.

    A job that cannot go on is left until the next night with its trouble; the others are done. Raises `DBAPIError`
    where the database is the trouble.
    """
    done = 0
    while not deadline.has_passed():
        with database.reading() as session:
            standing = _one_due(session)
        if standing is None:
            return Progress(done, more=False)
        done += _go_on(database, jobs, standing)
    return Progress(done, more=True)


def _add(session: Session, names: Iterable[str]) -> None:
    due = next_night(clock.now(session))
    there = select(NightlyJob).where(NightlyJob.name.in_(names)).order_by(NightlyJob.id)
    known = {job.name: job for job in session.scalars(there.with_for_update())}
    for name in names:
        job = known.get(name)
        if job is None:
            job = NightlyJob(id=new_id(session), name=name, next_due_at=due, cursor="", trouble="")
            session.add(job)
            session.flush()
        key = TimerKey(Lane.NIGHTLY, job.next_due_at, job.id)
        if session.get(Timer, (str(key.lane), key.due_at, key.subject_id)) is None:
            set_timers(session, [(key, None)])


def _one_due(session: Session) -> Standing | None:
    """Any of those that are due: of two processes that think out the same piece one does so in vain."""
    query = (
        select(NightlyJob.id, NightlyJob.name, NightlyJob.next_due_at, NightlyJob.cursor)
        .join(Timer, (Timer.subject_id == NightlyJob.id) & (Timer.due_at == NightlyJob.next_due_at))
        .where(Timer.lane == str(Lane.NIGHTLY), Timer.due_at <= clock.now(session))
        .order_by(Timer.due_at, Timer.subject_id)
    )
    rows = session.execute(query).all()
    return Standing(*random.choice(rows)) if rows else None  # noqa: S311 - no secret


def _go_on(database: Database, jobs: Mapping[str, NextPiece], standing: Standing) -> int:
    try:
        with database.reading() as session:
            piece = jobs[standing.name](session, standing.cursor)
        return database.in_transaction(partial(_write, standing=standing, piece=piece))
    except TROUBLES as error:
        trouble = f"{type(error).__name__}: {error}"[:LONGEST_TROUBLE]
        log.error("nightly_job_given_up", job=standing.name, error=type(error).__name__)
        return database.in_transaction(partial(_give_up, standing=standing, trouble=trouble))


def _write(session: Session, standing: Standing, piece: Piece) -> int:
    """Keep the piece; 0 where somebody else did, or has gone on, since it was begun."""
    job = _still_there(session, standing)
    if job is None:
        return 0
    piece.write(session)
    failpoint("nightly.written")
    if not piece.is_last and piece.cursor == standing.cursor:
        raise ValueError(f"{standing.name} stands still at {piece.cursor!r}")
    job.cursor, job.trouble = piece.cursor, ""
    if piece.is_last:
        job.finished_at = clock.now(session)
        _until_next_night(session, job)
    session.flush()
    return 1


def _give_up(session: Session, standing: Standing, trouble: str) -> int:
    job = _still_there(session, standing)
    if job is None:
        return 0
    job.trouble = trouble
    _until_next_night(session, job)
    session.flush()
    return 1


def _still_there(session: Session, standing: Standing) -> NightlyJob | None:
    query = select(NightlyJob).where(NightlyJob.id == standing.job_id)
    job = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if job is None or (job.next_due_at, job.cursor) != (standing.due_at, standing.cursor):
        return None
    return job


def _until_next_night(session: Session, job: NightlyJob) -> None:
    clear_timers(session, [TimerKey(Lane.NIGHTLY, job.next_due_at, job.id)])
    job.next_due_at = next_night(clock.now(session))
    set_timers(session, [(TimerKey(Lane.NIGHTLY, job.next_due_at, job.id), None)])
