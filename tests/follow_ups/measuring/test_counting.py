"""Who is counted, once, with what they did in the window; and the people behind each count."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.db import Database
from app.follow_ups.measuring import counting
from app.follow_ups.measuring.following import ANY_PLAN
from app.follow_ups.measuring.measured import counted_span, store_arms
from app.follow_ups.measuring.members_behind import Sought, members_behind
from app.follow_ups.measuring.models import ArmResult, ArmSpan
from app.follow_ups.measuring.results import Months, Reached
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.follow_ups.plans.versions import publish
from app.follow_ups.service import complete_task
from app.follow_ups.states import Arm, Evidence
from app.worklist.models import AttentionBudget
from tests.follow_ups.measuring.nights import begin, rows_of, sleep_until
from tests.world import PLAN, World

WINDOW = 14
COUNTS = ("members", "buyers", "pieces", "fen", "pieces_squared", "fen_squared")
MARCH = date(2026, 3, 1)


def a_world(database: Database, *, hold_out: float = 0, everything: int = 0) -> World:
    """With so many percent held out of the plan, and so many per mille of everything."""
    world = World(database)
    with database.transaction() as session:
        publish(session, {**PLAN, "hold_out": hold_out})
        session.execute(update(AttentionBudget).values(hold_out_per_mille=everything))
    begin(database)
    return world


def plan_of(world: World) -> int:
    with world.database.reading() as session:
        return session.scalars(select(FollowUpPlan.id)).one()


def cells(
    world: World, plan_id: int | None = None, window: int = WINDOW
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(arm, how far) → members, buyers, pieces, fen, and the squares."""
    whose = plan_of(world) if plan_id is None else plan_id
    rows = rows_of(world.database, ArmResult, "plan_id", "window_days", "arm", "reached", *COUNTS)
    return {
        (arm, reached): tuple(counts)
        for plan, days, arm, reached, *counts in rows
        if (plan, days) == (whose, window)
    }


@pytest.fixture
def bought(database: Database) -> World:
    """Of four who bought on the first of March one was thanked, two came back, one of them to return it again."""
    world = a_world(database)
    world.live_until("2026-03-01 12:00")
    for code in ("c1", "c2", "c3", "c4"):
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
    world.live_until("2026-03-01 12:31")
    thank(world, "c1")
    world.live_until("2026-03-05 15:00")
    world.buy("c1", "2026-03-05 14:00", price=30_000)
    returned = world.buy("c2", "2026-03-05 14:00", price=20_000)
    world.refund("c2", "2026-03-05 14:30", returned, price=20_000)
    world.buy("c1", "2026-03-05 14:10", price=10_000)
    return world


def thank(world: World, code: str) -> None:
    with world.database.transaction() as session:
        complete_task(
            session,
            world.actor("owner"),
            world.tasks(code)[0].id,
            external_userid=f"wm-{code}",
            evidence=Evidence.CLIENT_REPORTED,
            sent_text="您好",
        )


def test_nobody_is_counted_before_their_window_and_its_grace_are_over(bought: World):
    sleep_until(bought.database, "2026-03-18 04:00")
    assert cells(bought) == {}
    sleep_until(bought.database, "2026-03-19 04:00")
    assert cells(bought) == {
        ("treated", "client_reported"): (1, 1, 2, 40_000, 4, 40_000.0**2),
        ("treated", "opened"): (3, 0, 0, 0, 0, 0.0),
    }
    assert cells(bought, window=30) == {}


def test_nights_that_are_worked_again_add_nothing(bought: World):
    sleep_until(bought.database, "2026-03-19 04:00")
    before = cells(bought)
    for night in ("2026-03-20 04:00", "2026-04-20 04:00"):
        sleep_until(bought.database, night)
    assert cells(bought) == before
    assert cells(bought, ANY_PLAN) == before
    assert {first_on for (first_on,) in rows_of(bought.database, ArmSpan, "first_on")} == {MARCH}


