"""Living within a quantum: what falls due in it is lived together at its end, never early and never much later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.worklist.models import WorkItem
from tasks.lanes import Hands
from tasks.travel import EXACTLY, MINUTE, live_until, on_grid
from tests.tasks.test_promptness import hands, live, messages, port, world
from tests.world import World, at

__all__ = ["hands", "port", "world"]

HALF_AN_HOUR = timedelta(minutes=30)
REAL_TIME_OF_A_SLOW_MACHINE = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("instant", "quantum", "lived"),
    [
        ("2026-03-01 14:00:00.000001", MINUTE, "2026-03-01 14:01"),
        ("2026-03-01 14:00:59", MINUTE, "2026-03-01 14:01"),
        ("2026-03-01 14:01", MINUTE, "2026-03-01 14:01"),
        ("2026-03-01 14:01", HALF_AN_HOUR, "2026-03-01 14:30"),
        ("2026-03-01 14:00:59", EXACTLY, "2026-03-01 14:00:59"),
    ],
)
def test_an_instant_is_lived_at_the_end_of_its_quantum(instant: str, quantum: timedelta, lived: str):
    assert on_grid(at(instant), quantum) == at(lived)


def test_steps_of_one_minute_open_together_and_none_is_early(hands: Hands, world: World):
    for number in range(3):
        world.member(f"c{number}")
    live(hands, "2026-03-01 14:00")
    for number, second in enumerate((10, 20, 50)):
        world.buy(f"c{number}", f"2026-03-01 13:59:{second}")
    offsets: list[timedelta] = []
    live_until(hands, at("2026-03-01 15:00"), offsets.append, quantum=MINUTE)
    with world.database.reading() as session:
        items = session.scalars(select(WorkItem)).all()
    assert len(items) == 3
    assert len({item.opened_at for item in items}) == 1
    for item in items:
        assert timedelta(0) <= item.opened_at - item.due_at < MINUTE + REAL_TIME_OF_A_SLOW_MACHINE
    assert len(messages(world)) == 1


def test_the_target_is_never_passed_for_the_sake_of_a_quantum(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 13:59:30")
    live_until(hands, at("2026-03-01 14:29:45"), lambda _: None, quantum=MINUTE)
    with world.database.reading() as session:
        assert clock.now(session) < at("2026-03-01 14:29:45") + REAL_TIME_OF_A_SLOW_MACHINE
        opened = session.scalars(select(WorkItem)).all()
    assert all(item.opened_at >= item.due_at for item in opened)


def test_what_falls_due_at_the_end_of_a_stage_is_left_to_the_next(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    told: list[timedelta] = []
    for end, number in (("14:30", 0), ("15:00", 1)):
        live_until(hands, at(f"2026-03-01 {end}"), told.append, quantum=HALF_AN_HOUR, stops_over=True)
        with world.database.reading() as session:
            opened = session.scalars(select(WorkItem.opened_at)).all()
        assert len(opened) == number
    assert told == []  # the digest falls due at the end of the second
    assert opened[0] - at("2026-03-01 14:30") < REAL_TIME_OF_A_SLOW_MACHINE


def test_the_sandbox_hears_of_time_before_anything_is_sent_and_on_arrival(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    sent_when_told: list[int] = []
    live_until(hands, at("2026-03-02 13:00"), lambda _: sent_when_told.append(len(messages(world))))
    assert sent_when_told[0] == 0
    assert sent_when_told[-1] == len(messages(world)) > 0
