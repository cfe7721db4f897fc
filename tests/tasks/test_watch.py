"""The clock's one look for all its bells: it misses no lane and looks no oftener than it has to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.db import Database
from app.timers import Lane, TimerKey, set_timers
from tasks.clock import FRESH_S, Watch


class Counted(Watch):
    """Counts its looks."""

    looks = 0

    def _look(self) -> frozenset[Lane]:
        self.looks += 1
        return super()._look()


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Monotonic time of the clock process, which the test moves."""
    seconds = [100.0]
    monkeypatch.setattr("tasks.clock.time.monotonic", lambda: seconds[0])
    return seconds


def test_one_look_serves_all_bells_that_ring_together(database: Database, now_s: list[float]):
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + timedelta(days=1))
    with database.transaction() as session:
        moment = clock.moment(session)
        between = moment.business - timedelta(hours=1)  # due by business time, not by real time
        set_timers(
            session, [(TimerKey(Lane.URGE, between, 1), None), (TimerKey(Lane.PUSH, between, 2), None)]
        )
        set_timers(session, [(TimerKey(Lane.INBOX, moment.real, 3), None)])
    watch = Counted(database)
    assert [lane for lane in Lane if watch.sees(lane)] == [Lane.URGE, Lane.INBOX]
    assert watch.looks == 1
    with database.transaction() as session:
        set_timers(session, [(TimerKey(Lane.DAYS, between, 4), None)])
    assert not watch.sees(Lane.DAYS)
    now_s[0] += FRESH_S
    assert watch.sees(Lane.DAYS)
    assert watch.looks == 2
