"""Timers: what is to happen when. A narrow table that is always rebuildable from the rows that own the timers.

The primary key is the order in which a lane is worked off; there is no other index, so inserting and deleting
touch one B-tree. A timer is deleted by its full key, which its owner remembers as `next_due_at`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, String, delete, func, literal, select, union_all
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import Moment
from app.db import Base, Overtaken, insert_rows, table_of


class Lane(StrEnum):
    """Separate queues, so that a backlog in one never delays another."""

    MINUTES = "minutes"  # follow-up steps due within hours of their anchor; subject: enrollment
    DAYS = "days"  # follow-up steps due on a day; subject: enrollment
    SWEEP = "sweep"  # calendar plans look for members to put into them; subject: plan sweep
    BALANCE = "balance"  # more falls to somebody on a day than they can do; subject: associate
    URGE = "urge"  # open work items whose assignee, then manager, is to be urged; subject: work item
    HANDOVER = "handover"  # who left, or has members no more, whose work goes to others; subject: associate
    EXPIRY = "expiry"  # work items whose validity ends; subject: work item
    NIGHTLY = "nightly"  # what is counted once a night; subject: nightly job
    DIGEST = "digest"  # notices waiting to be gathered; subject: associate
    PUSH = "push"  # messages to deliver, in REAL time because leases are; subject: message
    SMS = "sms"  # text messages to hand over, and asked about after it; subject: follow-up task
    ORDER = "order"  # group sends and moments to be made at WeCom, in REAL time; subject: send order
    CONFIRM = "confirm"  # the same, gathered before that, and asked about after it; subject: send order
    INBOX = "inbox"  # received events to apply, in REAL time; subject: inbound
    WELCOME = "welcome"  # new contacts to be welcomed within seconds, in REAL time; subject: inbound
    ORGANISATION = "organisation"  # full syncs of the organisation, in REAL time; subject: organisation sync
    SYNC = "sync"  # comparing our tables with WeCom's, in REAL time; subject: sync


REAL_TIME_LANES = frozenset({Lane.PUSH, Lane.ORDER, Lane.INBOX, Lane.WELCOME, Lane.SYNC, Lane.ORGANISATION})
CHUNK = 300
FEW = 8
DELETE_OF_INSTANT = """
DELETE timers FROM timers FORCE INDEX (PRIMARY) WHERE lane = %s AND due_at = %s AND subject_id IN ({subjects})
"""
COUNT_SPAN = "SELECT COUNT(*) FROM timers WHERE lane = %s AND due_at = %s AND subject_id BETWEEN %s AND %s"
# A range reads, and waits for, the row behind its end: so its end is ours, and goes by itself.
DELETE_SPAN = """
DELETE timers FROM timers FORCE INDEX (PRIMARY)
WHERE lane = %s AND due_at = %s AND subject_id >= %s AND subject_id < %s
"""
DELETE_ONE = "DELETE FROM timers WHERE lane = %s AND due_at = %s AND subject_id = %s"
A_KEY = "SELECT %s AS lane, CAST(%s AS DATETIME(6)) AS due_at, %s AS subject_id"
DELETE_BY_KEYS = """
DELETE timers FROM ({keys}) AS gone STRAIGHT_JOIN timers
ON timers.lane = gone.lane AND timers.due_at = gone.due_at AND timers.subject_id = gone.subject_id
"""


class Timer(Base):
    """One due instant of one subject in one lane."""

    __tablename__ = "timers"

    lane: Mapped[str] = mapped_column(String(16), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int | None]


class TimerKey(NamedTuple):
    """The full key of a timer."""

    lane: str
    due_at: datetime
    subject_id: int


def set_timers(session: Session, rows: Iterable[tuple[TimerKey, int | None]]) -> None:
    """Add timers with the member they belong to, in key order (two writers then never deadlock on them)."""
    ordered = sorted(rows, key=lambda row: row[0])
    insert_rows(
        session,
        Timer,
        [
            {
                "lane": str(key.lane),
                "due_at": key.due_at,
                "subject_id": key.subject_id,
                "member_id": member_id,
            }
            for key, member_id in ordered
        ],
    )


def clear_timers(session: Session, keys: Iterable[TimerKey]) -> None:
    """Delete timers by full key, touching no other row; one that is already gone is no error.

    MariaDB reads, and locks, the whole table for `(a, b, c) IN (…)` of one key, and of as many as a small table has
    rows: a second worker would wait for the first. So the subjects of one instant are looked up in its index, and
    where nearly each has its own instant they are joined. [M] 200 keys of one instant: 1.3 ms against 3.6 ms joined.
    """
    together: dict[tuple[str, datetime], list[int]] = defaultdict(list)
    for lane, due_at, subject_id in keys:
        together[str(lane), due_at].append(subject_id)
    alone: list[tuple[str, datetime, int]] = []
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    for (lane, due_at), subject_ids in sorted(together.items()):
        if is_sqlite or len(subject_ids) >= FEW:
            _clear_of_instant(session, lane, due_at, sorted(subject_ids))
        else:
            alone += [(lane, due_at, subject_id) for subject_id in sorted(subject_ids)]
    for start in range(0, len(alone), CHUNK):
        _clear_by_join(session, alone[start : start + CHUNK])


def clear_taken(session: Session, keys: Sequence[tuple[Any, ...]]) -> None:
    """Delete timers whose rows this transaction has locked, in key order; what follows a key is not looked at.

    Those of one instant lie together as a rule, and go as one span of the index. [M] 500 timers: 1 ms against 3 ms one
    by one. Raises `Overtaken` where another transaction set a timer between them meanwhile: nothing may be kept then.
    """
    if session.get_bind().dialect.name == "sqlite":
        clear_timers(session, (TimerKey(*key[:3]) for key in keys))
        return
    alone: list[TimerKey] = []
    for (lane, due_at), its in groupby(keys, key=itemgetter(0, 1)):
        subject_ids = [key[2] for key in its]
        if not _clear_span(session, lane, due_at, subject_ids):
            alone += [TimerKey(lane, due_at, subject_id) for subject_id in subject_ids]
    clear_timers(session, alone)


def _clear_span(session: Session, lane: str, due_at: datetime, subject_ids: Sequence[int]) -> bool:
    """Delete from the first of the subjects to the last where nothing lies between that is not to go; else False.

    Counting locks nothing: what somebody else is busy with is waited for by nobody.
    """
    if len(subject_ids) < FEW:
        return False
    connection = session.connection()
    span = (str(lane), due_at.astimezone(UTC).replace(tzinfo=None), subject_ids[0], subject_ids[-1])
    if connection.exec_driver_sql(COUNT_SPAN, span).scalar() != len(subject_ids):
        return False
    gone = connection.exec_driver_sql(DELETE_SPAN, span).rowcount
    gone += connection.exec_driver_sql(DELETE_ONE, (*span[:2], span[3])).rowcount
    if gone != len(subject_ids):
        raise Overtaken
    return True


def _clear_of_instant(session: Session, lane: str, due_at: datetime, subject_ids: Sequence[int]) -> None:
    table = table_of(Timer)
    for start in range(0, len(subject_ids), CHUNK):
        some = subject_ids[start : start + CHUNK]
        if session.get_bind().dialect.name == "sqlite":
            its = (table.c.lane == lane) & (table.c.due_at == due_at) & table.c.subject_id.in_(some)
            session.connection().execute(delete(table).where(its))
        else:
            at = due_at.astimezone(UTC).replace(tzinfo=None)
            query = DELETE_OF_INSTANT.format(subjects=", ".join(map(str, some)))
            session.connection().exec_driver_sql(query, (lane, at))


def _clear_by_join(session: Session, keys: Sequence[tuple[str, datetime, int]]) -> None:
    given = [
        value
        for lane, due_at, subject_id in keys
        for value in (lane, due_at.astimezone(UTC).replace(tzinfo=None), subject_id)
    ]
    query = DELETE_BY_KEYS.format(keys=" UNION ALL ".join([A_KEY] * len(keys)))
    session.connection().exec_driver_sql(query, tuple(given))


def has_due(session: Session, lane: Lane, moment: Moment) -> bool:
    """True when something in the lane is due."""
    its = (Timer.lane == str(lane)) & (Timer.due_at <= time_of(lane, moment))
    return session.scalar(select(Timer.subject_id).where(its).limit(1)) is not None


def time_of(lane: Lane, moment: Moment) -> datetime:
    """By what the lane counts: business time, or real time."""
    return moment.real if lane in REAL_TIME_LANES else moment.business


def next_due(session: Session, lanes: Iterable[Lane]) -> datetime | None:
    """The earliest due instant of the lanes, or None where nothing is waiting."""
    return min(first_dues(session, tuple(lanes)).values(), default=None)


def first_dues(session: Session, lanes: tuple[Lane, ...]) -> dict[Lane, datetime]:
    """The earliest due instant of each lane in which something waits: one query, one look into the index a lane."""
    rows = session.connection().execute(_first_dues_of(lanes))
    return {Lane(lane): due for lane, due in rows if due is not None}


@cache
def _first_dues_of(lanes: tuple[Lane, ...]) -> CompoundSelect[Any]:
    """Built once: a journey asks at every instant."""
    table = table_of(Timer)
    return union_all(
        *(
            select(literal(str(lane), literal_execute=True), func.min(table.c.due_at)).where(
                table.c.lane == literal(str(lane), literal_execute=True)
            )
            for lane in lanes
        )
    )
