"""Several processes after the same members at once: whatever becomes of tasks races firing, and nobody loses.

They race for DIANBAN_RACE_S seconds, five where it is not set (`scripts/faults races`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.db import Database
from app.follow_ups.models import StepRecord
from app.follow_ups.states import StepOutcome
from app.worklist.models import AttentionBudget
from tests.checker import violations
from tests.faults.chain import DUE_AT, Chain, wait_until
from tests.faults.crew import Crew, said, stop_cleanly
from tests.faults.worker import BEGUN, RACING_MEMBERS
from tests.servers.process import ServerProcess
from tests.world import PLAN

RACE_S = float(os.environ.get("DIANBAN_RACE_S", "5"))
TICK = timedelta(hours=7)
TICK_S = 0.1
ROLES = ("fire", "fire", "refund", "buy", "complete", "complete", "act", "act", "opt", "balance", "leave")
# Falls due with the plan's own step of the third day: the two become one task.
SECOND = {**PLAN, "code": "second", "name": "second", "steps": [{**PLAN["steps"][1], "priority": 90}]}


def merged(database: Database) -> int:
    """How many steps have become one with another task of their day."""
    with database.reading() as session:
        query = select(func.count()).where(StepRecord.outcome == StepOutcome.MERGED)
        return session.scalar(query) or 0


def go_on(chain: Chain, workers: Sequence[ServerProcess]) -> bool:
    """Let some hours pass; nobody may have ended."""
    chain.jump(TICK)
    time.sleep(TICK_S)
    ended = [worker.log.read_text()[-2000:] for worker in workers if not worker.running()]
    assert not ended, ended
    return True


def has_begun(worker: ServerProcess) -> bool:
    return BEGUN in worker.log.read_text()


def test_whatever_becomes_of_tasks_races_firing_and_every_guarantee_holds(
    database: Database,
    crew_on: Callable[..., Crew],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
    database_kind: str,
):
    crew = crew_on(str(database.engine.url.render_as_string(hide_password=False)))
    chain = Chain(database, RACING_MEMBERS, SECOND)
    with database.transaction() as session:
        session.execute(update(AttentionBudget).values(daily_capacity=6))
    chain.jump_to(DUE_AT)
    workers = [crew.worker(role, str(seed)) for seed, role in enumerate(ROLES)]
    wait_until(lambda: go_on(chain, workers) and all(map(has_begun, workers)) and merged(database) > 0)
    ends_at = time.monotonic() + RACE_S
    while time.monotonic() < ends_at:
        go_on(chain, workers)
    stop_cleanly(*workers)
    chain.world.run_lanes()
    reports = [said(worker) for worker in workers]
    done = {role: sum(each["done"] for each in reports if each["role"] == role) for role in ROLES}
    done["merge"] = merged(database)
    retries = {role: sum(each["retries"] for each in reports if each["role"] == role) for role in ROLES}
    found = violations(database)
    record_property("done", done)
    record_property("retries", retries)
    with capsys.disabled():
        print(
            f"\n{database_kind}, {RACE_S:g} s: {len(found)} violations, {sum(retries.values())} retries {retries},"
            f" done {done}"
        )
    assert found == [], "\n".join(found[:40])
    assert all(done.values())
