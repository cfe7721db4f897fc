"""A few members and everything that happens to them, for machines of Hypothesis: purchases, refunds, time, limits."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select, update

from app import clock
from app.associates.models import Shift
from app.db import Database
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.states import Arm
from app.inbound.events import Event, PurchaseReported
from app.intake.sifting import EventStatus
from app.members.service import NewContact, bind_contacts, lock_members
from app.stores.rules import StoreHours
from app.timers import Lane, Timer
from app.worklist.attention import pause, resume
from app.worklist.models import AttentionBudget
from tests.world import PLAN, World, purchase, refund

MEMBERS = ("c1", "c2", "c3")
members = st.sampled_from(MEMBERS)
quantities = st.integers(1, 3)
# How long ago something happened that is told now: mostly just now, at times days ago.
ago = st.one_of(
    st.just(timedelta(0)),
    st.integers(0, 12 * 60).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 40 * 24).map(lambda hours: timedelta(hours=hours)),
)
# Steps of half an hour, of days, of a month.
ahead = st.one_of(
    st.integers(1, 90).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(1, 5 * 24).map(lambda hours: timedelta(hours=hours)),
    st.integers(6, 35).map(lambda days: timedelta(days=days)),
)


HOURS = StoreHours(ZoneInfo("Asia/Shanghai"), time(10), time(22))
STEPS = (str(Lane.MINUTES), str(Lane.DAYS))
PEOPLE = ("owner", "colleague", "manager")
# Asks for attention beside the default plan: on the same days, of whoever is on shift, where its rules hold.
SECOND: dict[str, Any] = {
    **deepcopy(PLAN),
    "code": "second",
    "stops": {"refund": "part", "reply": True, "unfriend": True, "hand_over": True},
    "steps": [
        {**PLAN["steps"][1], "kind": "ask", "after": "1 days", "who": "on_shift", "priority": 95},
        {**PLAN["steps"][2], "kind": "offer", "after": "3 days", "when": "orders >= 2"},
        {
            **PLAN["steps"][2],
            "kind": "more",
            "after": "4 days",
            "valid": "9 days",
            "on_repurchase": "restart",
        },
        {**PLAN["steps"][1], "kind": "promise", "after": "6 days", "priority": 70},
        {**PLAN["steps"][2], "kind": "manager", "after": "30 days", "who": "manager", "priority": 60},
    ],
}


class Living(RuleBasedStateMachine):
    """What happens to them, and to the chain."""

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

    @initialize(has_second=st.integers(0, 3).map(bool))
    def begin(self, has_second: bool) -> None:
        """Everybody has just bought; some know a colleague as well, and mostly a second plan asks for attention too."""
        with self.database.transaction() as session:
            colleague = self.world.person("colleague").id
            contact = NewContact("wm-c1", "c1", self.member_id("c1"), colleague)
            bind_contacts(session, [contact], clock.now(session))
            if has_second:
                publish(session, SECOND)
        self.world.live_until("2026-03-01 12:00")
        for code in MEMBERS:
            self.tell(self.a_purchase(code, timedelta(0)))

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

    @rule(times=st.integers(1, 4))
    def live_until_something_falls_due(self, times: int) -> None:
        for _ in range(times):
            with self.database.reading() as session:
                due = session.scalar(
                    select(Timer.due_at).where(Timer.lane.in_(STEPS)).order_by(Timer.due_at).limit(1)
                )
            if due is not None:
                self.world.live_to(max(due, self.now()))

    @rule(days=st.integers(0, 3))
    def live_until_the_store_opens(self, days: int) -> None:
        """That day's steps fall due then; nobody is asked before."""
        self.world.live_to(HOURS.at(HOURS.local_date(self.now()) + timedelta(days=1 + days), time(10)))

    @rule(by=ahead, back_at_work=st.booleans())
    def be_down(self, by: timedelta, back_at_work: bool) -> None:
        if not self.is_untidy:
            return
        with self.database.transaction() as session:
            clock.jump_to(session, clock.now(session) + by)
        if back_at_work:
            self.world.run_lanes()

    @rule(goes_on=st.integers(0, 4).map(bool), by=ahead)
    def pause_and_perhaps_go_on(self, goes_on: bool, by: timedelta) -> None:
        with self.database.transaction() as session:
            pause(session, None)
        self.world.live_to(self.now() + by)
        if goes_on:
            self.go_on()

    @rule()
    def go_on(self) -> None:
        with self.database.transaction() as session:
            resume(session, None)
        self.world.run_lanes()

    @rule(
        quiet_from=st.integers(19, 23).map(time),
        quiet_until=st.integers(8, 13).map(time),
        cap_days=st.integers(1, 9),
        cap_touches=st.integers(0, 3),
        daily_capacity=st.sampled_from((1, 2, 60)),
    )
    def change_the_budget(self, quiet_from: time, quiet_until: time, **limits: int) -> None:
        with self.database.transaction() as session:
            values = {"quiet_from": quiet_from, "quiet_until": quiet_until, "edited_at": clock.now(session)}
            session.execute(update(AttentionBudget).values(**values, **limits))

    @rule(code=members, arm=st.sampled_from([Arm.PLAN_HOLD_OUT, Arm.GLOBAL_HOLD_OUT]))
    def draw_the_arm_of_what_has_just_begun(self, code: str, arm: Arm) -> None:
        """As enrolling does: never of a series that was treated already."""
        member_id = self.member_id(code)
        treated = select(StepRecord.enrollment_id).where(StepRecord.task_id.is_not(None))
        with self.database.transaction() as session:
            lock_members(session, [member_id])
            ids = select(Enrollment.id).where(
                Enrollment.member_id == member_id, Enrollment.id.not_in(treated)
            )
            drawn = list(session.scalars(ids.where(Enrollment.arm == Arm.TREATED)))
            withheld = select(StepRecord.enrollment_id).where(StepRecord.outcome == "withheld")
            fresh = update(Enrollment).where(Enrollment.id.in_(drawn), Enrollment.id.not_in(withheld))
            session.execute(fresh.values(arm=arm), execution_options={"synchronize_session": False})

    @rule(
        who=st.sampled_from(PEOPLE),
        ahead_by=st.integers(0, 4),
        shift=st.one_of(st.none(), st.tuples(st.integers(8, 14).map(time), st.integers(15, 23).map(time))),
    )
    def set_a_shift(self, who: str, ahead_by: int, shift: tuple[time, time] | None) -> None:
        day = HOURS.local_date(self.now()) + timedelta(days=ahead_by)
        starts_at, ends_at = shift or (None, None)
        with self.database.transaction() as session:
            session.merge(
                Shift(
                    associate_id=self.world.person(who).id, work_on=day, starts_at=starts_at, ends_at=ends_at
                )
            )

    def member_id(self, code: str) -> int:
        return next(member_id for member_id, its in self.codes.items() if its == code)

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
