"""What is not sent, or not yet, or to somebody else, and why: stories on a migrated database of both kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import date, time
from typing import Any

import pytest
from sqlalchemy import select, update

from app.associates.models import Associate, Role, Shift
from app.clock import now
from app.db import Database
from app.follow_ups.forecast import upcoming_steps
from app.follow_ups.history import step_history
from app.follow_ups.measuring.models import ScriptResult
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.service import complete_task
from app.follow_ups.states import Arm, Evidence
from app.ids import new_id
from app.members.models import Member, MemberCare
from app.members.service import NewContact, bind_contacts, lock_members
from app.sales_scripts.models import SalesScript
from app.worklist.attention import pause, resume
from app.worklist.models import AttentionBudget, WorkItem, WorkState
from app.worklist.service import close_items
from tests.checker import violations
from tests.follow_ups.measuring.test_attributing import ledger
from tests.world import PLAN, World, days

DAY = days("2026-03-01", 0)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def plan_of(code: str, *steps: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A second plan after purchases; each step is the 30 days' one of the first with changes."""
    like = PLAN["steps"][2]
    own = [{**like, "kind": f"{code}{number}", **step} for number, step in enumerate(steps)]
    return {**deepcopy(PLAN), "code": code, "name": code, "steps": own, **changes}


def add_plan(world: World, raw: dict[str, Any]) -> None:
    with world.database.transaction() as session:
        publish(session, raw)


def replace_plan(world: World, *steps: Mapping[str, Any], **changes: Any) -> None:
    """From now on purchases ask for this and nothing else."""
    add_plan(world, plan_of(PLAN["code"], *steps, **changes))


def set_budget(world: World, **values: Any) -> None:
    with world.database.transaction() as session:
        session.execute(update(AttentionBudget).values(**values))


def buy_at_two(world: World, code: str = "c1", **member: Any) -> int:
    member_id = world.member(code, **member)
    world.live_until("2026-03-01 14:00")
    world.buy(code, "2026-03-01 14:00")
    return member_id


def who_has_it(world: World, code: str = "c1") -> list[str]:
    with world.database.reading() as session:
        query = select(Associate.name).join(WorkItem, WorkItem.assignee_id == Associate.id)
        return list(session.scalars(query.order_by(WorkItem.id)))


def waiting_for(world: World) -> list[str]:
    with world.database.reading() as session:
        return list(session.scalars(select(Enrollment.waiting_for).order_by(Enrollment.id)))


def add_shift(world: World, who: str, day: str, *times: time) -> None:
    """A shift from the first to the second time, or a day off."""
    starts_at, ends_at = times or (None, None)
    with world.database.transaction() as session:
        session.add(
            Shift(
                associate_id=world.person(who).id,
                work_on=date.fromisoformat(day),
                starts_at=starts_at,
                ends_at=ends_at,
            )
        )


def add_manager(world: World, userid: str) -> None:
    """Another manager of the store, who came after those there are."""
    with world.database.transaction() as session:
        its = {"wecom_userid": userid, "name": userid, "role": Role.STORE_MANAGER}
        store_id = world.person("manager").store_id
        session.add(Associate(id=new_id(session), store_id=store_id, **its))


def assert_sound(world: World) -> None:
    assert violations(world.database) == []
    world.assert_timers_are_their_owners()


def test_who_wants_none_is_left_alone(world: World) -> None:
    member_id = buy_at_two(world)
    with world.database.transaction() as session:
        session.execute(
            update(MemberCare).where(MemberCare.member_id == member_id).values(opted_out_at=now(session))
        )
    world.live_until("2026-03-04 11:00")
    assert world.steps("c1") == {(DAY, 1): "skipped opted_out", (DAY, 2): "skipped opted_out"}
    assert_sound(world)


def test_a_step_whose_condition_does_not_hold_is_skipped(world: World) -> None:
    replace_plan(
        world,
        {"after": "1 days", "when": "orders >= 2"},
        {"after": "2 days", "when": "orders < 2"},
    )
    buy_at_two(world)
    world.live_until("2026-03-04 11:00")
    assert world.steps("c1") == {(DAY, 1): "skipped condition", (DAY, 2): "opened due"}
    assert_sound(world)