def test_small_pieces_come_to_the_same(bought: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(counting, "PIECE", 1)
    assert sleep_until(bought.database, "2026-03-19 04:00") >= 4
    assert sum(counts[0] for counts in cells(bought).values()) == 4


def test_who_enters_again_is_not_counted_again(bought: World):
    """c1's second purchase began a second series: whoever is brought to buy enters more often."""
    sleep_until(bought.database, "2026-05-01 04:00")
    assert len(rows_of(bought.database, Enrollment, "id")) == 6
    assert sum(counts[0] for counts in cells(bought).values()) == 4


def test_what_comes_after_the_window_or_on_the_day_of_entering_does_not_count(database: Database):
    world = a_world(database)
    world.live_until("2026-03-01 12:00")
    world.member("c1")
    world.buy("c1", "2026-03-01 11:00")
    world.buy("c1", "2026-03-01 11:30", price=99_900)
    for day, price in (("2026-03-15", 100), ("2026-03-16", 77_700)):
        world.sleep_until(f"{day} 12:00")
        world.buy("c1", f"{day} 12:00", price=price)
    sleep_until(database, "2026-03-20 04:00")
    assert [counts[:4] for counts in cells(world).values()] == [(1, 1, 1, 100)]


def test_each_arm_is_counted_with_the_share_that_was_in_force(database: Database):
    world = a_world(database, hold_out=50)
    world.live_until("2026-03-01 12:00")
    codes = [f"c{number}" for number in range(12)]
    for code in codes:
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
    world.live_until("2026-03-01 13:00")
    sleep_until(database, "2026-03-19 04:00")
    arms = [arm for (arm,) in rows_of(database, Enrollment, "arm")]
    assert {arm for arm, _ in cells(world)} == set(arms)
    for arm in set(arms):
        assert sum(counts[0] for (its, _), counts in cells(world).items() if its == arm) == arms.count(arm)
    assert ("plan_hold_out", "opened") not in cells(world)
    with database.reading() as session:
        rows = store_arms(session, Months(plan_of(world), WINDOW, MARCH, MARCH))
    assert {row.per_mille for row in rows} == {500}


def test_whoever_entered_before_anybody_could_be_held_out_counts_again_with_their_first_entry_after(
    database: Database,
):
    world = a_world(database)
    world.live_until("2026-03-01 12:00")
    world.member("c1")
    world.buy("c1", "2026-03-01 12:00")
    with database.transaction() as session:
        publish(session, {**PLAN, "hold_out": 50})
    for when in ("2026-03-03 12:00", "2026-03-04 12:00"):
        world.sleep_until(when)
        world.buy("c1", when)
    sleep_until(database, "2026-04-01 04:00")
    found = rows_of(database, ArmResult, "plan_id", "window_days", "per_mille", "members", "pieces")
    assert [row[2:] for row in found if row[:2] == (plan_of(world), WINDOW)] == [(0, 1, 2), (500, 1, 1)]


def test_the_share_held_out_of_everything_is_the_one_in_force_on_entering(database: Database):
    world = a_world(database, everything=1000)
    world.live_until("2026-03-01 12:00")
    world.member("c1")
    world.buy("c1", "2026-03-01 12:00")
    with database.transaction() as session:
        session.execute(update(AttentionBudget).values(hold_out_per_mille=0))
    sleep_until(database, "2026-03-19 04:00")
    found = rows_of(database, ArmResult, "plan_id", "window_days", "arm", "per_mille", "members")
    assert (ANY_PLAN, WINDOW, "global_hold_out", 1000, 1) in found
    assert (plan_of(world), WINDOW, "global_hold_out", 0, 1) in found


def test_the_people_behind_a_count_are_those_who_were_counted(bought: World):
    sleep_until(bought.database, "2026-03-19 04:00")
    with bought.database.reading() as session:
        span = counted_span(session, Months(plan_of(bought), WINDOW, MARCH, MARCH))
        assert span == (MARCH, MARCH)
        of = (plan_of(bought), WINDOW, *span, frozenset({Arm.TREATED}))
        now = clock.now(session)
        everybody = members_behind(session, Sought(*of), now)
        thanked = members_behind(session, Sought(*of, reached=Reached.SELF_DECLARED, bought=True), now)
        held_out = members_behind(session, Sought(*of[:4], frozenset({Arm.PLAN_HOLD_OUT})), now)
    assert (len(everybody.rows), everybody.after) == (4, None)
    assert [(row.pieces, row.fen) for row in thanked.rows] == [(2, 40_000)]
    assert held_out.rows == []
