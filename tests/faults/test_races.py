"""Several processes after the same members at once: cancelling, buying and completing race firing, and nobody loses."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.orders.models import Order
from tests.checker import violations
from tests.faults.chain import DUE_AT, Chain, wait_until
from tests.faults.crew import Crew, said, stop_cleanly
from tests.faults.worker import RACING_MEMBERS

RACE_S = 5.0
TICK = timedelta(hours=7)
TICK_S = 0.05
ROLES = ("fire", "fire", "refund", "buy", "complete", "complete")


def purchases_of(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Order)) or 0


def test_cancels_and_completions_race_firing_and_every_guarantee_holds(
    database: Database,
    crew_on: Callable[..., Crew],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
    database_kind: str,
):
    crew = crew_on(str(database.engine.url.render_as_string(hide_password=False)))
    chain = Chain(database, RACING_MEMBERS)
    chain.jump_to(DUE_AT)
    workers = [crew.worker(role, str(seed)) for seed, role in enumerate(ROLES)]
    wait_until(lambda: purchases_of(database) > RACING_MEMBERS)
    ends_at = time.monotonic() + RACE_S
    while time.monotonic() < ends_at:
        chain.jump(TICK)
        assert all(worker.running() for worker in workers), [
            worker.log.read_text()[-2000:] for worker in workers
        ]
        time.sleep(TICK_S)
    stop_cleanly(*workers)
    chain.world.run_lanes()
    reports = [said(worker) for worker in workers]
    done = {role: sum(each["done"] for each in reports if each["role"] == role) for role in ROLES}
    retries = sum(each["retries"] for each in reports)
    record_property("done", done)
    record_property("retries", retries)
    with capsys.disabled():
        print(f"\n{database_kind}: {done}, {retries} retries")
    assert violations(database) == []
    assert all(done.values())
    assert retries <= sum(done.values()) // 10
