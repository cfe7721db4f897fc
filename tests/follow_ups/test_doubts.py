"""Why a step is taken on trust: each cause by itself, and none where the tables decide."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select, text

from app.db import Database, insert_rows
from app.follow_ups.plans.versions import publish
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.reconciling.balances import Part, by_day, gaps_of
from app.follow_ups.reconciling.doubts import Doubt
from app.follow_ups.reconciling.models import Reconciliation, ReconciliationCount, ReconciliationGap
from app.follow_ups.reconciling.report import Became
from app.follow_ups.reconciling.runs import JOB, ask_for_run, newest_run, next_piece
from app.follow_ups.series.sweeping import sweep_due
from app.lanes import Deadline
from app.nightly import run_nightly
from app.orders.models import Order
from tests.follow_ups.triggering import KEYS
from tests.world import PLAN, World, at, purchase

STEPS = len(PLAN["steps"])
TODAY = date(2026, 3, 10)


def look(world: World) -> Report:
    with world.database.reading() as session:
        return reconcile(session, with_books=False)


def by_hand(world: World, statement: str, **values: object) -> None:
    """What an operator should not do."""
    with world.database.engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
def fresh(database: Database) -> World:
    """A demo's first minute: the plan is released, and a purchase arrives at once."""
    world = World(database)
    world.member("c1")
    world.buy("c1", "2026-03-01 08:00")
    return world


def test_what_arrives_right_after_a_release_is_verified_where_writers_take_turns(fresh: World):
    report = look(fresh)
    assert report.balances
    assert report.owed == STEPS
    assert report.doubts() == ({} if fresh.database.is_sqlite else {Doubt.RELEASE: STEPS})


def test_it_is_missed_where_it_was_lost(fresh: World):
    by_hand(fresh, "DELETE FROM timers")
    by_hand(fresh, "DELETE FROM step_records")
    by_hand(fresh, "DELETE FROM enrollments")
    assert len(look(fresh).missing) == (STEPS if fresh.database.is_sqlite else 0)


def test_what_arrived_before_the_release_is_owed_nothing(fresh: World):
    """The series is there, and nobody had a claim to it by a tenth of a second."""
    with fresh.database.reading() as session:
        told = session.scalars(select(Order.recorded_at)).one()
    later = told + timedelta(seconds=0.1)
    by_hand(fresh, "UPDATE plan_releases SET released_at = :later", later=f"{later:%Y-%m-%d %H:%M:%S.%f}")
    report = look(fresh)
    if fresh.database.is_sqlite:
        assert len(report.unexplained) == 1
    else:
        assert report.doubts() == {Doubt.RELEASE: STEPS}


@pytest.fixture
def silent(database: Database) -> World:
    """A demo's second day: what was bought long ago is told, a plan for silent members released right after."""
    world = World(database)
    world.member("c1")
    world.report(purchase("old", "c1", at("2025-10-01 12:00")), enrolls=False)
    trigger = {"on": "silence", "days": 120, "when": "orders >= 1"}
    steps = [dict(step, after=f"{number} days") for number, step in enumerate(PLAN["steps"][1:3], start=1)]
    with database.transaction() as session:
        publish(session, {**PLAN, "code": "silent", "name": "silent", "trigger": trigger, "steps": steps})
    for when in ("2026-03-01 10:00", "2026-03-02 00:01"):
        world.live_until(when)
        sweep_due(database, KEYS, Deadline(60))
    return world


def test_a_plan_looks_for_nobody_before_it_is_released(silent: World):
    report = look(silent)
    assert report.balances
    assert report.owed == 2
    assert report.doubts() == ({} if silent.database.is_sqlite else {Doubt.CALENDAR: 2})
    by_hand(silent, "DELETE FROM timers")
    by_hand(silent, "DELETE FROM enrollments")
    assert len(look(silent).missing) == (2 if silent.database.is_sqlite else 0)


REASONS = {
    "off_duty": Doubt.DUTY,
    "nobody_to_ask": Doubt.DUTY,
    "quiet_hours": Doubt.HOURS,
    "no_channel": Doubt.REACH,
    "refunded": Doubt.OTHER,
}


