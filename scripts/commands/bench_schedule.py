"""Steps scheduled and run a second, ours beside APScheduler's: one date job for each step, in its SQLAlchemy store.

Scheduling is enrolling members who bought something, without the purchase's own rows; running is firing their first
step, which writes more than APScheduler's jobs are given to write.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.enrolling import AnchorPurchase, enroll
from app.follow_ups.firing import fire_due
from app.follow_ups.rules import Anchor
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

    In each round ours enrolls and fires its share of the members, then APScheduler adds and runs `jobs` jobs.
    """
    database = Database(url)
    members = _forget_follow_ups(database)
    share = len(members) // (rounds + 1) // MAX_BATCH * MAX_BATCH
    assert share, f"{len(members)} members are too few for {rounds} rounds"
    bare = BareScheduler(url)
    _round(
        database, members[:share], bare, jobs // 4
    )  # connections and compiled statements are there from now on
    several = [
        _round(database, members[number * share : (number + 1) * share], bare, jobs)
        for number in range(1, rounds + 1)
    ]
    bare.stop()
    assert bare.written() == jobs * rounds + jobs // 4
    database.close()
    scheduled, added, fired, ran = (statistics.median(rates) for rates in zip(*several, strict=True))
    return Rates(scheduled, added), Rates(fired, ran)


def _round(
    database: Database, members: Sequence[int], bare: BareScheduler, jobs: int
) -> tuple[float, float, float, float]:
    enrolling_s, added_s = _enroll(database, members), bare.add(jobs)
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + UNTIL_DUE)
    started = time.perf_counter()
    fired = fire_due(database, Lane.MINUTES, Deadline(PATIENCE_S)).done
    firing_s = time.perf_counter() - started
    assert fired == len(members), f"{fired} of {len(members)} were due"
    ran_s = bare.run_all()
    return len(members) * STEPS / enrolling_s, jobs / added_s, fired / firing_s, jobs / ran_s


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