def test_a_held_out_member_is_given_nothing_and_each_step_says_so(world: World) -> None:
    buy_at_two(world)
    buy_at_two(world, "c2")
    with world.database.transaction() as session:
        first = session.scalars(select(Enrollment).order_by(Enrollment.id)).first()
        assert first is not None
        first.arm = Arm.GLOBAL_HOLD_OUT
    world.live_until("2026-06-02 00:00")
    assert set(world.steps("c1").values()) == {"withheld global_hold_out"}
    assert len(world.steps("c1")) == 5
    assert world.items("c1") == []
    assert len(world.items("c2")) == 5
    assert_sound(world)


def test_what_is_late_at_night_opens_when_the_store_does(world: World) -> None:
    buy_at_two(world)
    world.sleep_until("2026-03-01 23:00")
    world.run_lanes()
    assert world.items("c1") == []
    assert waiting_for(world) == ["quiet_hours"]
    world.live_until("2026-03-02 09:59")
    assert world.items("c1") == []
    world.live_until("2026-03-02 10:00")
    assert world.steps("c1") == {(DAY, 1): "opened late"}
    assert waiting_for(world) == [""]
    assert_sound(world)


def test_quiet_hours_that_outlast_a_step_end_it(world: World) -> None:
    set_budget(world, quiet_from=time(14, 15), quiet_until=time(13))
    buy_at_two(world)
    world.live_until("2026-03-02 12:00")
    assert world.steps("c1") == {(DAY, 1): "expired quiet_hours"}
    assert_sound(world)


class TestWho:
    def test_an_owner_who_is_off_is_waited_for(self, world: World) -> None:
        add_shift(world, "owner", "2026-03-04")
        buy_at_two(world)
        world.live_until("2026-03-04 12:00")
        assert world.steps("c1") == {(DAY, 1): "opened due"}
        assert waiting_for(world) == ["off_duty"]
        world.live_until("2026-03-05 10:00")
        assert world.steps("c1")[DAY, 2] == "opened due"
        assert who_has_it(world) == ["owner", "owner"]
        assert_sound(world)

    def test_a_colleague_whom_the_member_knows_stands_in(self, world: World) -> None:
        add_shift(world, "owner", "2026-03-04")
        member_id = buy_at_two(world)
        with world.database.transaction() as session:
            contact = NewContact("wm-c1", "c1", member_id, world.person("colleague").id)
            bind_contacts(session, [contact], now(session))
        world.live_until("2026-03-04 10:00")
        assert who_has_it(world) == ["owner", "colleague"]
        assert [task.channel for task in world.tasks("c1")] == ["chat", "chat"]

    def test_where_the_owner_does_not_come_back_in_time_the_manager_is_asked(self, world: World) -> None:
        for day in ("2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"):
            add_shift(world, "owner", day)
        buy_at_two(world)
        world.live_until("2026-03-04 10:00")
        assert who_has_it(world) == ["owner", "manager"]

    def test_where_nobody_is_on_duty_in_time_it_is_skipped(self, world: World) -> None:
        for day in ("2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"):
            add_shift(world, "owner", day)
            add_shift(world, "manager", day)
        buy_at_two(world)
        world.live_until("2026-03-04 10:00")
        assert world.steps("c1")[DAY, 2] == "skipped off_duty"
        assert_sound(world)

    def test_a_step_may_be_the_managers(self, world: World) -> None:
        replace_plan(world, {"after": "1 days", "who": "manager"})
        buy_at_two(world)
        world.live_until("2026-03-02 10:00")
        assert who_has_it(world) == ["manager"]

    def test_of_several_managers_the_first_on_duty_is_asked(self, world: World) -> None:
        """The longest-serving one where they are there, else who is; nobody waits for a manager who is off."""
        replace_plan(world, {"after": "1 days", "who": "manager"}, {"after": "2 days", "who": "manager"})
        add_manager(world, "deputy")
        add_shift(world, "manager", "2026-03-02")
        buy_at_two(world)
        world.live_until("2026-03-03 10:00")
        assert who_has_it(world) == ["deputy", "manager"]
        assert_sound(world)

    def test_where_none_of_them_is_the_next_to_come_is_waited_for(self, world: World) -> None:
        replace_plan(world, {"after": "1 days", "who": "manager"})
        add_manager(world, "deputy")
        for who, days_off in (("manager", ("02", "03", "04")), ("deputy", ("02",))):
            for day in days_off:
                add_shift(world, who, f"2026-03-{day}")
        buy_at_two(world)
        world.live_until("2026-03-02 12:00")
        assert waiting_for(world) == ["off_duty"]
        world.live_until("2026-03-03 10:00")
        assert who_has_it(world) == ["deputy"]
        assert_sound(world)

    def test_any_manager_on_duty_is_asked_for_an_owner_who_does_not_come_back(self, world: World) -> None:
        add_manager(world, "deputy")
        for day in ("2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07"):
            add_shift(world, "owner", day)
            add_shift(world, "manager", day)
        buy_at_two(world)
        world.live_until("2026-03-04 10:00")
        assert who_has_it(world) == ["owner", "deputy"]

    def test_or_anybodys_on_shift_and_then_a_contact_comes_first(self, world: World) -> None:
        replace_plan(world, {"after": "1 days", "who": "on_shift"}, {"after": "2 days", "who": "on_shift"})
        for who in ("owner", "manager"):
            add_shift(world, who, "2026-03-02")
        buy_at_two(world)
        world.live_until("2026-03-03 10:00")
        assert who_has_it(world) == ["colleague", "owner"]
        assert_sound(world)


