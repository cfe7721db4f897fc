"""The ledger of attributed purchases: added to and never rewritten."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from app import clock
from app.db import Database, table_of
from app.follow_ups.measuring.attributing import attribute
from app.follow_ups.measuring.models import Attribution
from app.follow_ups.service import complete_task
from app.follow_ups.states import Evidence
from app.orders.models import Order
from tests.world import World


def ledger(world: World) -> list[Any]:
    table = table_of(Attribution)
    with world.database.reading() as session:
        return list(session.execute(select(table).order_by(table.c.recorded_at, table.c.task_id)))


def complete(world: World, code: str, age: timedelta = timedelta(0)) -> int:
    """Do the customer's open task, as the page of their owner reports it."""
    task = world.tasks(code)[-1]
    with world.database.transaction() as session:
        complete_task(
            session,
            world.actor("owner"),
            task.id,
            external_userid=f"wm-{code}",
            evidence=Evidence.CLIENT_REPORTED,
            sent_text="您好",
            age=age,
        )
    return task.id


def thanked(database: Database) -> tuple[World, int]:
    """A member who bought on the first of March and was thanked for it."""
    world = World(database)
    world.member()
    world.live_until("2026-03-01 12:00")
    world.buy("c1", "2026-03-01 12:00")
    world.live_until("2026-03-01 12:31")
    return world, complete(world, "c1")


def test_a_purchase_after_a_task_is_attributed_to_who_did_it(database: Database):
    world, task_id = thanked(database)
    world.live_until("2026-03-10 15:00")
    world.buy("c1", "2026-03-10 15:00", price=25_900)
    (entry,) = ledger(world)
    assert (entry.task_id, entry.share_ppm, entry.amount_fen, entry.pieces_milli) == (
        task_id,
        1_000_000,
        25_900,
        1000,
    )
    assert (entry.associate_id, entry.step_kind, entry.evidence) == (
        world.person("owner").id,
        "thanks",
        "client_reported",
    )
    assert (entry.refund_id, entry.booked_on) == (0, date(2026, 3, 10))


def test_the_purchase_that_began_the_series_is_nobodys_merit(database: Database):
    world, _ = thanked(database)
    assert ledger(world) == []


def test_a_purchase_long_after_is_not_attributed(database: Database):
    world, _ = thanked(database)
    world.live_until("2026-03-16 15:00")
    world.buy("c1", "2026-03-16 15:00")
    assert ledger(world) == []


def test_a_refund_takes_back_in_its_own_month_and_rewrites_nothing(database: Database):
    world, task_id = thanked(database)
    world.live_until("2026-03-10 15:00")
    ref = world.buy("c1", "2026-03-10 15:00", price=25_900)
    before = ledger(world)
    world.live_until("2026-05-20 11:00")
    world.refund("c1", "2026-05-20 11:00", ref, price=25_900)
    bought, returned = ledger(world)
    assert [bought] == before
    assert (returned.task_id, returned.amount_fen, returned.pieces_milli) == (task_id, -25_900, -1000)
    assert returned.booked_on == date(2026, 5, 20)


def test_booking_again_adds_nothing(database: Database):
    world, _ = thanked(database)
    world.live_until("2026-03-10 15:00")
    ref = world.buy("c1", "2026-03-10 15:00")
    world.refund("c1", "2026-03-10 15:00", ref)
    before = ledger(world)
    assert len(before) == 2
    with database.transaction() as session:
        orders = list(session.scalars(select(Order.id)))
        attribute(session, orders, clock.now(session))
    assert ledger(world) == before


def test_a_purchase_reported_late_counts_for_the_oldest_open_month(database: Database):
    world, _ = thanked(database)
    world.live_until("2026-04-20 09:00")
    world.buy("c1", "2026-03-10 15:00")
    (entry,) = ledger(world)
    assert entry.booked_on == date(2026, 4, 1)


def test_a_refund_known_before_its_purchase_is_taken_back_with_it(database: Database):
    world, _ = thanked(database)
    world.live_until("2026-03-10 15:00")
    world.refund("c1", "2026-03-10 14:30", "late")
    world.buy("c1", "2026-03-10 14:00", "late")
    assert sorted(entry.amount_fen for entry in ledger(world)) == [-10_000, 10_000]


def test_a_task_whose_record_comes_late_earns_what_nobody_earned(database: Database):
    world = World(database)
    world.member()
    world.live_until("2026-03-01 12:00")
    world.buy("c1", "2026-03-01 12:00")
    world.live_until("2026-03-01 18:00")
    world.buy("c1", "2026-03-01 18:00")
    task_id = complete(world, "c1", age=timedelta(hours=4))
    (entry,) = ledger(world)
    assert (entry.task_id, entry.booked_on) == (task_id, date(2026, 3, 1))
