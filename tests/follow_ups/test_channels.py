"""Group sends and moments, from the step that asks for them to what the customer read, against a sandbox process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import time

import pytest
from sqlalchemy import select, update

from app import clock
from app.db import Database
from app.errors import Conflict
from app.follow_ups.acts.kinds import SkipReason
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.channels import rules
from app.follow_ups.channels.calling import Came, Claim, Outcome, call
from app.follow_ups.channels.carriers import CARRIERS
from app.follow_ups.channels.models import OrderState, TargetState
from app.follow_ups.channels.ordering import claim
from app.follow_ups.channels.outcomes import record
from app.follow_ups.models import StepRecord
from app.follow_ups.states import Channel, Evidence
from app.lanes import Deadline
from app.members.service import members_by_code
from app.messaging.models import Notice, NoticeKind
from app.timers import Lane
from app.wecom.port import WeComPort
from app.worklist.attention import pause, read_budget, resume
from app.worklist.models import AttentionBudget
from app.worklist.touches import recent_touches
from tasks.lanes import run_lane
from tests.follow_ups.shop_floor import BOUGHT, DUE, WORDS, ShopFloor
from tests.wecom.local_sandbox import Counted, LocalSandbox
from tests.world import days

DAY = days("2031-03-03", 0)
ORDERING = "externalcontact/add_msg_template"
BEGINNING = "externalcontact/add_moment_task"
AFTER = ["http500_after", "drop_answer", "malformed"]
OpenFloor = Callable[..., ShopFloor]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_floor(database: Database, sandbox: LocalSandbox) -> Iterator[OpenFloor]:
    opened: list[ShopFloor] = []

    def open_(channel: str = "group_send") -> ShopFloor:
        opened.append(ShopFloor(database, sandbox, channel))
        return opened[-1]

    yield open_
    for floor in opened:
        floor.check()


@pytest.fixture
def floor(open_floor: OpenFloor) -> ShopFloor:
    return open_floor()


def test_members_of_one_step_make_one_group_send_and_are_done_when_it_is_confirmed(floor: ShopFloor):
    calls = Counted(floor.sandbox)
    floor.members("c1", "c2", "c3")
    floor.fall_due()
    assert calls[ORDERING] == 1
    (send,) = floor.on_phone()
    assert sorted(one["id"] for one in send["targets"]) == ["wm-c1", "wm-c2", "wm-c3"]
    assert floor.items("c1") == [("open", "")]
    floor.confirm_on_phone()
    floor.live(minutes=2)
    owner = floor.world.person("owner").id
    for code in ("c1", "c2", "c3"):
        assert floor.heard(code) == [WORDS]
        assert floor.items(code) == [("done", "done")]
        (task,) = floor.world.tasks(code)
        assert (task.evidence, task.completed_by) == (Evidence.WECOM_CONFIRMED, owner)
        assert task.sent_text == WORDS
    assert floor.states() == [OrderState.OVER]
    assert {target.month for target in floor.targets()} == {"2031-03"}


def test_words_for_one_customer_are_sent_to_nobody_else(floor: ShopFloor):
    floor.words("{member}您好，新款到店")
    floor.members("c1", "c2")
    floor.fall_due()
    assert len(floor.on_phone()) == 2
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert floor.heard("c1") == ["顾客c1您好，新款到店"]
    assert floor.heard("c2") == ["顾客c2您好，新款到店"]


def test_it_is_asked_of_and_credited_to_who_chatted_last(floor: ShopFloor):
    floor.members("d1")
    both = {
        "external_userid": "wm-d1",
        "name": "顾客d1",
        "follow": [{"userid": "owner"}, {"userid": "colleague"}],
    }
    floor.sandbox.control("PUT", "contacts", [both])
    floor.phones.say("colleague", "wm-d1")
    floor.fall_due()
    assert (floor.on_phone("owner"), len(floor.on_phone("colleague"))) == ([], 1)
    floor.live(minutes=2)
    assert floor.holder("d1") == "colleague"
    floor.confirm_on_phone("colleague")
    floor.live(minutes=2)
    (task,) = floor.world.tasks("d1")
    assert task.completed_by == floor.world.person("colleague").id
    assert floor.items("d1") == [("done", "done")]


def test_words_that_name_the_associate_are_sent_by_them(floor: ShopFloor):
    floor.words("我是{associate}，新款到店")
    floor.members("e1")
    both = {
        "external_userid": "wm-e1",
        "name": "顾客e1",
        "follow": [{"userid": "owner"}, {"userid": "colleague"}],
    }
    floor.sandbox.control("PUT", "contacts", [both])
    floor.phones.say("colleague", "wm-e1")
    floor.fall_due()
    assert (len(floor.on_phone("owner")), floor.on_phone("colleague")) == (1, [])


def test_what_cannot_be_said_is_known_before_another_task_gives_way_to_it(floor: ShopFloor):
    """The group send of more weight falls due on the day of somebody's chat: without words it takes no place."""
    calls = Counted(floor.sandbox)
    floor.words("{nickname}您好")
    floor.publish("chat", code="chat", priority=10)
    floor.members("c1")
    floor.fall_due()
    with floor.database.reading() as session:
        reasons = session.scalars(select(StepRecord.reason).order_by(StepRecord.reason)).all()
    assert reasons == ["due", "no_words"]
    assert floor.items("c1") == [("open", "")]
    assert (calls[ORDERING], floor.orders()) == (0, [])