class TestChannels:
    def test_a_call_and_a_word_in_the_store_need_no_contact(self, world: World) -> None:
        replace_plan(
            world, {"after": "1 days", "channel": "phone"}, {"after": "2 days", "channel": "in_store"}
        )
        buy_at_two(world, in_wecom=False)
        world.know_phone("c1")
        world.live_until("2026-03-03 10:00")
        assert [task.channel for task in world.tasks("c1")] == ["phone", "in_store"]
        assert all("藏青西装" in task.text for task in world.tasks("c1"))

    def test_nobody_is_asked_to_call_who_has_no_number(self, world: World) -> None:
        replace_plan(
            world,
            {"after": "1 days", "channel": "phone"},
            {"after": "2 days", "channel": "in_store", "when": "not has_phone"},
        )
        buy_at_two(world)
        buy_at_two(world, "c2")
        world.know_phone("c2")
        world.live_until("2026-03-03 12:00")
        assert world.steps("c1") == {(DAY, 1): "skipped no_phone", (DAY, 2): "opened due"}
        assert world.steps("c2") == {(DAY, 1): "opened due", (DAY, 2): "skipped condition"}
        assert_sound(world)


class TestTheCap:
    def marketing(self, world: World) -> None:
        """Four steps of marketing a day apart, each worth something for as long as it says."""
        replace_plan(
            world,
            {"after": "1 days"},
            {"after": "2 days"},
            {"after": "3 days"},
            {"after": "4 days", "valid": "9 days"},
        )

    def finish(self, world: World, code: str = "c1") -> None:
        for task in world.tasks(code):
            if task.evidence is None:
                with world.database.transaction() as session:
                    complete_task(
                        session,
                        world.actor("owner"),
                        task.id,
                        external_userid=f"wm-{code}",
                        evidence=Evidence.CLIENT_REPORTED,
                        sent_text="好",
                    )

    def test_more_marketing_than_the_cap_waits_or_is_left_out(self, world: World) -> None:
        self.marketing(world)
        buy_at_two(world)
        for day in (2, 3, 4, 5):
            world.live_until(f"2026-03-0{day} 10:30")
            self.finish(world)
        assert world.steps("c1") == {
            (DAY, 1): "opened due",
            (DAY, 2): "opened due",
            (DAY, 3): "skipped member_cap",
        }
        assert waiting_for(world) == ["member_cap"]
        world.live_until("2026-03-09 09:59")
        assert (DAY, 4) not in world.steps("c1")
        world.live_until("2026-03-09 10:31")
        assert world.steps("c1")[DAY, 4] == "opened due"
        assert_sound(world)

    def test_what_was_sent_late_or_though_it_was_closed_counts_from_when_it_was_sent(
        self, world: World
    ) -> None:
        set_budget(world, cap_touches=1)
        replace_plan(
            world,
            {"after": "1 days", "valid": "9 days"},
            {"after": "3 days"},
            {"after": "12 days", "valid": "9 days"},
        )
        member_id = buy_at_two(world)
        world.live_until("2026-03-10 12:00")
        assert world.steps("c1")[DAY, 2] == "skipped member_cap"  # the first may still be sent
        with world.database.transaction() as session:
            lock_members(session, [member_id])
            close_items(
                session, [world.tasks("c1")[0].work_item_id], WorkState.CANCELLED, "refunded", now(session)
            )
        world.sleep_until("2026-03-10 12:01")
        self.finish(world)
        assert [state for _, state, _ in world.items("c1")] == ["cancelled"]
        world.live_until("2026-03-17 12:00")
        assert waiting_for(world) == ["member_cap"]
        world.buy("c1", "2026-03-17 12:00")
        assert [entry.task_id for entry in ledger(world)] == [world.tasks("c1")[0].id]
        world.live_until("2026-03-17 12:02")
        assert world.steps("c1")[DAY, 3] == "opened due"
        assert_sound(world)

    def test_day_three_is_asked_about_however_much_there_was(self, world: World) -> None:
        set_budget(world, cap_touches=1)
        add_plan(world, plan_of("more", {"after": "1 days"}, {"after": "2 days"}))
        buy_at_two(world)
        for day in (2, 3, 4):
            world.live_until(f"2026-03-0{day} 10:30")
            self.finish(world)
        titles = [title for title, *_ in world.items("c1")]
        assert titles == ["购后致谢", "30 天搭配", "3 天回访"]
        assert_sound(world)

    def test_no_promise_waits_behind_marketing_of_its_own_series(self, world: World) -> None:
        set_budget(world, cap_touches=1, cap_days=9)
        replace_plan(
            world,
            {"after": "1 days"},
            {"after": "2 days", "valid": "9 days"},
            {"after": "4 days", "service": True},
        )
        buy_at_two(world)
        world.live_until("2026-03-02 10:30")
        self.finish(world)
        world.live_until("2026-03-03 10:30")
        assert waiting_for(world) == ["member_cap"]
        world.live_until("2026-03-05 10:30")
        assert world.steps("c1") == {
            (DAY, 1): "opened due",
            (DAY, 2): "skipped gave_way",
            (DAY, 3): "opened due",
        }
        assert_sound(world)


