"""What the learning plans choose by: counted once all that can be credited is, the same from one night to the next."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import update

from app.db import Database
from app.follow_ups.measuring.models import ScriptDay, ScriptResult
from app.follow_ups.measuring.scripting import A_DAY, _next_days
from app.follow_ups.models import FollowUpTask
from app.follow_ups.plans.versions import publish
from tests.follow_ups.measuring.nights import begin, rows_of, sleep_until
from tests.follow_ups.measuring.test_attributing import complete
from tests.world import PLAN, World

SETTLED = "2026-03-23 04:00"  # 14 days of credit, a week to be done in, and the night after


def results(database: Database) -> list[tuple[Any, ...]]:
    return rows_of(database, ScriptResult, "step_kind", "script_code", "sent", "succeeded")


def three_thanked(database: Database, *, learn: bool = True) -> World:
    """Three were thanked; one came back and bought, one did and returned it."""
    world = World(database)
    with database.transaction() as session:
        publish(session, {**PLAN, "learn": learn})
    sleep_until(database, "2026-03-01 09:00")
    begin(database)
    sleep_until(database, "2026-03-01 12:00")
    for code in ("c1", "c2", "c3"):
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
    world.live_until("2026-03-01 12:31")
    for code in ("c1", "c2", "c3"):
        complete(world, code)
    world.live_until("2026-03-02 18:00")
    world.buy("c1", "2026-03-02 17:00")
    returned = world.buy("c2", "2026-03-02 17:00")
    world.refund("c2", "2026-03-02 17:30", returned)
    return world


def live_nights(database: Database, first: int, last: int) -> None:
    for night in range(first, last + 1):
        sleep_until(database, f"2026-03-{night:02} 04:00")


def test_a_script_succeeded_where_a_purchase_followed_and_was_kept(database: Database):
    three_thanked(database)
    live_nights(database, 3, 22)
    assert results(database) == []
    sleep_until(database, SETTLED)
    assert results(database) == [("thanks", "thanks_30m", 3, 1)]


def test_nights_without_service_are_made_up_for_and_nothing_counts_twice(database: Database):
    three_thanked(database)
    sleep_until(database, "2026-03-03 04:00")
    sleep_until(database, "2026-04-05 04:00")
    assert results(database) == [("thanks", "thanks_30m", 3, 1)]
    assert len(rows_of(database, ScriptDay, "sent")) == 1
    sleep_until(database, "2026-04-06 04:00")
    assert results(database) == [("thanks", "thanks_30m", 3, 1)]


def test_what_worked_half_a_year_ago_says_nothing_any_more(database: Database):
    three_thanked(database)
    sleep_until(database, "2026-03-03 04:00")
    sleep_until(database, SETTLED)
    sleep_until(database, "2026-09-05 04:00")
    assert results(database) == []


def test_tasks_without_a_script_and_plans_that_do_not_learn_are_not_counted(database: Database):
    three_thanked(database)
    with database.transaction() as session:
        session.execute(update(FollowUpTask).values(script_code=""))
    sleep_until(database, "2026-03-03 04:00")
    sleep_until(database, SETTLED)
    assert results(database) == []


def test_plans_that_do_not_learn_cost_nothing(database: Database):
    three_thanked(database, learn=False)
    sleep_until(database, "2026-03-03 04:00")
    sleep_until(database, SETTLED)
    assert rows_of(database, ScriptDay, "sent") == []


def test_every_day_is_counted_once_whatever_the_credit_window_becomes():
    counted: dict[int, date] = {}
    days = []
    for night, credit_days in enumerate((14, 14, 10, 17, 14, 14, 14, 14)):
        while some := _next_days({1: credit_days}, counted, date(2026, 4, 1) + night * A_DAY):
            counted |= some
            days.append(some[1])
    first = date(2026, 4, 1) - timedelta(days=22)
    assert days == [first + number * A_DAY for number in range(8)]
