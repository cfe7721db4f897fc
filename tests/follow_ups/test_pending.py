"""What is due and waits is counted by what it waits for, and whoever it is about can be seen."""

from __future__ import annotations

from datetime import date, time

import pytest

from app.db import Database
from app.follow_ups import pending
from app.follow_ups.history import StepsOfDay, step_counts
from app.follow_ups.pending import HeldBy, pending_counts, pending_steps
from app.pages.formats import CHAIN_ZONE, day_bounds
from app.worklist.attention import pause, resume
from tests.follow_ups.test_attention import add_shift, buy_at_two, replace_plan, set_budget
from tests.world import World


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def of_day(day: str, branch: str = "") -> StepsOfDay:
    return StepsOfDay(*day_bounds(date.fromisoformat(day), CHAIN_ZONE), branch)


def counts(world: World, day: str, branch: str = "") -> dict[HeldBy, int]:
    with world.database.reading() as session:
        return pending_counts(session, of_day(day, branch))


def behind(world: World, day: str, held_by: HeldBy, page: int = 1) -> list[tuple[str, str]]:
    with world.database.reading() as session:
        found = pending_steps(session, of_day(day), held_by, page)
    return [(step.member_name, step.title) for step in found]


def test_what_is_due_in_headquarters_pause_waits_for_that_also_behind_another_step(world: World) -> None:
    for code in ("c1", "c2"):
        buy_at_two(world, code)
    with world.database.transaction() as session:
        pause(session, None)
    world.live_until("2026-03-04 11:00")
    days = ("2026-03-01", "2026-03-02", "2026-03-04", "2026-03-31")
    assert [counts(world, day) for day in days] == [{HeldBy.PAUSE: 2}, {}, {HeldBy.PAUSE: 2}, {}]
    assert [title for _, title in behind(world, "2026-03-04", HeldBy.PAUSE)] == ["3 天回访"] * 2
    with world.database.transaction() as session:
        resume(session, None)
    world.live_until("2026-03-04 11:10")
    assert [counts(world, day) for day in days] == [{}] * 4
    with world.database.reading() as session:
        assert sum(count.steps for count in step_counts(session, of_day("2026-03-04"))) == 2


def test_at_night_it_waits_for_the_morning_and_before_that_for_its_turn(world: World) -> None:
    buy_at_two(world)
    world.sleep_until("2026-03-01 14:29")
    assert counts(world, "2026-03-01") == {}
    world.sleep_until("2026-03-01 23:00")
    assert counts(world, "2026-03-01") == {HeldBy.TURN: 1}
    world.run_lanes()
    assert counts(world, "2026-03-01") == {HeldBy.QUIET_HOURS: 1}
    assert counts(world, "2026-03-01", "分公司") == {HeldBy.QUIET_HOURS: 1}
    assert counts(world, "2026-03-01", "another") == {}
    world.live_until("2026-03-02 10:00")
    assert counts(world, "2026-03-01") == {}


def test_it_waits_for_who_is_off(world: World) -> None:
    add_shift(world, "owner", "2026-03-04")
    add_shift(world, "owner", "2026-03-05", time(15), time(20))
    buy_at_two(world)
    world.live_until("2026-03-05 12:00")
    assert counts(world, "2026-03-04") == {HeldBy.OFF_DUTY: 1}
    assert counts(world, "2026-03-05") == {}


def test_it_waits_until_the_member_may_be_written_to(world: World) -> None:
    set_budget(world, cap_touches=1)
    replace_plan(world, {"after": "1 days"}, {"after": "2 days", "valid": "9 days"})
    buy_at_two(world)
    world.live_until("2026-03-03 12:00")
    assert counts(world, "2026-03-03") == {HeldBy.MEMBER_CAP: 1}


def test_the_list_goes_on_page_by_page_in_the_order_of_falling_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "ROWS", 2)
    codes = [f"c{number}" for number in range(1, 6)]
    for code in codes:
        world.member(code)
    world.live_until("2026-03-01 14:00")
    for code in codes:
        world.buy(code, "2026-03-01 13:50" if code == "c5" else "2026-03-01 14:00")
    world.sleep_until("2026-03-01 14:31")
    pages = [behind(world, "2026-03-01", HeldBy.TURN, page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert pages[0][0][0] == "顾客c5"
    assert len({name for page in pages for name, _ in page}) == 5