class TestOneDay:
    def test_what_falls_on_one_day_is_one_task_the_most_important(self, world: World) -> None:
        add_plan(world, plan_of("also", {"after": "3 days", "title": "另外"}))
        member_id = buy_at_two(world)
        world.live_until("2026-03-04 11:00")
        assert [title for title, *_ in world.items("c1")] == ["购后致谢", "3 天回访"]
        with world.database.reading() as session:
            merged = session.scalars(select(StepRecord).where(StepRecord.reason == "same_day")).one()
            fit = session.scalars(select(FollowUpTask).where(FollowUpTask.id == merged.task_id)).one()
            assert (merged.outcome, fit.step_no) == ("merged", 2)
            told = [view for view in step_history(session, member_id) if view.reason == "same_day"]
        assert [(view.title, view.task_state) for view in told] == [("另外", None)]
        assert_sound(world)

    def test_a_promise_takes_the_place_of_what_was_opened_before_it(self, world: World) -> None:
        add_plan(world, plan_of("also", {"after": "1 days", "title": "另外"}))
        buy_at_two(world)
        world.live_until("2026-03-02 10:30")
        world.buy("c1", "2026-03-02 10:30")
        world.live_until("2026-03-02 11:30")
        assert world.items("c1")[1:] == [("另外", "cancelled", "same_day"), ("购后致谢", "open", "")]
        assert_sound(world)

    def test_what_was_done_in_the_morning_takes_nothing_in(self, world: World) -> None:
        add_plan(world, plan_of("also", {"after": "3 days at 15:00", "title": "另外"}))
        buy_at_two(world)
        world.live_until("2026-03-04 11:00")
        TestTheCap().finish(world)
        world.live_until("2026-03-04 15:00")
        assert [title for title, *_ in world.items("c1")] == ["购后致谢", "3 天回访", "另外"]
        assert_sound(world)


class TestPausing:
    def test_nothing_opens_and_afterwards_what_is_worth_it_opens_and_says_so(self, world: World) -> None:
        buy_at_two(world)
        with world.database.transaction() as session:
            pause(session, None)
        world.live_until("2026-03-05 11:00")
        assert world.items("c1") == []
        with world.database.transaction() as session:
            resume(session, None)
        world.live_until("2026-03-05 11:01")
        assert world.steps("c1") == {(DAY, 1): "expired paused", (DAY, 2): "opened after_pause"}
        assert_sound(world)


