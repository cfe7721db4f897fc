"""Whatever waits in a lane and lost its timer is found by the books, and wound up again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from app.db import Base, Database, table_of
from app.follow_ups.bookkeeping.books import check_books
from app.follow_ups.bookkeeping.plans import look_for_nobody
from app.follow_ups.bookkeeping.timers import TOLD_ELSEWHERE
from app.follow_ups.bookkeeping.waiting import START, WAITING, Place, Waiting, set_lost_timers
from app.follow_ups.channels.models import OrderState
from app.follow_ups.models import PlanSweep
from app.follow_ups.reconciling.repairing import ask_for_timers
from app.inbound.models import INTERNAL, Inbound
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.lanes import Deadline
from app.nightly import NightlyJob, ensure_jobs
from app.timers import Lane, Timer
from tests.follow_ups.triggering import KEYS, TriggerWorld, plan_of
from tests.intake.wecom_inbox import NOBODY
from tests.locks import locks_in_order
from tests.world import World

DUE = datetime(2026, 3, 9, 2, tzinfo=UTC)
SOMETHING: dict[type, Any] = {
    str: "",
    int: 7,
    bool: False,
    float: 0.0,
    Decimal: Decimal(0),
    date: date(2026, 3, 1),
    object: DUE,  # an instant in UTC
    time: time(9),
}
# What makes a row of each kind wait; whatever else stands in it is of no account.
WAITS: dict[str, dict[str, Any]] = {
    "minutes, days": {"state": "active", "next_lane": "days"},
    "order, confirm": {"state": str(OrderState.READY)},
    "expiry": {"state": "open", "next_urge_at": None},
    "urge": {"state": "open"},
    "push": {"state": "enqueued"},
}


def model_of(waiting: Waiting) -> type[Base]:
    found: type[Base] = waiting.key.class_
    return found


def a_row(waiting: Waiting) -> dict[str, Any]:
    """A row that waits, with something in every column."""
    columns = table_of(model_of(waiting)).columns
    row = {column.name: SOMETHING[column.type.python_type] for column in columns}
    return row | WAITS.get(waiting.name, {})


def wind_up(session: Session, most: int) -> int:
    """Everything, portion by portion."""
    number = 0
    place: Place | None = START
    while place is not None:
        some, place = set_lost_timers(session, most, place)
        number += some
    return number


def test_timers_come_back_in_portions_of_one_kind(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Members are locked once in a transaction: whoever fires holds some of them and waits for others."""
    monkeypatch.setattr("app.follow_ups.reconciling.repairing.AT_ONCE", 2)
    world = World(database)
    for code in ("c1", "c2", "c3"):
        world.member(code)
    world.live_until("2026-03-01 14:00")
    for code in ("c1", "c2", "c3"):
        world.buy(code, "2026-03-01 13:30")
    world.live_until("2026-03-01 14:30")
    with database.transaction() as session:
        session.execute(delete(Timer))
        ask_for_timers(session, None)
    with locks_in_order(database):
        apply_received(database, NOBODY, own_handlers(KEYS), Deadline(60))
    world.assert_timers_are_their_owners()
    with database.reading() as session:
        told = select(func.count()).select_from(Inbound).where(Inbound.source == INTERNAL)
        assert (session.scalar(told) or 0) > 2 * len(("series", "expiry", "urge"))


@pytest.mark.parametrize("waiting", WAITING, ids=lambda one: one.name)
def test_a_row_that_lost_its_timer_is_found_and_wound_up(database: Database, waiting: Waiting):
    with database.transaction() as session:
        table = table_of(model_of(waiting))
        session.execute(insert(table).values(a_row(waiting)))
        assert [row.row for row in session.execute(waiting.lost())] == [7]
        failed = {finding.says for finding in check_books(session) if finding.count}
        assert (
            waiting.name in TOLD_ELSEWHERE
            or f"waiting for a timer that is not there: {waiting.name}" in failed
        )
        assert wind_up(session, 10) >= 1
        assert session.execute(waiting.lost()).all() == []
        assert set_lost_timers(session, 10) == (0, None)
        assert DUE in session.scalars(select(Timer.due_at).where(Timer.subject_id == 7)).all()


def test_a_repair_by_the_inbox_winds_up_timers_and_calendars(database: Database):
    world = TriggerWorld(database)
    plan = world.publish(plan_of("birthdays", "birthday"))
    other = world.publish(plan_of("sale", "dates", dates=["2026-03-02"]))
    world.member("c1")
    with database.transaction() as session:
        session.execute(delete(Timer).where(Timer.lane == str(Lane.SWEEP)))
        session.execute(delete(PlanSweep).where(PlanSweep.plan_id == other.plan_id))
        assert list(look_for_nobody(session)) == [other.plan_id]
        says = {finding.says for finding in check_books(session) if finding.count}
        assert "plans of the calendar that look for nobody any more" in says
        ask_for_timers(session, None)
    apply_received(database, NOBODY, own_handlers(KEYS), Deadline(60))
    world.live_until("2026-03-02 12:00")
    assert world.series("c1") == [("sale", "date:2026-03-02", "active")]
    with database.reading() as session:
        assert look_for_nobody(session) == {}
        waiting = session.scalars(select(PlanSweep.plan_id).where(PlanSweep.next_due_at.is_not(None)))
        assert set(waiting) == {plan.plan_id, other.plan_id}


def test_a_nightly_job_that_lost_its_timer_has_it_back_at_the_next_ring(database: Database):
    ensure_jobs(database, ["a job"])
    with database.transaction() as session:
        before = session.scalars(select(NightlyJob.next_due_at)).one()
        session.execute(text("DELETE FROM timers WHERE lane = 'nightly'"))
    ensure_jobs(database, ["a job"])
    with database.reading() as session:
        assert session.scalars(select(Timer.due_at).where(Timer.lane == str(Lane.NIGHTLY))).one() == before
