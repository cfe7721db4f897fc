"""What ends series, as each plan says; one outcome whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpPlan
from app.follow_ups.series.stopping import members_under_way, stop_for, stop_plan
from app.follow_ups.states import StepReason
from app.inbound.events import OwnerNamed
from app.members.service import lock_members
from app.timers import Lane
from tests.follow_ups.triggering import TriggerWorld, plan_of
from tests.world import PLAN, at, fire


@pytest.fixture
def world(database: Database) -> TriggerWorld:
    return TriggerWorld(database)


def stop(world: TriggerWorld, member_id: int, reason: StepReason, when: str) -> None:
    with world.database.transaction() as session:
        lock_members(session, [member_id])
        stop_for(session, {member_id: at(when)}, reason, clock.now(session))


def hand_over(world: TriggerWorld, when: str) -> None:
    """Headquarters names somebody else as the member's owner."""
    owner = {"15:00": "colleague", "16:00": "manager"}[when[-5:]]
    (result,) = world.report(OwnerNamed(when, "S1", "c1", owner, at(when), True))
    assert result.status == "applied"


ENDED_BY: dict[str, tuple[StepReason, Callable[[TriggerWorld, str], object]]] = {
    "purchase": (StepReason.BOUGHT, lambda world, when: world.buy("c1", when)),
    "reply": (StepReason.REPLIED, lambda world, when: world.happen("reply", "c1", when, when)),
    "unfriend": (
        StepReason.UNFRIENDED,
        lambda world, when: world.happen("unfriended", "c1", when, when, by="member"),
    ),
    "hand_over": (StepReason.HANDED_OVER, hand_over),
}


@pytest.mark.parametrize("name", sorted(ENDED_BY))
def test_a_plan_ends_by_what_it_names_and_by_nothing_else(world: TriggerWorld, name: str):
    world.publish(plan_of("ends", "visit", stops={name: True}))
    world.publish(plan_of("goes_on", "visit", stops=dict.fromkeys(ENDED_BY.keys() - {name}, True)))
    world.member("c1")
    world.happen("visit", "c1", "2026-02-28 14:00", reason="size")
    reason, it_happens = ENDED_BY[name]
    it_happens(world, "2026-02-28 15:00")
    assert sorted(world.series()) == [
        ("ends", "event:visit:k", reason),
        ("goes_on", "event:visit:k", "active"),
    ]
    it_happens(world, "2026-02-28 16:00")
    records = world.steps("c1")
    assert records == {(date(2026, 2, 28), number): f"cancelled {reason}" for number in (1, 2)}
    world.assert_timers_are_their_owners()


def test_opting_out_ends_everything(world: TriggerWorld):
    world.publish(plan_of("visits", "visit"))
    member_id = world.member("c1")
    world.happen("visit", "c1", "2026-02-28 14:00", reason="size")
    stop(world, member_id, StepReason.OPTED_OUT, "2026-02-28 15:00")
    assert world.series() == [("visits", "event:visit:k", "opted_out")]


def test_what_had_happened_before_a_series_began_ends_nothing(world: TriggerWorld):
    world.publish(plan_of("visits", "visit", stops={"reply": True}))
    world.member("c1")
    world.happen("visit", "c1", "2026-02-28 14:00", reason="size")
    world.happen("reply", "c1", "2026-02-28 13:00")
    assert world.series() == [("visits", "event:visit:k", "active")]


def test_what_was_told_before_its_series_began_ends_it_all_the_same(world: TriggerWorld):
    world.publish(plan_of("chats", "visit", stops={"reply": True, "unfriend": True}))
    world.publish(plan_of("owners", "visit", stops={"hand_over": True}))
    world.member("c1")
    world.happen("reply", "c1", "2026-02-28 15:00")
    hand_over(world, "2026-02-28 15:00")
    world.happen("visit", "c1", "2026-02-28 14:00", reason="size")
    world.happen("visit", "c1", "2026-02-28 15:30", "later", reason="size")
    assert sorted(world.series()) == [
        ("chats", "event:visit:k", "replied"),
        ("chats", "event:visit:later", "active"),
        ("owners", "event:visit:k", "handed_over"),
        ("owners", "event:visit:later", "active"),
    ]


def test_an_open_task_is_closed_with_the_reason_and_a_done_step_stays(world: TriggerWorld):
    world.publish(plan_of("visits", "visit", stops={"reply": True}))
    world.member("c1")
    world.happen("visit", "c1", "2026-02-28 14:00", reason="size")
    world.live_until("2026-03-01 12:00")
    assert [state for _, state, _ in world.items("c1")] == ["open"]
    world.happen("reply", "c1", "2026-03-01 11:00")
    assert [item[1:] for item in world.items("c1")] == [("cancelled", "replied")]
    assert world.steps("c1")[date(2026, 2, 28), 1].startswith("opened")
    assert world.steps("c1")[date(2026, 2, 28), 2] == "cancelled replied"