class TestWords:
    def script(self, world: World, code: str) -> None:
        with world.database.transaction() as session:
            session.add(
                SalesScript(id=new_id(session), code=code, title=code, scene="", body=f"{code}: {{member}}")
            )

    def test_the_first_rule_that_holds_says_which_script(self, world: World) -> None:
        for code in ("regulars", "everybody"):
            self.script(world, code)
        scripts = [{"when": "orders >= 2", "use": "regulars"}, {"use": ["everybody", "matching_30d"]}]
        step = {"after": "1 days", "scripts": scripts}
        plan = plan_of(PLAN["code"], step)
        del plan["steps"][0]["script"]
        add_plan(world, plan)
        buy_at_two(world)
        world.live_until("2026-03-02 10:00")
        (task,) = world.tasks("c1")
        assert (task.script_code, task.text) == ("everybody", "everybody: 顾客c1")
        assert json.loads(task.chosen_because) == {"rule": 2, "reason": "switched_off"}

    def test_a_plan_that_learns_takes_what_worked_and_says_why(self, world: World) -> None:
        for code in ("good", "bad"):
            self.script(world, code)
        plan = plan_of(PLAN["code"], {"after": "1 days", "scripts": ["bad", "good"]}, learn=True)
        del plan["steps"][0]["script"]
        add_plan(world, plan)
        member_id = buy_at_two(world)
        with world.database.transaction() as session:
            enrollment = session.scalars(select(Enrollment).where(Enrollment.member_id == member_id)).one()
            for code, succeeded in (("good", 400), ("bad", 5)):
                session.add(
                    ScriptResult(
                        plan_id=enrollment.plan_id,
                        step_kind="after_purchase0",
                        script_code=code,
                        sent=1000,
                        succeeded=succeeded,
                        counted_at=now(session),
                    )
                )
        world.live_until("2026-03-02 10:00")
        (task,) = world.tasks("c1")
        why = json.loads(task.chosen_because)
        assert why["best"] == "good"
        assert why["reason"] == ("best_so_far" if task.script_code == "good" else "explored")
        assert why["chance"] == (0.95 if task.script_code == "good" else 0.05)
        assert (why["sent"], why["succeeded"]) == (1000, 400 if task.script_code == "good" else 5)


def test_a_list_begins_with_promises_then_goes_by_what_the_member_is_worth(world: World) -> None:
    replace_plan(world, {"after": "1 days"})
    spent = {"rich": 500_000, "usual": 50_000, "small": 100}
    for code in spent:
        world.member(code)
    for number in range(9):
        world.member(f"m{number}")
    world.live_until("2026-03-01 14:00")
    for code, price in spent.items():
        world.buy(code, "2026-03-01 14:00", price=price)
    for number in range(9):
        world.buy(f"m{number}", "2026-03-01 14:00", price=10_000 + 2_000 * number)
    world.live_until("2026-03-02 10:00")
    with world.database.reading() as session:
        rows = session.execute(
            select(Member.name, WorkItem.rank, WorkItem.value_fen).join(
                WorkItem, WorkItem.member_id == Member.id
            )
        ).all()
    found = {name: (rank, value_fen) for name, rank, value_fen in rows}
    assert found["顾客rich"] == (300_000 + 5_000, 500_000)
    assert found["顾客usual"] == (200_000 + 5_000, 50_000)
    assert found["顾客small"] == (100_000 + 5_000, 100)
    assert sorted(rank // 100_000 for rank, _ in found.values()) == [1] * 7 + [2] * 4 + [3]


def test_the_outlook_names_one_task_a_day_and_nothing_for_who_wants_none(world: World) -> None:
    add_plan(world, plan_of("also", {"after": "3 days", "title": "另外"}))
    member_id = buy_at_two(world)
    with world.database.reading() as session:
        titles = [step.title for step in upcoming_steps(session, member_id)]
    assert titles == ["购后致谢", "3 天回访", "30 天搭配", "60 天上新", "90 天邀约"]
    with world.database.transaction() as session:
        session.execute(update(MemberCare).values(opted_out_at=now(session)))
    with world.database.reading() as session:
        assert upcoming_steps(session, member_id) == []
