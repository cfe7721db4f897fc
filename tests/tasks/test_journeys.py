"""A journey of the sandbox's clock reconciles once, where it arrives, whatever nights it passes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app import clock
from app.follow_ups.reconciling.models import BY_JOURNEY, Reconciliation
from app.nightly import ensure_jobs
from tasks.clock import Stop, _go_on
from tasks.lanes import Hands
from tasks.nightly import JOBS
from tests.tasks.test_promptness import hands, live, port, world
from tests.world import World, at

__all__ = ["hands", "port", "world"]


class Follows:
    """The sandbox's clock."""

    def set_clock(self, offset: timedelta) -> None:
        """It follows."""


def travel(hands: Hands, when: str) -> list[Reconciliation]:
    """As the clock process does when somebody has asked to go there; every reconciliation there is afterwards."""
    with hands.database.transaction() as session:
        clock.set_target(session, at(when))
    _go_on(hands, Follows(), Stop())  # type: ignore[arg-type]  # the one call a journey makes
    with hands.database.reading() as session:
        assert clock.moment(session).target_at is None
        return list(session.scalars(select(Reconciliation).order_by(Reconciliation.id)))


def test_the_nights_of_a_journey_are_reconciled_once_on_arrival(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    ensure_jobs(hands.database, JOBS)
    world.buy("c1", "2026-03-01 13:50")
    (first,) = travel(hands, "2026-03-04 12:00")
    assert first.asked_by == BY_JOURNEY
    assert first.finished_at is not None
    assert first.finished_at >= at("2026-03-04 12:00")
    assert first.owed == 5


def test_one_that_passes_no_night_brings_none(hands: Hands, world: World):
    world.member("c1")
    live(hands, "2026-03-01 14:00")
    ensure_jobs(hands.database, JOBS)
    assert len(travel(hands, "2026-03-02 12:00")) == 1
    assert len(travel(hands, "2026-03-02 18:00")) == 1
    assert len(travel(hands, "2026-03-03 12:00")) == 2
