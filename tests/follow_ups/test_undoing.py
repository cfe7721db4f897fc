"""An undo brings back what is still owed, and nothing that anything else has taken the place of."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.errors import Conflict
from app.follow_ups.acts.calling import note_call
from app.follow_ups.acts.kinds import CallOutcome, SkipReason
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import LONGEST_WAY, UNDO_LIFE, undo
from app.worklist.models import BalanceSchedule, WorkItem, WorkState
from tests.checker import violations
from tests.follow_ups.measuring.test_attributing import complete, ledger
from tests.follow_ups.test_acts import Counter, counter
from tests.follow_ups.test_attention import add_plan, plan_of, set_budget
from tests.world import World

__all__ = ["counter"]


def marketed(database: Database, *plans: dict[str, object], cap: int = 2) -> Counter:
    """A member with one open task of marketing, since ten of the day after they bought; other plans follow."""
    world = World(database, "2026-03-01 14:00")
    set_budget(world, cap_touches=cap)
    add_plan(world, plan_of("after_purchase", {"after": "1 days", "channel": "phone"}))
    for number, step in enumerate(plans):
        add_plan(world, plan_of(f"other{number}", step))
    member_id = world.member("c1")
    world.know_phone("c1")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-02 10:00")
    return Counter(world, world.tasks("c1")[0].id, member_id, count(1))


def test_nothing_is_brought_back_whose_series_was_stopped_after_its_last_step(database: Database):
    counter = marketed(database)
    counter.do(skip_task, SkipReason.IN_TOUCH)
    counter.world.refund("c1", "2026-03-02 10:00")
    assert counter.refused(undo).code == "task_cancelled"
    assert counter.item().close_reason == SkipReason.IN_TOUCH
    assert violations(database) == []


def test_a_refused_undo_has_written_nothing_whatever_its_caller_does_next(database: Database):
    """Also where nothing is rolled back."""
    counter = marketed(database)
    counter.do(skip_task, SkipReason.IN_TOUCH)
    counter.world.refund("c1", "2026-03-02 10:00")
    before, tap, actor = counter.item(), counter.tap(), counter.world.actor("owner")
    with database.transaction() as session, pytest.raises(Conflict):
        undo(session, actor, counter.task_id, tap)
    after = counter.item()
    for column in WorkItem.__table__.columns:
        assert getattr(after, column.name) == getattr(before, column.name), column.name
    assert violations(database) == []
    counter.world.assert_timers_are_their_owners()


@pytest.mark.parametrize("is_over", [False, True])
def test_what_was_opened_in_its_place_stays(database: Database, is_over: bool):
    counter = marketed(database, {"after": "1 days at 10:02"})
    counter.do(skip_task, SkipReason.IN_TOUCH)
    counter.world.live_until("2026-03-02 10:02")
    _, other = counter.world.tasks("c1")
    if is_over:
        actor, tap = counter.world.actor("owner"), counter.tap()
        database.in_transaction(lambda s: skip_task(s, actor, other.id, tap, SkipReason.IN_TOUCH))
    assert counter.refused(undo).code == "another_opened"
    assert counter.item().state == WorkState.CANCELLED
    assert violations(database) == []


def test_an_undo_keeps_within_the_cap(database: Database):
    counter = marketed(database)
    counter.do(skip_task, SkipReason.IN_TOUCH)
    set_budget(counter.world, cap_touches=0)
    assert counter.refused(undo).code == "cap_reached"
    set_budget(counter.world, cap_touches=1)
    assert counter.do(undo).state == WorkState.OPEN


def test_minutes_are_those_of_the_server_but_for_what_a_tap_needs_to_arrive(counter: Counter):
    counter.do(skip_task, SkipReason.IN_TOUCH)
    with counter.database.transaction() as session:
        clock.jump_to(session, clock.now(session) + UNDO_LIFE + LONGEST_WAY + timedelta(minutes=1))
    late = counter.tap(age=3 * 86_400)
    assert counter.refused(undo, tap=late).code == "too_late_to_undo"


def test_what_was_credited_to_a_done_that_was_a_slip_goes_to_who_earned_it(database: Database):
    counter = marketed(database, {"after": "2 days"})
    world = counter.world
    counter.do(skip_task, SkipReason.IN_TOUCH)
    world.live_until("2026-03-03 10:00")
    earner = complete(world, "c1")
    world.live_until("2026-03-04 12:00")
    world.buy("c1", "2026-03-04 12:00")
    world.live_until("2026-03-05 10:00")
    slip = Counter(world, world.tasks("c1")[-1].id, counter.member_id, counter.keys)
    world.sleep_until("2026-03-05 11:00")
    world.buy("c1", "2026-03-05 10:30", "gone")
    before = ledger(world)
    assert {entry.task_id for entry in before} == {earner}
    slip.do(note_call, CallOutcome.REACHED, tap=slip.tap(age=3600))
    world.buy("c1", "2026-03-05 11:00", "mine")
    world.refund("c1", "2026-03-05 11:00", "mine")
    assert slip.task_id in {entry.task_id for entry in ledger(world)}
    slip.do(undo)
    entries = ledger(world)
    assert {entry.task_id for entry in entries} == {earner}
    assert len(entries) == len(before) + 2
    assert violations(database) == []


def test_what_comes_back_is_counted_for_the_day(counter: Counter):
    counter.do(skip_task, SkipReason.IN_TOUCH)
    set_budget(counter.world, daily_capacity=1)
    with counter.database.transaction() as session:
        row = session.scalars(select(BalanceSchedule)).one()
        row.counted, row.next_due_at = 1, None
    counter.do(undo)
    with counter.database.reading() as session:
        row = session.scalars(select(BalanceSchedule)).one()
        assert (row.counted, row.next_due_at is not None) == (2, True)
