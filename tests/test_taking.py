"""Timers taken by two at once on MariaDB, whose locks decide who gets what; SQLite has one writer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, Overtaken, insert_rows, read_rows, table_of
from app.follow_ups.firing import lane
from app.follow_ups.firing.falling_due import DueTimer, take_due
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.orders.value import Tiers
from app.timers import Lane, Timer, TimerKey, clear_taken, set_timers
from tests.conftest import FAST

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOW = datetime(2026, 3, 3, tzinfo=UTC)
NUMBER = 30

pytestmark = pytest.mark.parametrize("database_kind", [] if FAST else ["mariadb"], indirect=True)


@pytest.fixture
def waiting(database: Database) -> Database:
    """A timer due at one instant for each of thirty members, whose numbers they have."""
    with database.transaction() as session:
        insert_rows(session, MemberCare, [{"member_id": n, "opted_out_at": None} for n in range(NUMBER)])
        set_timers(session, [(TimerKey(Lane.DAYS, AT, n), n) for n in range(NUMBER)])
    return database


def take(session: Session, size: int) -> list[DueTimer]:
    return take_due(session, Lane.DAYS, size, NOW)


def subjects(timers: Sequence[Any]) -> list[int]:
    return [timer.subject_id for timer in timers]


def left(database: Database) -> list[int]:
    with database.reading() as session:
        return sorted(session.scalars(select(Timer.subject_id)))


def test_who_comes_second_takes_what_is_left_and_waits_for_nobody(waiting: Database) -> None:
    with waiting.transaction() as first, waiting.transaction() as second:
        first.execute(text("SET innodb_lock_wait_timeout = 1"))
        earlier, later = take(first, 10), take(second, 10)
        assert (subjects(earlier), subjects(later)) == (list(range(10)), list(range(10, 20)))
        clear_taken(first, earlier)  # what lies behind its span is locked
        clear_taken(second, later)
    assert left(waiting) == list(range(20, NUMBER))


def test_what_hangs_on_a_member_somebody_is_busy_with_stays(waiting: Database) -> None:
    """It lies between what is taken, so that goes one by one, and the locked is not waited for."""
    table = table_of(MemberCare)
    with waiting.transaction() as busy, waiting.transaction() as session:
        read_rows(busy, select(table.c.member_id).where(table.c.member_id == 7).with_for_update())
        mine = take(session, 20)
        assert subjects(mine) == [n for n in range(21) if n != 7]
        clear_taken(session, mine)
    assert left(waiting) == [7, *range(21, NUMBER)]


def test_who_takes_batch_after_batch_comes_back_for_what_was_busy(
    waiting: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch begins behind the one before; the member is free again before the lane is left."""
    monkeypatch.setattr(lane, "BATCH", 8)
    asked = count(1)
    with ExitStack() as busy:
        session = busy.enter_context(waiting.transaction())
        session.get_one(MemberCare, 7, with_for_update=True)

        def is_over() -> bool:
            if next(asked) == 3:
                assert left(waiting) == [7, *range(17, NUMBER)]
                busy.close()
            return False

        assert lane.fire_due(waiting, Lane.DAYS, Deadline(600, is_over)) == Progress(NUMBER, more=False)
    assert left(waiting) == []


def test_of_the_minutes_what_can_still_be_prompt_goes_first(waiting: Database) -> None:
    """A morning after an outage: who bought just now does not wait for everybody of yesterday."""
    with waiting.transaction() as session:
        now = clock.now(session)
        its = [(now - timedelta(minutes=n), n) for n in range(1, NUMBER)]
        set_timers(session, [(TimerKey(Lane.MINUTES, at, n), n) for at, n in its])
    with waiting.transaction() as session:
        fired = lane.fire_batch(session, Lane.MINUTES, 6, Tiers())
        assert {timer.subject_id for timer in fired} == {1, 2, 3, 4, NUMBER - 1, NUMBER - 2}
    assert lane.fire_due(waiting, Lane.MINUTES, Deadline(600)) == Progress(NUMBER - 7, more=False)


def test_a_timer_set_between_what_is_being_deleted_is_kept(waiting: Database) -> None:
    """Set and committed after it was counted what lies between, before that is deleted: all of it is done again."""
    with waiting.transaction() as session:
        clear_taken(session, [(Lane.DAYS, AT, n) for n in range(10, 20)])
        set_timers(session, [(TimerKey(Lane.DAYS, AT, n), n) for n in range(10, 20) if n != 15])
    tries: list[str] = []

    @event.listens_for(waiting.engine, "before_cursor_execute")
    def overtake(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "DELETE timers" in statement and not tries:
            tries.append(statement)
            with waiting.transaction() as other:
                set_timers(other, [(TimerKey(Lane.DAYS, AT, 15), 15)])

    def work(session: Session) -> list[int]:
        mine = take(session, 18)
        clear_taken(session, mine)
        return subjects(mine)

    with pytest.raises(Overtaken), waiting.transaction() as session:
        work(session)
    assert left(waiting) == list(range(NUMBER))
    assert waiting.in_transaction(work) == list(range(18))
    with waiting.reading() as session:
        assert session.scalar(select(func.count()).select_from(Timer)) == NUMBER - 18


def test_a_deadlock_within_a_savepoint_is_tried_again(waiting: Database) -> None:
    """Who loses it finds their savepoint gone with everything else."""
    met, tries = Barrier(2, timeout=60), count(1)

    def hold(session: Session, *members: int) -> None:
        first_time = next(tries) <= 2
        with session.begin_nested():
            for member_id in members:
                session.get_one(MemberCare, member_id, with_for_update=True)
                if first_time and member_id == members[0]:
                    met.wait()

    with ThreadPoolExecutor() as threads:
        both = [
            threads.submit(waiting.in_transaction, lambda session, its=its: hold(session, *its))
            for its in ((1, 2), (2, 1))
        ]
        for each in both:
            each.result(timeout=120)
    assert next(tries) == 4, "one of the two came again"
