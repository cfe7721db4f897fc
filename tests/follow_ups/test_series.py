"""A member's series from purchase to day 90, as stories on a migrated database of both kinds."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.associates.models import Associate
from app.clock import now
from app.db import Database
from app.errors import Forbidden, Invalid, NotFound
from app.follow_ups.firing import lane as firing
from app.follow_ups.forecast import upcoming_steps
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.reconciliation import reconcile
from app.follow_ups.service import complete_task
from app.follow_ups.states import Evidence
from app.messaging.models import Notice
from app.timers import Lane
from app.worklist.models import WorkItem
from tests.world import World, at, days, fire, purchase, refund


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def assert_balanced(world: World) -> None:
    with world.database.reading() as session:
        report = reconcile(session)
    assert report.balances, report.missing or report.unexplained
    assert not report.differs, report.differs
    world.assert_timers_are_their_owners()


def test_a_purchase_gives_five_tasks_at_their_instants(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:05")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-01 14:29")
    assert world.items("c1") == []
    world.live_until("2026-06-10 00:00")
    assert world.items("c1") == [
        ("购后致谢", "expired", "validity_ended"),
        ("3 天回访", "expired", "validity_ended"),
        ("30 天搭配", "expired", "validity_ended"),
        ("60 天上新", "expired", "validity_ended"),
        ("90 天邀约", "expired", "validity_ended"),
    ]
    day = days("2026-03-01", 0)
    assert world.steps("c1") == {(day, number): "opened due" for number in range(1, 6)}
    assert_balanced(world)


def test_the_words_name_the_article_and_the_reason(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:05")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-01 14:30")
    (task,) = world.tasks("c1")
    assert task.text == "顾客c1您好，我是南京路店owner，藏青西装"
    assert "藏青西装" in task.why
    assert "3月1日" in task.why
    assert task.channel == "chat"


def test_purchases_of_one_day_are_one_series_counted_from_the_first(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 16:00")
    world.buy("c1", "2026-03-01 15:50")
    world.buy("c1", "2026-03-01 15:40")  # reported late: minutes count from it
    world.live_until("2026-03-01 16:10")
    assert [title for title, *_ in world.items("c1")] == ["购后致谢"]
    world.live_until("2026-03-01 18:00")
    assert len(world.items("c1")) == 1
    assert_balanced(world)


def test_buying_again_restarts_the_short_steps_and_keeps_one_of_each_long(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-03 11:00")
    world.buy("c1", "2026-03-03 11:00")
    world.live_until("2026-07-01 00:00")
    first, second = days("2026-03-01", 0), days("2026-03-03", 0)
    assert world.steps("c1") == {
        (first, 1): "opened due",
        (first, 2): "cancelled new_purchase",
        (first, 3): "opened due",
        (first, 4): "opened due",
        (first, 5): "opened due",
        (second, 1): "opened due",
        (second, 2): "opened due",
        (second, 3): "merged kept_earlier",
        (second, 4): "merged kept_earlier",
        (second, 5): "merged kept_earlier",
    }
    assert_balanced(world)


def test_who_buys_every_twenty_days_still_reaches_day_sixty_and_ninety(world: World) -> None:
    world.member("c1")
    for purchase_day in ("2026-03-01", "2026-03-21", "2026-04-10", "2026-04-30", "2026-05-20"):
        world.live_until(f"{purchase_day} 14:00")
        world.buy("c1", f"{purchase_day} 14:00")
    world.live_until("2026-09-01 00:00")
    opened = [(on, step) for (on, step), what in world.steps("c1").items() if what == "opened due"]
    assert (days("2026-03-01", 0), 4) in opened
    assert (days("2026-03-01", 0), 5) in opened
    assert sorted(on for on, step in opened if step == 3) == [
        days("2026-03-01", 0),
        days("2026-04-10", 0),
        days("2026-05-20", 0),
    ]
    assert_balanced(world)


def test_what_is_promised_is_what_will_be_opened(world: World) -> None:
    """The page's outlook names no step that is already known to merge or to start anew."""
    member_id = world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-03 11:00")
    world.buy("c1", "2026-03-03 11:00")
    with world.database.reading() as session:
        promised = [(step.title, step.due_at) for step in upcoming_steps(session, member_id)]
    already = len(world.items("c1"))
    world.live_until("2026-07-01 00:00")
    with world.database.reading() as session:
        items = session.scalars(
            select(WorkItem).where(WorkItem.member_id == member_id).order_by(WorkItem.opened_at)
        )
        opened = [(item.title, item.due_at) for item in items]
    assert promised == opened[already:]
    assert len(promised) == 5