def test_a_member_without_a_contact_cannot_be_reached(floor: ShopFloor):
    floor.world.member("c1", in_wecom=False)
    floor.members()
    floor.world.buy("c1", "2031-03-03 14:00")
    floor.fall_due()
    assert floor.world.steps("c1") == {(DAY, 1): "skipped no_channel"}


def test_the_quota_of_the_month_is_kept_before_anything_is_ordered(
    floor: ShopFloor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.follow_ups.channels.reaching.quota_of", lambda month: 1)
    floor.members("c1")
    floor.fall_due()
    floor.live_until("2031-03-10 14:00")
    floor.world.buy("c1", "2031-03-10 14:00")
    floor.live_until("2031-03-11 10:00")
    assert floor.world.steps("c1")[days("2031-03-10", 0), 1] == "skipped quota_full"


def test_who_had_enough_from_wecom_is_told_as_such(floor: ShopFloor):
    floor.phones.rules(quota="day")
    floor.members("c1", "c2")
    floor.fall_due()
    own = {"userid": "owner", "external_userids": ["wm-c1"], "text": {"content": "自己发的"}}
    floor.phones.act("group-sends", **own)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert floor.items("c1") == [("cancelled", "quota_full")]
    assert floor.items("c2") == [("done", "done")]


def test_who_is_no_friend_any_more_is_told_as_such(floor: ShopFloor):
    floor.members("c1", "c2")
    floor.fall_due()
    floor.sandbox.control("PUT", "contacts", [{"external_userid": "wm-c1", "name": "顾客c1", "follow": []}])
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert floor.items("c1") == [("cancelled", "no_channel")]
    assert floor.items("c2") == [("done", "done")]


def test_one_who_wants_none_is_taken_out_and_the_others_still_get_it(floor: ShopFloor):
    floor.members("c1", "c2")
    floor.fall_due()
    floor.opt_out("c1")
    floor.live(minutes=2)
    (send,) = floor.on_phone()
    assert [one["id"] for one in send["targets"]] == ["wm-c2"]
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert (floor.heard("c1"), floor.heard("c2")) == ([], [WORDS])
    assert floor.items("c1") == [("cancelled", "opted_out")]
    assert floor.items("c2") == [("done", "done")]
    assert floor.states() == [OrderState.TAKEN_BACK, OrderState.OVER]


def test_one_who_wants_none_before_it_is_made_is_left_out(floor: ShopFloor):
    floor.members("c1", "c2")
    floor.live_until(DUE)
    floor.opt_out("c1")
    floor.live(minutes=1)
    (send,) = floor.on_phone()
    assert [one["id"] for one in send["targets"]] == ["wm-c2"]
    assert sorted(one.state for one in floor.targets()) == [TargetState.RELEASED, TargetState.WAITING]


def test_what_nobody_confirms_is_reminded_of_once_and_taken_back_in_the_end(floor: ShopFloor):
    calls = Counted(floor.sandbox)
    floor.members("c1")
    floor.fall_due()
    floor.live(hours=4)
    floor.live(hours=4)
    assert calls["externalcontact/remind_groupmsg_send"] == 1
    floor.live_until("2031-03-07 10:01")
    floor.work()
    assert floor.on_phone() == []
    assert floor.items("c1") == [("expired", "validity_ended")]
    assert floor.states() == [OrderState.TAKEN_BACK]


def test_what_was_confirmed_after_the_task_had_ended_is_kept_with_it(floor: ShopFloor):
    floor.members("c1")
    floor.fall_due()
    floor.opt_out("c1")
    floor.confirm_on_phone()
    floor.live(minutes=2)
    (task,) = floor.world.tasks("c1")
    assert (floor.items("c1"), task.evidence) == ([("cancelled", "opted_out")], Evidence.WECOM_CONFIRMED)


@pytest.mark.parametrize("fault", AFTER)
@pytest.mark.parametrize("channel", ["group_send", "moment"])
def test_an_answer_that_was_lost_is_found_again_and_never_made_twice(
    open_floor: OpenFloor, channel: str, fault: str
):
    floor = open_floor(channel)
    path = ORDERING if channel == "group_send" else BEGINNING
    calls = Counted(floor.sandbox)
    floor.sandbox.plant(path, fault)
    floor.members("c1")
    floor.fall_due()
    assert floor.states() == [OrderState.DOUBTFUL]
    floor.live(minutes=1)
    floor.end_waits()
    floor.work()
    assert floor.states() == [OrderState.ORDERED]
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert floor.items("c1") == [("done", "done")]
    assert calls[path] == 1


def test_what_is_not_found_is_given_up_with_its_reason_and_not_made_again(floor: ShopFloor):
    calls = Counted(floor.sandbox)
    floor.sandbox.plant(ORDERING, "http500")
    floor.members("c1")
    floor.fall_due()
    for _ in rules.LOOKS:
        floor.end_waits()
        floor.work()
    assert floor.states() == [OrderState.UNKNOWN]
    assert floor.items("c1") == [("cancelled", "send_unknown")]
    assert (calls[ORDERING], floor.on_phone()) == (1, [])


def test_too_many_calls_only_make_it_wait(floor: ShopFloor):
    floor.sandbox.plant(ORDERING, "errcode", value=45009)
    floor.members("c1")
    floor.fall_due()
    assert floor.states() == [OrderState.READY]
    floor.port = floor.sandbox.app()  # as if WeCom's pause were over
    floor.end_waits()
    floor.work()
    assert floor.states() == [OrderState.ORDERED]
    assert len(floor.on_phone()) == 1


def test_nobody_to_send_to_closes_with_the_reason(floor: ShopFloor):
    floor.members("c1")
    floor.sandbox.plant(ORDERING, "errcode", value=41048)
    floor.fall_due()
    assert floor.items("c1") == [("cancelled", "quota_full")]
    assert floor.states() == [OrderState.REFUSED]


def test_a_refusal_closes_with_the_reason(floor: ShopFloor):
    floor.members("c1")
    floor.sandbox.plant(ORDERING, "errcode", value=40058)
    floor.fall_due()
    assert floor.items("c1") == [("cancelled", "wecom_refused")]


def test_a_moment_is_one_post_for_all_who_fall_due_that_day(open_floor: OpenFloor):
    floor = open_floor("moment")
    floor.words("{store}新款到店")
    calls = Counted(floor.sandbox)
    floor.members("c1", "c2")
    floor.fall_due()
    floor.live(minutes=3)
    (moment,) = floor.on_phone(kind="moments")
    assert moment["text"]["content"] == "南京路店新款到店"
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert [floor.items(code) for code in ("c1", "c2")] == [[("done", "done")]] * 2
    assert calls[BEGINNING] == 1
    assert {task.evidence for task in floor.world.tasks("c1")} == {Evidence.WECOM_CONFIRMED}


def test_associates_with_the_same_words_publish_what_one_call_made(open_floor: OpenFloor):
    floor = open_floor("moment")
    floor.words("{store}新款到店")
    calls = Counted(floor.sandbox)
    floor.members("c1")
    floor.members("c2", of="colleague")
    floor.fall_due()
    floor.live(minutes=2)
    assert [len(floor.on_phone(who, "moments")) for who in ("owner", "colleague")] == [1, 1]
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert (floor.items("c1"), floor.items("c2")) == ([("done", "done")], [("open", "")])
    floor.opt_out("c2", "colleague")
    floor.live(minutes=2)
    assert floor.on_phone("colleague", "moments") == []
    assert (calls[BEGINNING], sorted(floor.states())) == (1, [OrderState.OVER, OrderState.TAKEN_BACK])


def test_moments_are_made_no_faster_than_wecom_makes_them(open_floor: OpenFloor):
    floor = open_floor("moment")
    floor.words("我是{associate}，新款到店")
    calls = Counted(floor.sandbox)
    floor.members("c1")
    floor.members("c2", of="colleague")
    floor.fall_due()
    assert (calls[BEGINNING], floor.states().count(OrderState.GATHERING)) == (1, 1)
    floor.live(seconds=rules.PACE_OF_MOMENTS.total_seconds())
    assert (calls[BEGINNING], floor.states().count(OrderState.GATHERING)) == (2, 0)


def test_whoever_sees_a_moment_was_touched(open_floor: OpenFloor):
    """All the customers of the associate do, whether a task of theirs asked for it or not."""
    floor = open_floor("moment")
    floor.words("{store}新款到店")
    floor.know("c2")
    floor.members("c1")
    floor.fall_due()
    floor.live(minutes=2)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    floor.live(hours=1)
    with floor.database.reading() as session:
        members = members_by_code(session, ["c1", "c2"])
        found = recent_touches(session, members.values(), read_budget(session), clock.now(session))
    assert {code: len(found[member_id]) for code, member_id in members.items()} == {"c1": 1, "c2": 1}


def test_nobody_is_rung_in_quiet_hours(floor: ShopFloor):
    """What was gathered until they began waits for the morning, and only then stands on the phone."""
    with floor.database.transaction() as session:
        quiet = {"quiet_from": time(10, 0, 30), "quiet_until": time(9)}
        session.execute(update(AttentionBudget).values(**quiet))
    floor.members("c1")
    floor.fall_due()
    assert (floor.states(), floor.on_phone()) == ([OrderState.GATHERING], [])
    floor.live_until("2031-03-05 10:00")
    floor.work()
    assert (floor.states(), len(floor.on_phone())) == ([OrderState.ORDERED], 1)


def test_a_moment_never_names_a_customer(open_floor: OpenFloor):
    floor = open_floor("moment")
    floor.words("{member}买了{product}")
    floor.members("c1")
    floor.fall_due()
    assert floor.world.steps("c1") == {(DAY, 1): "skipped no_words"}
    assert floor.on_phone(kind="moments") == []


def test_a_mini_program_step_asks_the_associate_in_their_mini_program(open_floor: OpenFloor):
    floor = open_floor("mini_program")
    floor.members("c1")
    floor.live_until(DUE)
    (task,) = floor.world.tasks("c1")
    assert task.channel == Channel.CHAT
    with floor.database.reading() as session:
        assert session.scalars(select(Notice.kind)).all() == [NoticeKind.MINI_PROGRAM]


def test_one_that_turns_up_after_it_was_given_up_is_taken_back(floor: ShopFloor):
    floor.members("c1")
    floor.live_until(DUE)
    floor.pass_minute()
    floor.confirm()
    with floor.database.transaction() as session:
        _, (slow,) = claim(session, 8)
    for _ in range(len(rules.LOOKS) + 1):
        floor.end_waits()
        floor.order()
    assert floor.states() == [OrderState.UNKNOWN]
    made = CARRIERS[slow.channel].make(floor.port, slow.wish)
    with floor.database.transaction() as session:
        record(session, Outcome(slow, Came.MADE, made))
    assert len(floor.on_phone()) == 1
    floor.live(minutes=2)
    assert (floor.on_phone(), floor.states()) == ([], [OrderState.TAKEN_BACK])
    assert floor.items("c1") == [("cancelled", "send_unknown")]


def test_what_wecom_does_not_answer_for_is_given_up_a_day_after_its_end(floor: ShopFloor):
    floor.members("c1")
    floor.fall_due()
    floor.sandbox.plant("externalcontact/get_groupmsg_task", "errcode", times=None, value=41047)
    floor.live_until("2031-03-07 12:00")
    floor.work()
    assert floor.states() == [OrderState.ORDERED]
    floor.live_until("2031-03-08 14:00")
    floor.work()
    assert floor.states() == [OrderState.UNKNOWN]
    assert floor.items("c1") == [("expired", "validity_ended")]


def test_a_moment_that_is_out_serves_who_falls_due_later_that_day(open_floor: OpenFloor):
    floor = open_floor("moment")
    calls = Counted(floor.sandbox)
    seen = [{"external_userid": "wm-c2", "name": "顾客c2", "follow": [{"userid": "owner"}]}]
    floor.sandbox.control("PUT", "contacts", seen)
    floor.members("c1")
    floor.fall_due()
    floor.live(minutes=3)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert floor.states() == [OrderState.OVER]
    floor.world.member("c2")
    floor.world.buy("c2", BOUGHT)
    floor.live(minutes=2)
    assert floor.items("c2") == [("done", "done")]
    assert (calls[BEGINNING], floor.states()) == (1, [OrderState.OVER])


def test_an_undone_skip_is_sent_unless_the_customer_was_left_out_of_the_order_meanwhile(floor: ShopFloor):
    floor.members("c1", "c2")
    floor.live_until(DUE)
    for code in ("c1", "c2"):
        floor.act(code, skip_task, SkipReason.IN_TOUCH)
    floor.act("c1", undo)
    floor.live(minutes=1)
    with pytest.raises(Conflict, match="taken_back"):
        floor.act("c2", undo)
    floor.confirm_on_phone()
    floor.live(minutes=2)
    assert (floor.heard("c1"), floor.heard("c2")) == ([WORDS], [])
    assert floor.items("c1") == [("done", "done")]
    assert floor.items("c2") == [("cancelled", "skipped_in_touch")]


def test_a_pause_stops_what_is_being_ordered_before_the_next(
    floor: ShopFloor, monkeypatch: pytest.MonkeyPatch
):
    """A group send cannot be unsent: the lane is at it when headquarters pauses everything, and makes no other."""

    def pausing(port: WeComPort, its: Claim) -> Outcome:
        with floor.database.transaction() as session:
            pause(session, None)
        return call(port, its)

    monkeypatch.setattr("app.follow_ups.channels.ordering.BATCH", 1)
    monkeypatch.setattr("app.follow_ups.channels.ordering.call", pausing)
    floor.words("{member}您好，新款到店")
    floor.members("c1", "c2", "c3")
    floor.live_until(DUE)
    floor.pass_minute()
    floor.confirm()
    assert run_lane(floor.hands(), Lane.ORDER, Deadline(60)).done == 1
    assert run_lane(floor.hands(), Lane.ORDER, Deadline(60)).done == 0
    assert len(floor.on_phone()) == 1
    with floor.database.transaction() as session:
        resume(session, None)
    floor.work()
    assert len(floor.on_phone()) == 3
