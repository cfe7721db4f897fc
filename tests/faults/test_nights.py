"""Processes that die in the night, anywhere, or work side by side: everybody is counted, and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock, failpoints
from app.db import Database
from app.follow_ups.measuring.counting import WINDOWS
from app.follow_ups.measuring.models import ArmResult
from app.nightly import NightlyJob
from tests.faults.chain import wait_until
from tests.faults.crew import Crew, stop_cleanly
from tests.follow_ups.measuring.nights import begin
from tests.world import World, at

MEMBERS = 12  # six pieces of each job, for three processes at most


@pytest.fixture
def crew(database_url: str, crew_on: Callable[..., Crew]) -> Crew:
    return crew_on(database_url)


@pytest.fixture
def night(database: Database) -> Database:
    """Twelve entered a plan long ago, and it is three in the morning."""
    world = World(database)
    for number in range(MEMBERS):
        world.member(f"c{number}", in_wecom=False)
        world.buy(f"c{number}", "2026-03-01 08:50")
    begin(database)
    with database.transaction() as session:
        clock.jump_to(session, at("2026-08-01 03:00"))
    return database


def counted(database: Database) -> dict[int, int]:
    """Members counted for the plan, by window; those of all plans are as many again."""
    with database.reading() as session:
        query = select(ArmResult.window_days, func.sum(ArmResult.members)).group_by(ArmResult.window_days)
        return {window: int(members) for window, members in session.execute(query)}


def is_over(database: Database) -> bool:
    with database.reading() as session:
        jobs = list(session.scalars(select(NightlyJob).where(NightlyJob.name.like("count_%"))))
        return bool(jobs) and all(job.finished_at is not None for job in jobs)


def test_a_process_that_dies_having_written_a_piece_leaves_it_to_the_next(night: Database, crew: Crew):
    assert crew.worker("count", "1", failpoint="nightly.written").wait(60) == failpoints.KILLED
    assert counted(night) == {}
    finish(night, crew, workers=1)


def test_processes_that_count_side_by_side_count_once(night: Database, crew: Crew):
    finish(night, crew, workers=3)


def finish(night: Database, crew: Crew, workers: int) -> None:
    running: list[Any] = [crew.worker("count", str(number)) for number in range(workers)]
    wait_until(lambda: is_over(night))
    stop_cleanly(*running)
    # From 1 March to 1 August, the last of them over for three days: of each member, of the plan and of all plans.
    assert counted(night) == {days: 2 * MEMBERS * ((149 - days) // days + 1) for days in WINDOWS}
