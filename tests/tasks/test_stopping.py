"""A clock process that is asked to end: soon, and nothing is lost by it."""

from __future__ import annotations

from datetime import timedelta

from app import clock
from app.lanes import Deadline
from tasks.clock import Stop
from tasks.lanes import Hands
from tasks.travel import live_until
from tests.tasks.test_promptness import hands, live, messages, port, world
from tests.world import World, at

__all__ = ["hands", "port", "world"]


def test_a_deadline_has_passed_once_somebody_asked_to_end():
    stop = Stop()
    deadline = Deadline(3600, stop.is_asked)
    assert not deadline.has_passed()
    stop.ask()
    assert deadline.has_passed()


def test_a_fast_forward_that_is_broken_off_is_gone_on_with(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    instants: list[timedelta] = []
    target = at("2026-03-05 12:00")
    assert not live_until(hands, target, instants.append, lambda: len(instants) >= 1)
    with world.database.reading() as session:
        assert clock.now(session) < target
    assert live_until(hands, target, instants.append)
    with world.database.reading() as session:
        assert clock.now(session) >= target
    assert len(messages(world)) == 4  # of two steps, each opened and then urged