@pytest.mark.parametrize(
    ("refund", "after_part", "after_whole"),
    [
        ("whole", "active", "refunded"),
        ("part", "refunded", "refunded"),
        ("none", "active", "active"),
    ],
)
def test_a_refund_ends_a_series_as_its_plan_says(
    world: TriggerWorld, refund: str, after_part: str, after_whole: str
):
    world.publish(PLAN | {"code": "p", "stops": {"refund": refund}})
    world.member("c1")
    ref = world.buy("c1", "2026-02-28 14:00")
    other = world.buy("c1", "2026-02-28 15:00")
    world.refund("c1", "2026-02-28 16:00", ref)
    assert world.series() == [("p", "purchase:2026-02-28", after_part)]
    world.refund("c1", "2026-02-28 17:00", other)
    assert world.series() == [("p", "purchase:2026-02-28", after_whole)]


def test_a_refund_of_purchases_ends_no_series_that_began_otherwise(world: TriggerWorld):
    world.publish(plan_of("visits", "visit"))
    world.member("c1")
    world.happen("visit", "c1", "2026-02-28 13:00", reason="size")
    world.refund("c1", "2026-02-28 16:00", world.buy("c1", "2026-02-28 14:00"))
    assert world.series() == [("visits", "event:visit:k", "active")]


def test_a_series_that_a_purchase_began_is_ended_by_one_of_a_later_day_only(world: TriggerWorld):
    world.publish(plan_of("bought", "purchase", stops={"purchase": True}))
    world.member("c1")
    world.buy("c1", "2026-02-27 14:00")
    world.buy("c1", "2026-02-27 18:00")
    assert world.series() == [("bought", "purchase:2026-02-27", "active")]
    world.buy("c1", "2026-02-28 18:00")
    assert world.series() == [
        ("bought", "purchase:2026-02-27", "bought"),
        ("bought", "purchase:2026-02-28", "active"),
    ]


def test_a_purchase_of_a_day_whose_series_was_ended_begins_none(world: TriggerWorld):
    world.publish(plan_of("bought", "purchase", stops={"reply": True}))
    world.member("c1")
    world.buy("c1", "2026-02-28 14:00")
    world.happen("reply", "c1", "2026-02-28 15:00")
    world.buy("c1", "2026-02-28 18:00")
    assert world.series() == [("bought", "purchase:2026-02-28", "replied")]


def test_who_is_in_a_withdrawn_plan_goes_on_unless_it_is_asked_to_end(world: TriggerWorld):
    version = world.publish(plan_of("visits", "visit"))
    for code in ("c1", "c2"):
        world.member(code)
        world.happen("visit", code, "2026-02-28 14:00", reason="size")
    world.withdraw(version.plan_id)
    world.happen("visit", "c1", "2026-02-28 15:00", key="later", reason="size")
    assert {series[2] for series in world.series()} == {"active"}
    assert len(world.series()) == 2
    with world.database.transaction() as session:
        plan_id = session.scalars(select(FollowUpPlan.id).where(FollowUpPlan.code == "visits")).one()
        members = members_under_way(session, plan_id, after=0, limit=10)
        lock_members(session, members)
        assert stop_plan(session, plan_id, members, clock.now(session)) == 2
        assert members_under_way(session, plan_id, after=0, limit=10) == []
    assert {series[2] for series in world.series()} == {"plan_ended"}
    world.assert_timers_are_their_owners()


def told_of_a_reply(session: Session, member_id: int) -> None:
    lock_members(session, [member_id])
    stop_for(session, {member_id: at("2026-03-01 09:30")}, StepReason.REPLIED, clock.now(session))


def test_ending_and_firing_at_once_have_one_outcome(world: TriggerWorld):
    """Many members whose step is due while they answer: of each either a task that is closed, or no task at all."""
    world.publish(plan_of("visits", "visit", stops={"reply": True}))
    codes = [f"c{number}" for number in range(12)]
    members = {code: world.member(code) for code in codes}
    for code in codes:
        world.happen("visit", code, "2026-02-28 14:00", reason="size")
    world.sleep_until("2026-03-01 10:00")
    begin = threading.Barrier(3)
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            begin.wait(60)
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    def answer(some: list[str]) -> None:
        for code in some:
            world.database.in_transaction(partial(told_of_a_reply, member_id=members[code]))

    threads = [
        threading.Thread(target=run, args=[lambda: fire(world.database, Lane.DAYS)]),
        threading.Thread(target=run, args=[lambda: answer(codes[::2])]),
        threading.Thread(target=run, args=[lambda: answer(codes[1::2])]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {series[2] for series in world.series()} == {"replied"}
    for code in codes:
        steps, items = world.steps(code), world.items(code)
        assert steps[date(2026, 2, 28), 2] == "cancelled replied"
        was_opened = steps[date(2026, 2, 28), 1].startswith("opened")
        assert [item[1:] for item in items] == ([("cancelled", "replied")] if was_opened else [])
    world.assert_timers_are_their_owners()