def test_each_cause_is_counted_by_itself(database: Database):
    world = World(database)
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 13:50")
    world.live_until("2026-03-01 14:30")
    assert look(world).doubts() == {}
    for reason, doubt in REASONS.items():
        by_hand(world, "UPDATE step_records SET outcome = 'skipped', reason = :reason", reason=reason)
        assert look(world).doubts() == {doubt: 1}, reason


def test_a_condition_that_asks_what_may_have_changed_is_the_cause_only_where_there_is_one(fresh: World):
    """The newest version asks for a tag; the series is of it, as far as anybody can tell."""
    fresh.live_until("2026-03-02 12:00")
    with fresh.database.transaction() as session:
        version, _ = publish(session, {**PLAN, "trigger": {"on": "purchase", "when": "tags has 'VIP'"}})
    fresh.live_until("2026-03-02 14:00")
    fresh.buy("c1", "2026-03-02 13:50")
    assert Doubt.CONDITION not in look(fresh).doubts()
    by_hand(fresh, "UPDATE plan_releases SET released_at = '2026-02-01 00:00:00.000000'")
    by_hand(fresh, "UPDATE enrollments SET plan_version_id = :version", version=version.id)
    assert look(fresh).doubts() == {Doubt.CONDITION: STEPS}


def test_a_run_keeps_each_cause_with_its_number(fresh: World):
    fresh.live_until("2026-03-01 14:30")
    by_hand(fresh, "UPDATE step_records SET outcome = 'skipped', reason = 'off_duty'")
    by_hand(fresh, "UPDATE plan_releases SET released_at = '2026-02-01 00:00:00.000000'")
    with fresh.database.transaction() as session:
        ask_for_run(session, None)
    run_nightly(fresh.database, {JOB: next_piece}, Deadline(60))
    with fresh.database.reading() as session:
        run = newest_run(session)
        assert run is not None
        (day,) = by_day(session, run, Part(), TODAY)
        assert day.balance.reasons == [(Doubt.DUTY, 1)]
        assert (day.balance.trusted, day.balance.owed, run.trusted) == (1, 1, 1)


def a_run(database: Database) -> Reconciliation:
    run = Reconciliation(
        id=1, asked_at=at("2026-03-10 03:00"), asked_by=None, finished_at=at("2026-03-10 03:00")
    )
    with database.transaction() as session:
        session.add(run)
    return run


def test_days_that_miss_something_come_first_then_the_nearest(database: Database):
    run = a_run(database)
    days = {-60: Became.DONE, -3: Became.DONE, -2: Became.MISSING, 0: Became.OPEN, 5: Became.CANCELLED}
    days[90] = Became.CANCELLED
    rows = [
        {
            "run_id": run.id,
            "plan_id": 1,
            "store_id": 1,
            "due_on": TODAY + timedelta(days=number),
            "became": became,
            "steps": 1,
            "trusted": 0,
        }
        for number, became in days.items()
    ]
    with database.transaction() as session:
        insert_rows(session, ReconciliationCount, rows)
    with database.reading() as session:
        lines = by_day(session, run, Part(), TODAY)
    assert [(line.key - TODAY).days for line in lines] == [-2, 0, -3, -60, 5, 90]


def test_what_is_missing_is_listed_first_and_the_nearest_day_before_others(database: Database):
    run = a_run(database)
    wanted = [
        ("missing", 0),
        ("missing", -9),
        ("missing", 2),
        ("missing", 40),
        ("alarm", -1),
        ("unexplained", 0),
    ]
    with database.transaction() as session:
        for number, (kind, days) in enumerate(reversed(wanted), start=1):
            session.add(a_gap(number, run.id, kind, TODAY + timedelta(days=days)))
    with database.reading() as session:
        gaps, count = gaps_of(session, run, {kind for kind, _ in wanted}, Part(), TODAY)
    assert count == len(wanted)
    assert [(one.gap.kind, (one.gap.due_on - TODAY).days) for one in gaps] == wanted


def a_gap(number: int, run_id: int, kind: str, due_on: date) -> ReconciliationGap:
    return ReconciliationGap(
        id=number,
        run_id=run_id,
        kind=kind,
        fault="",
        plan_id=1,
        store_id=1,
        due_on=due_on,
        member_id=1,
        anchor="purchase",
        anchor_on=due_on,
        event="",
        step_no=1,
        enrollment_id=0,
        work_item_id=0,
        what="",
    )
