"""One work item, or one worklist, that cannot be worked on is set aside: the others go on, and it is taken up again."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app import clock
from app.aside import Errors, all_aside, alone
from app.db import Database, table_of
from app.follow_ups.taking_up import ask_to_take_up
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.lanes import Deadline
from app.timers import Lane, Timer, TimerKey
from app.worklist import balancing, urging
from app.worklist.loads import schedule_balance
from app.worklist.models import AttentionBudget, BalanceSchedule, WorkItem
from app.worklist.sharing import share_out
from tests.follow_ups.triggering import KEYS
from tests.intake.wecom_inbox import NOBODY
from tests.world import World

CODES = ("c1", "c2", "c3")
# What there is already.
SAME = list(table_of(AttentionBudget).columns.keys()), select(table_of(AttentionBudget))


@pytest.fixture
def world(database: Database) -> World:
    """Three open tasks; a day later nobody has done one."""
    built = World(database)
    for code in CODES:
        built.member(code)
    built.live_until("2026-03-01 14:00")
    for code in CODES:
        built.buy(code, "2026-03-01 13:30")
    built.live_until("2026-03-01 14:30")
    return built


def take_up_all(world: World) -> list[tuple[str, int]]:
    """What was set aside, taken up by the inbox lane."""
    with world.database.transaction() as session:
        found = [(row.lane, row.subject_id) for row in all_aside(session)]
        for row in all_aside(session):
            ask_to_take_up(session, row.id, None)
    apply_received(world.database, NOBODY, own_handlers(KEYS), Deadline(60))
    with world.database.reading() as session:
        assert all_aside(session) == []
    return found


def due_in(world: World, lane: Lane) -> set[int]:
    with world.database.reading() as session:
        due = select(Timer.subject_id).where(Timer.lane == str(lane), Timer.due_at <= clock.now(session))
        return set(session.scalars(due))


def test_a_lost_race_is_tried_again_before_it_is_somebodys_fault(database: Database):
    tries = count(1)

    def one(session: Session, undoable: Errors) -> str:
        try:
            with session.begin_nested():
                if next(tries) < 3:
                    session.execute(insert(AttentionBudget).from_select(*SAME))
        except undoable:
            return "set aside"
        return "done"

    assert alone(database, one) == "done"


def test_a_work_item_nobody_can_be_urged_about_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    with world.database.reading() as session:
        poisoned, *others = session.scalars(select(WorkItem.id).order_by(WorkItem.id)).all()
    judge = urging._Office.judge

    def fails_for_one(self: Any, row: Any) -> Any:
        if row.id == poisoned:
            raise KeyError("what this item says")
        return judge(self, row)

    monkeypatch.setattr("app.worklist.urging._Office.judge", fails_for_one)
    world.sleep_until("2026-03-02 11:30")
    urging.urge_due(world.database, Deadline(60))
    assert due_in(world, Lane.URGE) == set()
    with world.database.reading() as session:
        urged = select(WorkItem.id).where(WorkItem.urge_level == urging.URGED)
        assert set(session.scalars(urged)) == set(others)
    monkeypatch.undo()
    assert take_up_all(world) == [("urge", poisoned)]
    with world.database.reading() as session:
        assert session.get_one(WorkItem, poisoned).next_urge_at is not None
    world.assert_timers_are_their_owners()


def test_a_worklist_that_cannot_be_shared_out_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    owner, other = world.person("owner").id, world.person("manager").id

    def fails_for_one(desk: Any, *rest: Any) -> Any:
        if desk.associate_id == owner:
            raise ValueError("what this desk says")
        return share_out(desk, *rest)

    monkeypatch.setattr("app.worklist.balancing.share_out", fails_for_one)
    with world.database.transaction() as session:
        session.execute(update(AttentionBudget).values(daily_capacity=1))
        schedule_balance(session, dict.fromkeys((owner, other), clock.now(session)))
    balancing.balance_due(world.database, lambda *_: None, lambda *_: None, Deadline(60))
    assert due_in(world, Lane.BALANCE) == set()
    monkeypatch.undo()
    assert take_up_all(world) == [("balance", owner)]
    assert due_in(world, Lane.BALANCE) == {owner}
    with world.database.reading() as session:
        due_at = session.get_one(BalanceSchedule, owner).next_due_at
    assert due_at is not None
    with world.database.transaction() as session:
        before = TimerKey(Lane.BALANCE, due_at - timedelta(seconds=1), owner)
        balancing._set_aside(session, before, ValueError(), clock.now(session))
        assert all_aside(session) == [], "somebody else has looked at them since"
    assert due_in(world, Lane.BALANCE) == {owner}
    world.assert_timers_are_their_owners()
