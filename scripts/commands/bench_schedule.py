"""Steps scheduled and run a second, ours beside APScheduler's: one date job for each step, in its SQLAlchemy store.

Scheduling is enrolling members who bought something, without the purchase's own rows; running is firing their first
step. APScheduler's jobs run a step by the same code, each its own: that, and keeping the jobs, is the difference.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.models import StepRecord
from app.follow_ups.rules import Anchor
from app.follow_ups.series.enrolling import AnchorPurchase, enroll
from app.intake.service import MAX_BATCH
from app.lanes import Deadline
from app.members.models import Member
from app.members.service import lock_members
from app.stores.queries import stores_by_id
from app.timers import Lane
from scripts.commands.bench_fires_world import PATIENCE_S
from tests.tasks.bare_apscheduler import BareScheduler

STEPS = 5  # of the default plan
GONE = (
    "enrollments",
    "step_records",
    "follow_up_tasks",
    "work_items",
    "notices",
    "timers",
    "digest_schedules",
)
UNTIL_DUE = timedelta(minutes=31)


@dataclass(frozen=True, slots=True)
class Rates:
    """Steps a second."""

    ours: float
    apscheduler: float

    @property
    def ratio(self) -> float:
        """Ours to APScheduler's."""
        return self.ours / self.apscheduler


def bench_schedule(url: str, rounds: int, jobs: int) -> tuple[Rates, Rates]:
    """Schedule and run; the database at `url` (members, nothing of theirs is kept) is emptied of follow-ups first.

    In each round ours enrolls and fires its share of the members, then APScheduler adds and runs `jobs` jobs, for as
    many members who are due. The first round is for connections and compiled statements.
    """
    database = Database(url)
    members = _forget_follow_ups(database)
    share = (len(members) // (rounds + 1) - jobs) // MAX_BATCH * MAX_BATCH
    assert share > 0, f"{len(members)} members are too few for {rounds} rounds"
    bare, left = BareScheduler(url), iter(members)
    _, *several = [
        _round(database, list(islice(left, share)), bare, list(islice(left, jobs))) for _ in range(rounds + 1)
    ]
    bare.stop()
    with database.reading() as session:
        fired = session.scalar(select(func.count()).select_from(StepRecord))
    assert fired == (share + jobs) * (rounds + 1), f"{fired} steps have a record"
    database.close()
    scheduled, added, fired, ran = (statistics.median(rates) for rates in zip(*several, strict=True))
    return Rates(scheduled, added), Rates(fired, ran)


def _round(
    database: Database, ours: Sequence[int], bare: BareScheduler, theirs: Sequence[int]
) -> tuple[float, float, float, float]:
    enrolling_s, added_s = _enroll(database, ours), bare.add(len(theirs))
    _wait_until_due(database)
    started = time.perf_counter()
    fired = fire_due(database, Lane.MINUTES, Deadline(PATIENCE_S)).done
    firing_s = time.perf_counter() - started
    assert fired == len(ours), f"{fired} of {len(ours)} were due"
    _enroll(database, theirs)
    _wait_until_due(database)
    ran_s = bare.run(len(theirs))
    return len(ours) * STEPS / enrolling_s, len(theirs) / added_s, fired / firing_s, len(theirs) / ran_s


def _wait_until_due(database: Database) -> None:
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + UNTIL_DUE)


def _enroll(database: Database, members: Sequence[int]) -> float:
    started = time.perf_counter()
    for start in range(0, len(members), MAX_BATCH):
        some = members[start : start + MAX_BATCH]
        database.in_transaction(partial(_enroll_batch, members=some))
    return time.perf_counter() - started


def _enroll_batch(session: Session, members: Sequence[int]) -> None:
    """As intake does with purchases that have just been made, the shops being open."""
    now = clock.now(session)
    lock_members(session, members)
    store = next(iter(stores_by_id(session).values()))
    anchor = Anchor(now, store.hours.local_date(now), True)
    enroll(session, [AnchorPurchase(member_id, store, anchor) for member_id in members], now)


def _forget_follow_ups(database: Database) -> list[int]:
    """Every member, none of whom is in any plan any more."""
    with database.engine.begin() as connection:
        for name in GONE:
            connection.exec_driver_sql(f"TRUNCATE TABLE {name}")
    with database.reading() as session:
        return list(session.scalars(select(Member.id).order_by(Member.id)))
