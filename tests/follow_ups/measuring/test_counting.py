"""Who is counted, once, with what they did in the window; and the people behind each count."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

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
from app.worklist.attention import read_budget
from app.worklist.editing import set_hold_out
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
        if everything:
            someone = world.person("manager").id
            set_hold_out(session, everything, someone, instead_of=0)
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
    sleep_until(bought.database, "2026-04-01 04:00")
    assert cells(bought) == before
    assert cells(bought, ANY_PLAN) == before
    assert {first_on for (first_on,) in rows_of(bought.database, ArmSpan, "first_on")} == {MARCH}


def test_a_member_counts_once_for_each_window_since_entering_whether_they_enter_again_or_not(bought: World):
    """c1 entered again, brought to buy; the others did not. All four count as often, so the arms stay comparable."""
    sleep_until(bought.database, "2026-05-01 04:00")
    assert len(rows_of(bought.database, Enrollment, "id")) == 6
    found = rows_of(bought.database, ArmResult, "entered_in", "reached", "plan_id", "window_days", *COUNTS)
    mine = [
        (month, reached, *counts[:2])
        for month, reached, plan, days, *counts in found
        if (plan, days) == (plan_of(bought), WINDOW)
    ]
    april = date(2026, 4, 1)
    # From 1 and 15 March, 29 March and 12 April: of the second two only tasks of 3 and 30 days are left to tell.
    assert sum(members for month, _, members, _ in mine if month == MARCH) == 3 * 4
    assert sum(members for month, _, members, _ in mine if month == april) == 4
    assert sum(buyers for *_, buyers in mine) == 1


def test_small_pieces_come_to_the_same(bought: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(counting, "PIECE", 1)
    assert sleep_until(bought.database, "2026-03-19 04:00") >= 4
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


def keep_out(world: World, when: str, per_mille: int) -> None:
    """Headquarters changes the share kept out of everything."""
    world.sleep_until(when)
    by = world.person("manager").id
    with world.database.transaction() as session:
        set_hold_out(session, per_mille, by, instead_of=read_budget(session).hold_out_per_mille)


def test_a_window_counts_by_the_share_in_force_throughout_it_and_one_of_a_change_with_nobody(
    database: Database,
):
    """Everybody is kept out of everything from 20 March to 13 April, and half of them out of the plan from then on."""
    world = a_world(database)
    world.live_until("2026-03-01 12:00")
    world.member("c1")
    world.buy("c1", "2026-03-01 12:00")
    keep_out(world, "2026-03-20 12:00", 1000)
    world.buy("c1", "2026-03-20 11:00")
    keep_out(world, "2026-04-13 12:00", 0)
    world.sleep_until("2026-04-14 12:00")
    with database.transaction() as session:
        publish(session, {**PLAN, "hold_out": 50})
    sleep_until(database, "2026-05-20 04:00")
    told = {}
    with database.reading() as session:
        for plan_id in (ANY_PLAN, plan_of(world)):
            sought = Sought(plan_id, WINDOW, MARCH, date(2026, 6, 30), frozenset(Arm))
            rows = [row.stretch for row in members_behind(session, sought, clock.now(session)).rows]
            told[plan_id] = [(f"{row.began_on:%m-%d}", row.arm.value, row.per_mille) for row in rows]
    assert told[ANY_PLAN][:4] == [
        ("03-01", "treated", 0),
        ("03-15", "treated", 0),
        ("03-29", "global_hold_out", 1000),
        ("04-12", "global_hold_out", 0),
    ]
    assert [share for *_, share in told[ANY_PLAN][4:]] == [0]
    assert [arm for _, arm, _ in told[plan_of(world)]][:4] == [arm for _, arm, _ in told[ANY_PLAN]][:4]
    assert [share for *_, share in told[plan_of(world)]] == [0, 0, 0, 0, 500]
    arms = rows_of(database, Enrollment, "anchor_on", "arm")
    assert arms == [(MARCH, "treated"), (date(2026, 3, 20), "global_hold_out")]


def test_what_has_begun_goes_on_as_it_began_when_the_share_changes(database: Database):
    world = a_world(database)
    world.live_until("2026-03-01 12:00")
    for code, now in (("c1", 1000), ("c2", 0)):
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
        world.live_until("2026-03-01 12:05")
        with database.transaction() as session:
            was = read_budget(session).hold_out_per_mille
            set_hold_out(session, now, world.person("manager").id, instead_of=was)
    world.live_until("2026-03-05 12:00")
    assert set(world.steps("c1").values()) == {"opened due"}
    assert set(world.steps("c2").values()) == {"withheld global_hold_out"}


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