def test_a_newer_purchase_stops_day_three_whether_or_not_it_had_opened(world: World) -> None:
    """Told before the task opens or after: nobody is left with a question about the earlier purchase."""
    for code in ("told_early", "told_late"):
        world.member(code)
    world.live_until("2026-03-01 14:00")
    for code in ("told_early", "told_late"):
        world.buy(code, "2026-03-01 14:00")
    world.live_until("2026-03-03 09:00")
    world.sleep_until("2026-03-04 11:00")
    world.buy("told_early", "2026-03-04 10:30")
    world.run_lanes()
    world.buy("told_late", "2026-03-04 10:30")
    world.live_until("2026-03-04 11:05")
    assert [item[1:] for item in world.items("told_early") if item[0] == "3 天回访"] == []
    assert [item[1:] for item in world.items("told_late") if item[0] == "3 天回访"] == [
        ("cancelled", "new_purchase")
    ]
    assert_balanced(world)


def test_an_open_task_of_the_earlier_purchase_closes_when_the_member_buys_again(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-04 12:00")
    world.buy("c1", "2026-03-04 11:59")
    assert ("3 天回访", "cancelled", "new_purchase") in world.items("c1")
    assert_balanced(world)


def test_a_whole_refund_cancels_what_is_left_and_closes_what_is_open(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    ref = world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-04 12:00")
    world.refund("c1", "2026-03-04 11:30", ref)
    day = days("2026-03-01", 0)
    assert world.steps("c1") == {
        (day, 1): "opened due",
        (day, 2): "opened due",
        (day, 3): "cancelled refunded",
        (day, 4): "cancelled refunded",
        (day, 5): "cancelled refunded",
    }
    assert world.items("c1")[-1] == ("3 天回访", "cancelled", "refunded")
    assert_balanced(world)


def test_a_part_refund_stops_nothing(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.report(purchase("r1", "c1", at("2026-03-01 13:00"), quantity=2))
    world.refund("c1", "2026-03-01 13:30", "r1", quantity=1)
    world.live_until("2026-03-04 10:00")
    assert len(world.items("c1")) == 2
    world.refund("c1", "2026-03-04 10:00", "r1", quantity=1)
    assert world.items("c1")[-1] == ("3 天回访", "cancelled", "refunded")
    assert_balanced(world)


def test_an_exchange_on_the_same_day_is_followed_up_all_the_same(world: World) -> None:
    """M brought back, L taken home: the first series ends, the second counts."""
    world.member("c1")
    world.live_until("2026-03-01 14:10")
    first = world.buy("c1", "2026-03-01 14:00")
    world.refund("c1", "2026-03-01 14:05", first)
    world.buy("c1", "2026-03-01 14:06")
    world.live_until("2026-03-01 14:36")
    assert [state for _, state, _ in world.items("c1")] == ["open"]
    assert_balanced(world)


def test_a_refund_known_before_its_purchase_waits_for_it(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 15:00")
    world.report(refund("C1", "c1", at("2026-03-01 14:30"), cancels="r1"))
    world.report(purchase("r1", "c1", at("2026-03-01 14:00")))
    assert set(world.steps("c1").values()) == {"cancelled refunded"}
    assert_balanced(world)


def test_without_wecom_the_associate_is_asked_to_invite(world: World) -> None:
    world.member("c1", in_wecom=False)
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.live_until("2026-03-01 14:30")
    assert [task.channel for task in world.tasks("c1")] == ["invite"]


def test_without_owner_the_manager_is_asked_and_without_manager_nobody(world: World) -> None:
    world.member("c1", owner=None)
    world.member("c2", owner="owner")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.buy("c2", "2026-03-01 14:00")
    world.live_until("2026-03-01 14:30")
    with world.database.reading() as session:
        assert len(list(session.query(Notice))) == 2
    with world.database.transaction() as session:
        for person in session.query(Associate):
            person.ended_at = now(session)
    world.live_until("2026-03-04 10:00")
    assert world.steps("c1")[days("2026-03-01", 0), 2] == "skipped nobody_to_ask"
    assert_balanced(world)


def test_a_day_down_opens_late_what_is_still_worth_it(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 14:00")
    world.sleep_until("2026-03-05 09:00")
    world.run_lanes()
    day = days("2026-03-01", 0)
    assert world.steps("c1") == {(day, 1): "expired too_late"}, (
        "the store is closed: nobody is there to be asked"
    )
    world.live_until("2026-03-05 10:00")
    assert world.steps("c1") == {(day, 1): "expired too_late", (day, 2): "opened late"}
    world.assert_timers_are_their_owners()


def test_history_starts_nothing_that_is_over(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-01-15 14:00", time_known=False)
    day = days("2026-01-15", 0)
    assert world.steps("c1") == {
        (day, 1): "skipped time_unknown",
        (day, 2): "expired before_start",
        (day, 3): "expired before_start",
    }
    world.live_until("2026-05-01 00:00")
    assert [title for title, *_ in world.items("c1")] == ["60 天上新", "90 天邀约"]
    assert_balanced(world)


def test_facts_only_enrolls_nobody(world: World) -> None:
    world.member("c1")
    world.live_until("2026-03-01 14:00")
    world.report(purchase("r1", "c1", at("2026-03-01 13:00")), enrolls=False)
    assert world.steps("c1") == {}
    assert_balanced(world)


def test_one_enrollment_that_cannot_be_fired_holds_up_nobody_else(world: World) -> None:
    codes = [f"c{number}" for number in range(9)]
    for code in codes:
        world.member(code)
    world.live_until("2026-03-01 14:00")
    for code in codes:
        world.buy(code, "2026-03-01 14:00")
    with world.database.transaction() as session:
        poison = session.scalars(select(Enrollment).order_by(Enrollment.id)).all()[4]
        poison.next_step_no = 99
    world.live_until("2026-03-01 14:30")
    assert sum(len(world.items(code)) for code in codes) == 8
    with world.database.reading() as session:
        states = [row.state for row in session.scalars(select(Enrollment).order_by(Enrollment.id))]
        report = reconcile(session)
    assert states[4] == "quarantined"
    assert states.count("active") == 8
    assert report.settled[1, "quarantined: IndexError"] == 1
    assert report.balances
    world.assert_timers_are_their_owners()


class TestCompleting:
    @pytest.fixture
    def task(self, world: World) -> FollowUpTask:
        world.member("c1")
        world.member("c2")
        world.live_until("2026-03-01 14:00")
        world.buy("c1", "2026-03-01 14:00")
        world.live_until("2026-03-01 14:31")
        (task,) = world.tasks("c1")
        return task

    def complete(
        self, world: World, task: FollowUpTask, who: str = "owner", chat: str = "wm-c1", text: str = "好"
    ) -> str:
        with world.database.transaction() as session:
            view = complete_task(
                session,
                world.actor(who),
                task.id,
                external_userid=chat,
                evidence=Evidence.CLIENT_REPORTED,
                sent_text=text,
            )
            return view.state

    def test_sending_in_the_chat_completes_with_evidence(self, world: World, task: FollowUpTask) -> None:
        assert self.complete(world, task) == "done"
        (done,) = world.tasks("c1")
        assert (done.evidence, done.sent_text) == ("client_reported", "好")
        assert_balanced(world)

    def test_completing_twice_keeps_the_first(self, world: World, task: FollowUpTask) -> None:
        self.complete(world, task, text="first")
        self.complete(world, task, text="second")
        assert [done.sent_text for done in world.tasks("c1")] == ["first"]

    def test_a_colleague_does_not_even_see_it_and_the_manager_may_not_do_it(
        self, world: World, task: FollowUpTask
    ) -> None:
        with pytest.raises(NotFound):
            self.complete(world, task, who="colleague")
        with pytest.raises(Forbidden):
            self.complete(world, task, who="manager")

    def test_another_members_chat_is_refused(self, world: World, task: FollowUpTask) -> None:
        with pytest.raises(NotFound):
            self.complete(world, task, chat="wm-c2")

    def test_a_word_is_no_evidence_for_a_chat(self, world: World, task: FollowUpTask) -> None:
        with pytest.raises(Invalid), world.database.transaction() as session:
            complete_task(
                session,
                world.actor("owner"),
                task.id,
                external_userid=None,
                evidence=Evidence.SELF_DECLARED,
                sent_text=None,
            )

    def test_what_was_sent_is_kept_though_the_task_had_expired(
        self, world: World, task: FollowUpTask
    ) -> None:
        world.live_until("2026-03-02 12:00")
        assert self.complete(world, task) == "expired"
        assert [late.sent_text for late in world.tasks("c1")] == ["好"]


def test_what_is_no_rows_fault_is_told_at_once(database: Database, monkeypatch: pytest.MonkeyPatch):
    """Halving a batch ends at one row, which is set aside; where not even that can be read the lane says so."""

    def fail(*_args: object) -> None:
        raise LookupError("no timers")

    monkeypatch.setattr(firing, "take_due", fail)
    with pytest.raises(LookupError):
        fire(database, Lane.DAYS)
