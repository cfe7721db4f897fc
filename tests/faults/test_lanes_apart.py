"""A backlog of day steps: what is due in minutes is opened meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.db import Database
from app.follow_ups.firing.lane import fire_due
from app.lanes import Deadline
from app.timers import Lane
from app.worklist.models import BalanceSchedule
from tests.faults.chain import DUE_AT, Chain, wait_until
from tests.faults.crew import Crew, stop_cleanly
from tests.servers.clean import MariaDatabases
from tests.wecom.local_sandbox import LocalSandbox
from tests.world import fire, purchase

BACKLOG = 40


def overdue_chain(database: Database) -> Chain:
    """`BACKLOG` day steps are overdue, and of one more member the 30-minute step is due."""
    chain = Chain(database, BACKLOG)
    chain.world.member("fresh")
    chain.fall_due()
    chain.world.report(purchase("fresh", "fresh", DUE_AT))
    return chain


def test_between_two_batches_of_a_backlog_what_is_due_in_minutes_is_opened(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    for name in ("BATCH", "SQLITE_BATCH"):
        monkeypatch.setattr(f"app.follow_ups.firing.lane.{name}", BACKLOG // 4)
    chain = overdue_chain(database)
    seen: list[tuple[int, int]] = []

    def look() -> bool:
        seen.append((chain.opened(), fire(database, Lane.MINUTES) if chain.opened() else 0))
        return False

    assert fire_due(database, Lane.DAYS, Deadline(60, look)).done == BACKLOG
    assert seen[:3] == [(0, 0), (BACKLOG // 4, 1), (BACKLOG // 2 + 1, 0)]


def test_a_clock_that_is_stuck_in_the_days_lane_opens_what_is_due_in_minutes(
    maria_databases: MariaDatabases, crew_on: Callable[..., Crew], sandbox: LocalSandbox
):
    """Only MariaDB's rows can hold up one writer and not the other."""
    url = maria_databases.new()
    database = Database(url)
    chain = overdue_chain(database)
    crew = crew_on(url, sandbox.url)
    with database.transaction() as session:
        # Somebody is busy with what the owner of the backlog's first member has to do.
        session.add(
            BalanceSchedule(associate_id=chain.world.person("a0").id, next_due_at=None, counted_until=None)
        )
        session.flush()
        clock = crew.clock()
        wait_until(lambda: chain.world.steps("fresh") != {})
        assert chain.opened() == 1
    wait_until(lambda: chain.opened() == BACKLOG + 1)
    stop_cleanly(clock)
    database.close()
