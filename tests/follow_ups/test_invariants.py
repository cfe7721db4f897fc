"""Any sequence of purchases, refunds, completions and time, on both databases: the guarantees hold after each of them.

A month of a few members' lives is made up by Hypothesis: several purchases a day, told out of order, told twice,
returned before they are known; lanes that run at every due instant or are down for days.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
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
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.service import complete_task
from app.follow_ups.states import Channel, Evidence
from app.inbound.events import Event, PurchaseReported
from app.intake.service import EventStatus
from app.worklist.models import WorkItem, WorkState
from tests.checker import look, violations
from tests.world import World, purchase, refund

MEMBERS = ("c1", "c2", "c3")
members = st.sampled_from(MEMBERS)
quantities = st.integers(1, 3)
# How long ago something happened that is told now: mostly just now, at times days ago.
ago = st.one_of(
    st.integers(0, 12 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 40 * 24).map(lambda hours: timedelta(hours=hours)),
)
# Steps of half an hour, of days, of a month.
ahead = st.one_of(
    st.integers(1, 90).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(1, 5 * 24).map(lambda hours: timedelta(hours=hours)),
    st.integers(6, 35).map(lambda days: timedelta(days=days)),
)


class Lives(RuleBasedStateMachine):
    """A few members and everything that happens to them."""

    new_url: Callable[[], str]
    # False: every purchase is told at once and nobody is ever down. Then what became of each step is exactly the plan.
    is_untidy = True

    def __init__(self) -> None:
        super().__init__()
        self.database = Database(self.new_url())
        self.world = World(self.database)
        self.codes = {self.world.member(code, in_wecom=code != "c3"): code for code in MEMBERS}
        self.numbers = count(1)
        self.told: list[Event] = []
        self.bought: list[PurchaseReported] = []
        self.yet_to_come: list[PurchaseReported] = []
        self.final: dict[Any, Any] = {}

    def teardown(self) -> None:
        found = violations(self.database)
        self.database.close()
        assert found == []

    @rule(code=members, before=ago, quantity=quantities, time_known=st.integers(0, 5).map(bool))
    def buy(self, code: str, before: timedelta, quantity: int, time_known: bool) -> None:
        self.tell(self.a_purchase(code, before, quantity, time_known))

    @rule(
        rows=st.lists(st.tuples(members, ago, quantities), min_size=2, max_size=5),
        order=st.randoms(use_true_random=False),
    )
    def buy_much_and_tell_it_in_any_order(self, rows: list[tuple[str, timedelta, int]], order: Any) -> None:
        events: list[Event] = []
        for number, (code, before, quantity) in enumerate(rows):
            bought = self.a_purchase(code, before, quantity)
            events.append(bought)
            if number % 2:
                events.append(self.a_refund(bought, before / 2, quantity))
        order.shuffle(events)
        self.tell(*events)

    @rule(code=members, before=ago)
    def buy_without_starting_anything(self, code: str, before: timedelta) -> None:
        self.tell(self.a_purchase(code, before), enrolls=False)

    @precondition(lambda self: self.bought)
    @rule(data=st.data(), before=ago, quantity=quantities, by=st.sampled_from(("same", "nobody", "c1")))
    def bring_back_with_the_receipt(
        self, data: st.DataObject, before: timedelta, quantity: int, by: str
    ) -> None:
        bought = data.draw(st.sampled_from(self.bought))
        customer = {"same": bought.customer, "nobody": ""}.get(by, by)
        self.tell(self.a_refund(bought, before, quantity, customer))

    @rule(code=members, before=ago, quantity=quantities)
    def bring_back_without_receipt(self, code: str, before: timedelta, quantity: int) -> None:
        self.tell(refund(f"C{next(self.numbers)}", code, self.now() - before, quantity=quantity))

    @rule(code=members, before=ago, quantity=quantities, by_whom=st.sampled_from(("same", "nobody")))
    def tell_a_refund_before_its_purchase(
        self, code: str, before: timedelta, quantity: int, by_whom: str
    ) -> None:
        bought = self.a_purchase(code, before, quantity)
        self.bought.remove(bought)
        self.yet_to_come.append(bought)
        self.tell(self.a_refund(bought, before / 2, quantity, code if by_whom == "same" else ""))

    @precondition(lambda self: self.yet_to_come)
    @rule()
    def tell_the_purchase_after_its_refund(self) -> None:
        bought = self.yet_to_come.pop(0)
        if not self.is_untidy:
            bought = msgspec.structs.replace(bought, occurred_at=self.now())
        self.bought.append(bought)
        self.tell(bought)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), times=st.integers(1, 3))
    def tell_again_what_was_told(self, data: st.DataObject, times: int) -> None:
        event = data.draw(st.sampled_from(self.told))
        results = self.world.report(*[event] * times)
        assert {result.status for result in results} == {EventStatus.REPEATED}

    @rule(by=ahead)
    def live(self, by: timedelta) -> None:
        self.world.live_to(self.now() + by)

    @rule(by=ahead, back_at_work=st.booleans())
    def be_down(self, by: timedelta, back_at_work: bool) -> None:
        if not self.is_untidy:
            return
        with self.database.transaction() as session:
            clock.jump_to(session, clock.now(session) + by)
        if back_at_work:
            self.world.run_lanes()

    @rule(which=st.integers(0, 1_000))
    def complete_a_task(self, which: int) -> None:
        tasks = self.tasks()
        if not tasks:
            return
        task, code = tasks[which % len(tasks)]
        is_chat = task.channel == Channel.CHAT
        with self.database.transaction() as session:
            view = complete_task(
                session,
                self.world.actor("owner"),
                task.id,
                external_userid=f"wm-{code}" if is_chat else None,
                evidence=Evidence.CLIENT_REPORTED if is_chat else Evidence.SELF_DECLARED,
                sent_text="好",
            )
        assert view.state != WorkState.OPEN
        assert view.evidence is not None

    @invariant()
    def every_guarantee_holds_and_what_is_final_stays(self) -> None:
        picture = look(self.database, with_books=False)
        assert picture.violations() == []
        assert self.is_untidy or not picture.balance.differs
        final = picture.final_facts()
        assert not {key: (fact, final.get(key)) for key, fact in self.final.items() if final.get(key) != fact}
        self.final = final
        self.world.assert_timers_are_their_owners()

    def now(self) -> Any:
        with self.database.reading() as session:
            return clock.now(session)

    def a_purchase(
        self, code: str, before: timedelta, quantity: int = 1, time_known: bool = True
    ) -> PurchaseReported:
        when = self.now() - before if self.is_untidy else self.now()
        bought = purchase(f"r{next(self.numbers)}", code, when, time_known=time_known, quantity=quantity)
        self.bought.append(bought)
        return bought

    def a_refund(
        self, bought: PurchaseReported, before: timedelta, quantity: int, customer: str | None = None
    ) -> Event:
        whose = bought.customer if customer is None else customer
        return refund(
            f"C{next(self.numbers)}", whose, self.now() - before, quantity=quantity, cancels=bought.ref
        )

    def tell(self, *events: Event, enrolls: bool = True) -> None:
        results = self.world.report(*events, enrolls=enrolls)
        assert {result.status for result in results} == {EventStatus.APPLIED}, results
        self.told += events

    def tasks(self) -> list[tuple[FollowUpTask, str]]:
        """Every task with the code of the customer it is about, open or not."""
        query = select(FollowUpTask, WorkItem.member_id).join(
            WorkItem, WorkItem.id == FollowUpTask.work_item_id
        )
        with self.database.reading() as session:
            return [
                (task, self.codes[member_id])
                for task, member_id in session.execute(query.order_by(FollowUpTask.id))
                if member_id is not None  # a follow-up is always about a member
            ]


def live_them(new_url: Callable[[], str], is_untidy: bool, examples: int) -> None:
    machine = type("LivesHere", (Lives,), {"new_url": staticmethod(new_url), "is_untidy": is_untidy})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_guarantees_hold_whatever_happens(new_database_url: Callable[[], str], database_kind: str):
    live_them(new_database_url, is_untidy=True, examples=30 if database_kind == "sqlite" else 10)


def test_told_at_once_and_never_down_each_step_ends_as_the_second_opinion_says(
    new_database_url: Callable[[], str], database_kind: str
):
    live_them(new_database_url, is_untidy=False, examples=15 if database_kind == "sqlite" else 5)
