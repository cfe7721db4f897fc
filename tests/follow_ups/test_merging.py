"""One task for what falls on one day: what else it does, and what becomes of that when the task is stopped."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.db import Database
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import SkipReason
from app.follow_ups.acts.members import opt_out
from app.follow_ups.acts.postponing import postpone_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.queries import get_task
from app.follow_ups.service import claim_sending, complete_task
from app.follow_ups.serving import also_served, titles_served
from app.follow_ups.states import Evidence
from tests.checker import violations
from tests.follow_ups.triggering import TriggerWorld, plan_of

CAME = date(2026, 3, 1)


def with_priority(plan: dict[str, Any], priority: int, **changes: Any) -> dict[str, Any]:
    """The plan with steps of that priority, named by the plan."""
    steps = [{**step, "priority": priority, "title": plan["code"], **changes} for step in plan["steps"]]
    return {**plan, "steps": steps}


@pytest.fixture
def world(database: Database) -> TriggerWorld:
    """A member who came on 1 March; two plans ask a day and a week later, the more important one until they reply."""
    world = TriggerWorld(database)
    world.publish(with_priority(plan_of("first", "visit", stops={"reply": True}), 80))
    world.publish(with_priority(plan_of("second", "visit"), 50))
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.happen("visit", "c1", "2026-03-01 14:00", reason="size")
    return world


def states(world: TriggerWorld) -> list[tuple[str, str, str]]:
    assert violations(world.database) == []
    world.assert_timers_are_their_owners()
    return world.items("c1")


def test_a_task_says_what_else_it_does(world: TriggerWorld):
    world.live_until("2026-03-02 12:00")
    (task,) = world.tasks("c1")
    with world.database.reading() as session:
        view = get_task(session, world.actor("owner"), task.id)
        (other,) = also_served(session, view)
        assert titles_served(session, [view]) == {task.id: ["second"]}
    assert (view.title, other.title, other.plan_name, other.anchor_on) == ("first", "second", "second", CAME)
    assert other.why == "那件"
    assert "顾客c1" in other.text


@pytest.mark.parametrize(("day", "step"), [("2026-03-02", 1), ("2026-03-08", 2)])
def test_what_a_stopped_task_did_besides_is_asked_for_by_itself(world: TriggerWorld, day: str, step: int):
    """In the middle of its series, and after its last step, when the series had come to its end."""
    world.live_until(f"{day} 12:00")
    assert states(world)[-1] == ("first", "open", "")
    world.happen("reply", "c1", f"{day} 12:00")
    world.live_until(f"{day} 12:01")
    assert states(world)[-2:] == [("first", "cancelled", "replied"), ("second", "open", "")]
    world.live_until("2026-04-01 12:00")
    assert [item[0] for item in states(world)].count("second") == 3 - step
    assert {end for plan, _, end in world.series() if plan == "second"} == {"finished"}


def test_what_is_worth_nothing_any_more_or_went_on_meanwhile_stays_as_it_was(database: Database):
    world = TriggerWorld(database)
    world.publish(with_priority(plan_of("first", "visit", stops={"reply": True}), 80, valid="9 days"))
    world.publish(with_priority(plan_of("second", "visit"), 50, valid="2 days"))
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.happen("visit", "c1", "2026-03-01 14:00", reason="size")
    world.live_until("2026-03-04 12:00")
    world.happen("reply", "c1", "2026-03-04 12:00")
    world.live_until("2026-03-04 12:01")
    assert [item[1:] for item in states(world)] == [("cancelled", "replied")]


def test_who_opts_out_is_asked_for_nothing(world: TriggerWorld):
    world.live_until("2026-03-08 12:00")
    with world.database.transaction() as session:
        member_id = get_task(session, world.actor("owner"), world.tasks("c1")[0].id).member_id
        opt_out(session, world.actor("owner"), member_id, Tap("key-0001"))
    world.live_until("2026-04-01 12:00")
    assert {item[1] for item in states(world)} == {"expired", "cancelled"}
    assert len(world.items("c1")) == 2


def test_what_was_put_off_is_of_the_day_it_was_put_off_to(database: Database):
    world = TriggerWorld(database)
    world.publish(with_priority(plan_of("first", "visit"), 80))
    world.publish(with_priority(plan_of("other", "review"), 50))
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.happen("visit", "c1", "2026-03-01 14:00", reason="size")
    world.live_until("2026-03-02 10:30")
    with world.database.transaction() as session:
        task_id = world.tasks("c1")[0].id
        postpone_task(session, world.actor("owner"), task_id, Tap("key-0002"), date(2026, 3, 4))
    world.happen("review", "c1", "2026-03-01 15:00", key="one", stars=5)
    world.live_until("2026-03-02 11:00")
    assert states(world) == [("first", "open", ""), ("other", "open", "")]
    world.happen("review", "c1", "2026-03-03 15:00", key="two", stars=5)
    world.live_until("2026-03-04 12:00")
    assert states(world) == [("first", "open", ""), ("other", "cancelled", "new_purchase")]
    assert world.steps("c1")[date(2026, 3, 3), 1] == "merged same_day"


def test_what_takes_a_tasks_place_does_what_that_did_besides(world: TriggerWorld):
    world.publish(with_priority(plan_of("third", "review", stops={"reply": True}), 90))
    world.live_until("2026-03-02 12:00")
    world.happen("review", "c1", "2026-03-01 15:00", stars=5)
    world.live_until("2026-03-02 12:01")
    assert states(world) == [("first", "cancelled", "same_day"), ("third", "open", "")]
    world.happen("reply", "c1", "2026-03-02 12:02")
    world.live_until("2026-03-02 12:03")
    assert states(world)[1:] == [("third", "cancelled", "replied"), ("second", "open", "")]


def both(database: Database, first: dict[str, Any], second: dict[str, Any], until: str) -> TriggerWorld:
    """The same with other steps, or stops, of the two plans."""
    world = TriggerWorld(database)
    for code, priority, changes in (("first", 80, first), ("second", 50, second)):
        stops = changes.pop("stops", None)
        plan = plan_of(code, "visit", stops=stops)
        if "after" in changes:
            plan["steps"] = plan["steps"][:1]
        world.publish(with_priority(plan, priority, **changes))
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.happen("visit", "c1", "2026-03-01 14:00", reason="size")
    world.live_until(until)
    return world


def test_what_an_expired_task_did_besides_is_asked_for_while_it_is_worth_it(database: Database):
    world = both(database, {"valid": "1 days"}, {}, "2026-03-03 12:00")
    assert states(world) == [("first", "expired", "validity_ended"), ("second", "open", "")]


@pytest.mark.parametrize(
    ("reason", "left"),
    [(SkipReason.WRONG_PERSON, [("second", "open", "")]), (SkipReason.NOT_INTERESTED, [])],
)
def test_a_skip_settles_what_a_task_did_besides_only_for_a_reason_of_the_members(
    world: TriggerWorld, reason: SkipReason, left: list[tuple[str, str, str]]
):
    """Once it cannot be undone any more; undone, the two are one again."""
    world.live_until("2026-03-02 12:00")
    (task,) = world.tasks("c1")
    for number in range(2):
        with world.database.transaction() as session:
            skip_task(session, world.actor("owner"), task.id, Tap(f"key-skip-{number}"), reason)
        if not number:
            with world.database.transaction() as session:
                undo(session, world.actor("owner"), task.id, Tap("key-undo"))
            world.live_until("2026-03-02 12:06")
            assert states(world) == [("first", "open", "")]
    world.live_until("2026-03-02 12:10")
    assert states(world) == [("first", "cancelled", reason)]
    world.live_until("2026-03-02 12:12")
    assert states(world)[1:] == left


def test_what_is_being_sent_keeps_its_place_and_what_is_more_important_waits(database: Database):
    """It was sent after all, and the promise is asked for by itself."""
    world = both(database, {"after": "1 days at 10:05", "service": True}, {}, "2026-03-02 10:01")
    (task,) = world.tasks("c1")
    with world.database.transaction() as session:
        claim_sending(session, world.actor("owner"), task.id, "a page")
    world.live_until("2026-03-02 10:05")
    assert states(world) == [("second", "open", "")]
    with world.database.transaction() as session:
        complete_task(
            session,
            world.actor("owner"),
            task.id,
            external_userid="wm-c1",
            evidence=Evidence.CLIENT_REPORTED,
            sent_text="x",
        )
    world.live_until("2026-03-02 10:10")
    assert states(world) == [("second", "done", "done"), ("first", "open", "")]


def test_a_group_send_says_nothing_else_and_what_falls_on_its_day_is_asked_for_beside_it(database: Database):
    world = both(database, {"channel": "group_send"}, {}, "2026-03-02 12:00")
    assert states(world) == [("first", "open", ""), ("second", "open", "")]


@pytest.mark.parametrize(("day", "step"), [("2026-03-02", 1), ("2026-03-08", 2)])
def test_what_a_task_does_besides_is_not_shown_any_more_once_its_own_series_has_ended(
    database: Database, day: str, step: int
):
    world = both(database, {}, {"stops": {"reply": True}}, f"{day} 12:00")
    world.happen("reply", "c1", f"{day} 12:00")
    assert states(world)[-1] == ("first", "open", "")
    assert [end for plan, _, end in world.series() if plan == "second"] == ["replied"]
    with world.database.reading() as session:
        task = max(world.tasks("c1"), key=lambda one: one.step_no)
        view = get_task(session, world.actor("owner"), task.id)
        assert also_served(session, view) == []
