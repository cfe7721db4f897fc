"""Any sequence of work given, done, moved and put off, of outages and of days: urging only rises, and the best stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from app import clock
from app.associates.models import Shift
from app.clock import Moment
from app.db import Database
from app.members.service import lock_members
from app.messaging.models import MessageState, Notice, NoticeKind, OutboundMessage
from app.worklist.desks import Desk
from app.worklist.loads import LocalDay
from app.worklist.models import Overflow, OverflowKind, WorkItem, WorkState
from app.worklist.service import close_items, move_items, postpone_items
from app.worklist.sharing import share_out
from tests.worklist.shop import PEOPLE, SHANGHAI, Shop, at

CAPACITY = 3
ESCALATE_AFTER = timedelta(minutes=300)
DAY = LocalDay(at("2026-03-02 00:00"), at("2026-03-03 00:00"))
NOON = at("2026-03-02 12:00")
workers = st.sampled_from(("ann", "ben", "cai"))
ranks = st.lists(st.integers(1, 400_000), min_size=1, max_size=6)


def an_item(number: int, rank: int, is_service: bool, is_being_sent: bool) -> Any:
    return WorkItem(
        id=number,
        member_id=number,
        assignee_id=1,
        rank=rank,
        is_service=is_service,
        due_at=NOON,
        claimed_until=NOON + timedelta(seconds=1) if is_being_sent else NOON,
    )


def stays(item: WorkItem) -> bool:
    return item.is_service or item.claimed_until != NOON


@settings(deadline=None)
@given(
    kinds=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), max_size=40),
    order=st.randoms(use_true_random=False),
    capacity=st.integers(0, 30),
    done=st.integers(0, 20),
)
def test_the_kept_are_the_best_whatever_the_order_in_which_they_came(
    kinds: list[tuple[int, bool, bool]], order: Any, capacity: int, done: int
):
    items = [an_item(number, *kind) for number, kind in enumerate(kinds, 1)]
    shuffled = list(items)
    order.shuffle(shuffled)
    noon = Moment(NOON, NOON, None)
    shares = [share_out(Desk(1, None, DAY, each, done), capacity, noon) for each in (items, shuffled)]  # type: ignore[arg-type]
    assert shares[0].overflow == shares[1].overflow
    gone = shares[0].overflow_ids
    kept = [item for item in items if item.id not in gone]
    assert not any(stays(item) for item in shares[0].overflow)
    best = max((item.rank for item in shares[0].overflow), default=0)
    assert all(stays(item) or item.rank >= best for item in kept)
    assert not gone or done + len(kept) == max(capacity, done + sum(map(stays, kept)))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 5, 0, 3, 1, 4)])
def test_the_order_in_which_they_are_opened_changes_nothing(shop: Shop, order: tuple[int, ...]):
    shop.budget(daily_capacity=CAPACITY)
    shop.sleep_until("2026-03-02 10:00")
    members = [shop.member("ann", "ben") for _ in order]
    for number in order:
        shop.give_about("ann", [(members[number], 10 * number + 10)])
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {60, 50, 40}
    assert shop.at_hand("ben") == {30, 20, 10}


class Floor(RuleBasedStateMachine):
    """A store's floor, with everything that happens on it."""

    new_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.database = Database(self.new_url())
        self.shop = Shop(self.database)
        self.shop.budget(
            daily_capacity=CAPACITY,
            urge_after_minutes=60,
            escalate_after_minutes=int(ESCALATE_AFTER.total_seconds() // 60),
        )
        self.levels: dict[int, int] = {}
        self.final: dict[int, str] = {}
        self.given: set[int] = set()
        self.numbers = count(1)

    def teardown(self) -> None:
        self.database.close()

    @rule(name=workers, ranks=ranks, contacts=st.sets(workers, max_size=2), days=st.integers(1, 5))
    def give(self, name: str, ranks: list[int], contacts: set[str], days: int) -> None:
        others = tuple(sorted(contacts - {name}))
        valid = timedelta(days=days)
        self.given |= set(self.shop.give(name, *ranks, contacts=others, valid_for=valid))

    @rule(name=workers, number=st.integers(1, 4))
    def promise(self, name: str, number: int) -> None:
        self.given |= set(self.shop.give(name, *[1_000_000] * number, is_service=True))

    @precondition(lambda self: self.open_items())
    @rule(data=st.data(), state=st.sampled_from((WorkState.DONE, WorkState.CANCELLED)))
    def close(self, data: st.DataObject, state: WorkState) -> None:
        item = data.draw(st.sampled_from(self.open_items()))
        with self.database.transaction() as session:
            lock_members(session, [item.member_id or 0])
            close_items(session, [item.id], state, "test", clock.now(session))

    @precondition(lambda self: self.open_items())
    @rule(data=st.data(), to=workers)
    def hand_over(self, data: st.DataObject, to: str) -> None:
        item = data.draw(st.sampled_from(self.open_items()))
        with self.database.transaction() as session:
            lock_members(session, [item.member_id or 0])
            move_items(session, {item.id: self.shop.ids[to]}, clock.now(session))

    @precondition(lambda self: self.open_items())
    @rule(data=st.data(), hours=st.integers(1, 30))
    def put_off(self, data: st.DataObject, hours: int) -> None:
        item = data.draw(st.sampled_from(self.open_items()))
        with self.database.transaction() as session:
            lock_members(session, [item.member_id or 0])
            postpone_items(session, {item.id: clock.now(session) + timedelta(hours=hours)})

    @rule(name=st.sampled_from(tuple(PEOPLE)), days=st.integers(0, 2), off=st.booleans())
    def plan_a_shift(self, name: str, days: int, off: bool) -> None:
        on = (self.shop.now().astimezone(SHANGHAI) + timedelta(days=days)).date()
        with self.database.reading() as session:
            known = session.get(Shift, (self.shop.ids[name], on))
        if known is None:
            self.shop.shift(name, on.isoformat(), None if off else (11, 19))

    @rule(minutes=st.one_of(st.integers(1, 120), st.integers(120, 3 * 24 * 60)))
    def live(self, minutes: int) -> None:
        self.shop.live_to(self.shop.now() + timedelta(minutes=minutes))
        self.nobody_has_too_much()

    @rule(hours=st.integers(1, 80))
    def be_down(self, hours: int) -> None:
        """And back: what is late now is nobody's fault."""
        before = self.told(NoticeKind.ESCALATION)
        self.shop.sleep_until(
            (self.shop.now() + timedelta(hours=hours)).astimezone(SHANGHAI).replace(tzinfo=None).isoformat()
        )
        self.shop.run_lanes()
        assert self.told(NoticeKind.ESCALATION) == before, "an outage by itself escalates nothing"

    @invariant()
    def timers_and_counts_are_right(self) -> None:
        self.shop.check()

    @invariant()
    def urging_only_rises_once_per_level(self) -> None:
        with self.database.reading() as session:
            items = {item.id: item for item in session.scalars(select(WorkItem))}
        assert set(items) == self.given, "nothing is lost, nothing is doubled"
        for item_id, item in items.items():
            assert item.urge_level >= self.levels.get(item_id, 0)
            assert self.final.setdefault(item_id, item.state) in (item.state, WorkState.OPEN)
            self.levels[item_id], self.final[item_id] = item.urge_level, item.state
        for kind, level in ((NoticeKind.URGE, 1), (NoticeKind.ESCALATION, 2)):
            told = self.told(kind)
            assert len(told) == len(set(told)), "once per level"
            assert {item_id for item_id in told if items[item_id].urge_level < level} == set()

    @invariant()
    def the_manager_hears_only_after_the_assignee_did(self) -> None:
        with self.database.reading() as session:
            notices = list(session.scalars(select(Notice)))
            delivered = {
                row.id: row.delivered_at
                for row in session.scalars(select(OutboundMessage))
                if row.state == MessageState.DELIVERED
            }
        heard: dict[int, Any] = {}
        for notice in notices:
            if notice.kind == NoticeKind.URGE and notice.message_id in delivered:
                heard[notice.work_item_id] = delivered[notice.message_id]
        for notice in notices:
            if notice.kind == NoticeKind.ESCALATION:
                assert notice.work_item_id in heard or self.was_moved(notice.work_item_id)

    @invariant()
    def what_was_dropped_says_so(self) -> None:
        with self.database.reading() as session:
            dropped = set(
                session.scalars(select(Overflow.work_item_id).where(Overflow.kind == OverflowKind.DROPPED))
            )
            said = set(session.scalars(select(WorkItem.id).where(WorkItem.close_reason == "over_capacity")))
        assert dropped == said

    def nobody_has_too_much(self) -> None:
        """Once the lanes have run: no more than they can do today, or nothing but promises."""
        now = self.shop.now()
        for name, person in self.shop.ids.items():
            at_hand = [
                item
                for item in self.open_items()
                if item.assignee_id == person
                and (item.postponed_until is None or item.postponed_until <= now)
            ]
            assert len(at_hand) <= CAPACITY or all(item.is_service for item in at_hand), name

    def was_moved(self, item_id: int) -> bool:
        """Its reminder went to somebody else: they heard of it by the digest that told of the hand-over, or a later."""
        with self.database.reading() as session:
            return session.get_one(WorkItem, item_id).asked_at is not None

    def told(self, kind: NoticeKind) -> list[int]:
        with self.database.reading() as session:
            return list(session.scalars(select(Notice.work_item_id).where(Notice.kind == kind)))

    def open_items(self) -> list[WorkItem]:
        query = select(WorkItem).where(WorkItem.state == WorkState.OPEN).order_by(WorkItem.id)
        with self.database.reading() as session:
            return list(session.scalars(query))


def test_guarantees_hold_whatever_happens(new_database_url: Callable[[], str], database_kind: str):
    machine = type("FloorHere", (Floor,), {"new_url": staticmethod(new_database_url)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12 if database_kind == "sqlite" else 5,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[
                Phase.explicit,
                Phase.generate,
            ],  # a life takes seconds: one that fails is told as it was found
            suppress_health_check=list(HealthCheck),
        ),
    )
