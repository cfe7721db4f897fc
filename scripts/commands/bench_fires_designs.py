"""Two ways of keeping what is to be done when: our timers, and the usual table with a status and an index on it.

The usual one has a row for each step of a purchase, all written when it is made, with a status that claiming changes
and the two indexes it cannot do without: one to find what is due, one to find the steps of a purchase that is brought
back. It runs through the very same product code: only how due steps are claimed, how they are marked as taken and where
the next ones are written is its own, and its rows are read and written as ours are. It has no mutex, as usual, so it
locks less than we do; and it is spared the second change of status of those that work in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from unittest.mock import patch

from sqlalchemy import MetaData, String, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Database, any_of, insert_rows, read_rows, table_of
from app.follow_ups.firing.falling_due import DueTimer, take_due
from app.members.models import MemberCare
from app.timers import Lane, Timer, clear_taken


class Design(StrEnum):
    """Who keeps the due steps."""

    OURS = "ours"
    STATUS_INDEX = "status index"


class WaitingStep(Base):
    """A due step with a status; in no migration, so in a catalogue of its own."""

    __tablename__ = "waiting_steps"
    metadata = MetaData()

    id: Mapped[int] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime]
    subject_id: Mapped[int]
    member_id: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(16))


CREATE = """
CREATE TABLE waiting_steps (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, lane VARCHAR(16) NOT NULL, due_at DATETIME(6) NOT NULL,
    subject_id BIGINT NOT NULL, member_id BIGINT NULL, status VARCHAR(16) NOT NULL DEFAULT 'pending',
    INDEX (status, lane, due_at), INDEX (subject_id)
)
"""
# As usual all steps of a purchase are written when it is made, one row each; the first has been done.
FILL = """
INSERT INTO waiting_steps (lane, due_at, subject_id, member_id, status)
SELECT IF(step_no = 1, 'minutes', 'days'),
    IF(step_no = owner.next_step_no, owner.next_due_at, owner.anchor_at + INTERVAL days DAY),
    owner.id, owner.member_id, IF(step_no < owner.next_step_no, 'done', 'pending')
FROM enrollments AS owner
JOIN (
    SELECT 1 AS step_no, 0 AS days UNION ALL SELECT 2, 3 UNION ALL SELECT 3, 30 UNION ALL SELECT 4, 60
    UNION ALL SELECT 5, 90
) AS step
ORDER BY owner.id, step_no
"""
MARK = "UPDATE waiting_steps SET status = 'done' WHERE id IN ({})"
CLAIMED = "claimed_steps"
PENDING = "pending"
STEP_LANES = {str(Lane.MINUTES), str(Lane.DAYS)}
RESTORE = {
    Design.OURS: """
        INSERT INTO timers (lane, due_at, subject_id, member_id)
        SELECT owner.next_lane, owner.next_due_at, owner.id, owner.member_id FROM enrollments AS owner
        LEFT JOIN timers AS its
            ON its.lane = owner.next_lane AND its.due_at = owner.next_due_at AND its.subject_id = owner.id
        WHERE owner.next_lane = 'days' AND its.lane IS NULL
        """,
    Design.STATUS_INDEX: """
        UPDATE waiting_steps AS its JOIN enrollments AS owner
            ON its.lane = owner.next_lane AND its.due_at = owner.next_due_at AND its.subject_id = owner.id
        SET its.status = 'pending' WHERE its.status = 'done' AND owner.state = 'active'
        """,
}

Take = Callable[[Session, Lane, int, datetime, DueTimer | None], list[DueTimer]]
Finish = Callable[[Session, Sequence[DueTimer]], None]


@dataclass(frozen=True, slots=True)
class Claiming:
    """How a design takes due steps, and how it sees to it that nobody takes them again."""

    take: Take
    finish: Finish


def keep_by_status(database: Database) -> None:
    """Move every timer of a database into a table with a status."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql(CREATE)
        connection.exec_driver_sql(FILL)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE TABLE timers")
        connection.exec_driver_sql("ANALYZE TABLE waiting_steps").all()


def restore_waiting(databases: Mapping[Design, Database]) -> None:
    """Put back what was only claimed: the timers from the rows that own them."""
    for design, database in databases.items():
        with database.engine.begin() as connection:
            connection.exec_driver_sql(RESTORE[design])


def claim_batch(
    session: Session, claiming: Claiming, size: int, after: DueTimer | None = None
) -> list[DueTimer]:
    """Claim at most `size` due steps after this one, and do nothing more."""
    due = claiming.take(session, Lane.DAYS, size, clock.now(session), after)
    claiming.finish(session, due)
    return due


@contextmanager
def designed(design: Design) -> Iterator[None]:
    """Within it the product keeps its due steps by this design."""
    if design is Design.OURS:
        yield
        return
    with (
        patch("app.follow_ups.firing.lane.take_due", _take_for_firing),
        patch("app.follow_ups.firing.lane.clear_taken", _mark_done),
        patch("app.timers.insert_rows", _insert_waiting),
    ):
        yield


WAITING = table_of(WaitingStep)
DUE = (
    select(WAITING.c.id, WAITING.c.lane, WAITING.c.due_at, WAITING.c.subject_id, WAITING.c.member_id)
    .where(
        WAITING.c.status == PENDING, WAITING.c.lane == bindparam("lane"), WAITING.c.due_at <= bindparam("now")
    )
    .order_by(WAITING.c.due_at)
    .limit(bindparam("size"))
    .with_for_update(skip_locked=True)
)
CARE = table_of(MemberCare)
OPTED_OUT = select(CARE.c.member_id).where(
    any_of(CARE.c.member_id, "members"), CARE.c.opted_out_at.is_not(None)
)


def _take_by_status(
    session: Session, lane: Lane, size: int, now: datetime, _after: DueTimer | None = None
) -> list[DueTimer]:
    rows = read_rows(session, DUE, {"lane": str(lane), "now": now, "size": size})
    session.info[CLAIMED] = [row.id for row in rows]
    return [
        DueTimer(row.lane, row.due_at, row.subject_id, row.member_id, has_opted_out=False) for row in rows
    ]


def _take_for_firing(
    session: Session, lane: Lane, size: int, now: datetime, _after: DueTimer | None = None
) -> list[DueTimer]:
    """Whether their members want none is looked up as well: claiming ours tells it."""
    due = _take_by_status(session, lane, size, now)
    found = read_rows(session, OPTED_OUT, {"members": {timer.member_id for timer in due}})
    opted_out = {row.member_id for row in found}
    return [timer._replace(has_opted_out=timer.member_id in opted_out) for timer in due]


def _mark_done(session: Session, _due: Sequence[DueTimer]) -> None:
    ids = ", ".join(map(str, session.info[CLAIMED]))
    if ids:
        session.connection().exec_driver_sql(MARK.format(ids))


def _insert_waiting(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """What follows later steps is new; those themselves are there already."""
    assert model is Timer
    later = [row for row in rows if row["lane"] not in STEP_LANES]
    insert_rows(session, WaitingStep, [{**row, "status": PENDING} for row in later])


CLAIMINGS = {
    Design.OURS: Claiming(take_due, clear_taken),
    Design.STATUS_INDEX: Claiming(_take_by_status, _mark_done),
}
