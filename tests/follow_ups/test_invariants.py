"""Any sequence of purchases, refunds, acts and time, on both databases: the guarantees hold after each of them.

A month of a few members' lives is made up by Hypothesis: several purchases a day, told out of order, told twice,
returned before they are known; lanes that run at every due instant or are down for days. Tasks are done, put off,
skipped, undone, handed on, balanced, urged; members answer, leave, want none, get another owner. Headquarters pauses
and goes on, changes the budget, holds members out; people have shifts and days off; two plans ask for one member's
attention.

DIANBAN_TEST_LIVES=20 lives twenty times as many lives, other ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from sqlalchemy import event, select

from app.associates.roster import Roster
from app.members.models import MemberCare
from app.worklist.attention import Budget, read_budget
from app.worklist.models import WorkItem, WorkState
from tests.checker import look, violations
from tests.follow_ups.acting import Acting
from tests.follow_ups.living import HOURS

CHANGING = ("INSERT", "UPDATE", "DELETE")
TIMES = int(os.environ.get("DIANBAN_TEST_LIVES", "1"))


class Lives(Acting):
    """What must hold after everything that happens; a failure names the guarantee (A1 to A18) that was broken."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self.is_new = True
        event.listen(self.database.engine, "before_cursor_execute", self._note_change)

    def _note_change(self, _connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        """Whatever was refused, or had nothing to do, left everything as it was: that holds already."""
        self.is_new = self.is_new or statement.startswith(CHANGING)

    def teardown(self) -> None:
        found = violations(self.database)
        self.database.close()
        assert found == []

    @invariant()
    def every_guarantee_holds(self) -> None:
        if self.is_new:
            self.nobody_is_asked_when_they_should_not_be()
            self.everything_adds_up_and_what_is_final_stays()
            self.is_new = False

    def nobody_is_asked_when_they_should_not_be(self) -> None:
        """What opened since the last look, held against budget, roster and wishes, which stood still meanwhile."""
        with self.database.reading() as session:
            items = list(session.scalars(select(WorkItem).order_by(WorkItem.opened_at, WorkItem.id)))
            fresh = [item for item in items if item.id not in self.seen]
            if not fresh:
                return
            budget = read_budget(session)
            wants_none = set(
                session.scalars(select(MemberCare.member_id).where(MemberCare.opted_out_at.is_not(None)))
            )
            days = {HOURS.local_date(item.opened_at) for item in fresh}
            roster = Roster.read(session, {item.assignee_id for item in fresh}, days)
        self.seen |= {item.id for item in fresh}
        for item in fresh:
            assert budget.paused_at is None or item.opened_at <= budget.paused_at, (
                "the pause: opened during it"
            )
            assert item.member_id not in wants_none, "A5: opened for who wants none"
            assert HOURS.is_open(item.opened_at), "the budget: opened while the store was closed"
            assert not budget.is_quiet(HOURS, item.opened_at), "the budget: opened in quiet hours"
            assert roster.is_on_duty(item.assignee_id, HOURS, item.opened_at), "A10: nobody is at work"
            assert item.is_service or marketing_until(item, items, budget) <= budget.cap_touches, "the cap"
            others = [day_of(other) for other in items if is_beside(item, other)]
            assert day_of(item) not in others, "one day of one member is one task"

    def everything_adds_up_and_what_is_final_stays(self) -> None:
        picture = look(self.database, with_books=False)
        assert picture.violations() == []
        assert self.is_untidy or not picture.balance.differs, "A12: told at once, every step ends as it must"
        final = picture.final_facts()
        changed = {key: (fact, final.get(key)) for key, fact in self.final.items() if final.get(key) != fact}
        assert not changed, "A5: what is final changed"
        self.final = final


def marketing_until(item: WorkItem, items: list[WorkItem], budget: Budget) -> int:
    """How many marketing tasks count towards the cap as this one opens, with it: sent lately, or still open."""
    since = item.opened_at - timedelta(days=budget.cap_days)

    def counts(other: WorkItem) -> bool:
        if other.done_at is not None:
            return other.done_at > since
        was_open = other.closed_at is None or other.closed_at > item.opened_at
        return was_open and other.valid_until > item.opened_at

    before = [
        other
        for other in items
        if other.member_id == item.member_id
        and not other.is_service
        and (other.opened_at, other.id) < (item.opened_at, item.id)
    ]
    return sum(map(counts, before)) + 1


def is_beside(item: WorkItem, other: WorkItem) -> bool:
    """Another open task about the same member."""
    return (
        other.id != item.id
        and other.member_id == item.member_id
        and item.state == WorkState.OPEN
        and other.state == WorkState.OPEN
    )


def day_of(item: WorkItem) -> date:
    """The local day it is really for: that it was put off to."""
    instant: datetime = item.postponed_until or item.asked_at or item.opened_at
    return HOURS.local_date(instant)


def live_them(new_url: Callable[[], str], is_untidy: bool, examples: int) -> None:
    machine = type("LivesHere", (Lives,), {"new_url": staticmethod(new_url), "is_untidy": is_untidy})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * TIMES,
            stateful_step_count=25,
            deadline=None,
            derandomize=TIMES == 1,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_guarantees_hold_whatever_happens(new_database_url: Callable[[], str], database_kind: str):
    live_them(new_database_url, is_untidy=True, examples=7 if database_kind == "sqlite" else 4)


def test_told_at_once_and_never_down_each_step_ends_as_the_second_opinion_says(
    new_database_url: Callable[[], str], database_kind: str
):
    live_them(new_database_url, is_untidy=False, examples=4 if database_kind == "sqlite" else 2)
