"""Who has not done a task in time is reminded once, then the manager is told once; an outage blames nobody (A9)."""

from __future__ import annotations

import json
from datetime import time, timedelta

import pytest
from sqlalchemy import update

from app import clock
from app.associates.models import Associate, Role
from app.members.models import Heartbeat
from app.messaging.models import NoticeKind
from app.wecom.errors import WeComRetryable
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items
from tests.worklist.shop import Shop, at

LONG = timedelta(days=5)


@pytest.fixture(autouse=True)
def four_hours_then_a_day(shop: Shop) -> None:
    shop.budget(urge_after_minutes=240, escalate_after_minutes=1440, daily_capacity=50)
    shop.sleep_until("2026-03-02 10:00")


def urges(shop: Shop) -> list[tuple[str, str]]:
    return [(whom, when) for whom, _, when in shop.told(NoticeKind.URGE)]


def escalations(shop: Shop) -> list[tuple[str, str, str]]:
    return shop.told(NoticeKind.ESCALATION)


def test_the_assignee_is_reminded_once_then_the_manager_is_told_once(shop: Shop):
    (item,) = shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-06 22:00")
    assert urges(shop) == [("ann", "03-02 14:10")]
    assert escalations(shop) == [("mia", "ann", "03-03 14:30")]
    assert shop.item(item).urge_level == 2


def test_what_is_done_is_urged_no_more(shop: Shop):
    done, cancelled = shop.give("ann", 20, 10, valid_for=LONG)
    shop.live_until("2026-03-02 13:00")
    shop.finish(done)
    shop.live_until("2026-03-02 15:00")
    with shop.database.transaction() as session:
        close_items(session, [cancelled], WorkState.CANCELLED, "refunded", clock.now(session))
    shop.live_until("2026-03-05 22:00")
    assert urges(shop) == [("ann", "03-02 14:10")]
    assert escalations(shop) == []


def test_only_working_time_counts_until_the_reminder(shop: Shop):
    shop.shift("ann", "2026-03-02", (12, 20))
    shop.shift("ann", "2026-03-03", None)
    shop.shift("ann", "2026-03-04", (15, 22))
    shop.sleep_until("2026-03-02 18:00")
    shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-04 22:00")
    # in whole steps of ten minutes: not quite two hours on the second, none on the third, the rest on the fourth
    assert urges(shop) == [("ann", "03-04 17:10")]


def test_nobody_is_reminded_in_quiet_hours(shop: Shop):
    shop.budget(quiet_from=time(12), quiet_until=time(15))
    shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-02 22:00")
    assert urges(shop) == [("ann", "03-02 17:10")]


def test_what_ends_soon_is_urged_with_half_of_its_time_left(shop: Shop):
    """Thanks for a purchase of the evening before are opened at ten and over at noon."""
    shop.budget(escalate_after_minutes=55)
    shop.give("ann", 10, valid_until=at("2026-03-02 12:00"))
    shop.live_until("2026-03-02 22:00")
    assert urges(shop) == [("ann", "03-02 11:00")]
    assert escalations(shop) == [("mia", "ann", "03-02 11:57")], "before it ends, though at no round time"


def test_half_of_the_time_left_is_half_of_its_working_time(shop: Shop):
    """Until noon there are three hours in the evening and two in the morning; until the store opens there is one."""
    shop.budget(urge_after_minutes=1440)
    shop.sleep_until("2026-03-02 19:00")
    shop.give("ann", 10, valid_until=at("2026-03-03 12:00"))
    shop.sleep_until("2026-03-02 21:00")
    shop.give("ben", 10, valid_until=at("2026-03-03 10:00"))
    shop.live_until("2026-03-03 22:00")
    assert urges(shop) == [("ann", "03-02 21:30"), ("ben", "03-02 21:30")]


def test_nobody_is_urged_of_what_ends_at_once(shop: Shop):
    (item,) = shop.give("ann", 10, valid_for=timedelta(minutes=10))
    assert shop.item(item).next_urge_at is None


def test_what_ends_before_is_not_escalated(shop: Shop):
    (other,) = shop.give("ann", 10, valid_for=timedelta(hours=24))
    shop.live_until("2026-03-04 22:00")
    assert urges(shop) == [("ann", "03-02 14:10")]
    assert escalations(shop) == []
    assert shop.item(other).close_reason == "validity_ended"


def test_many_at_once_are_one_line(shop: Shop):
    shop.give("ann", 30, 20, 10, valid_for=LONG)
    shop.live_until("2026-03-03 22:00")
    to_ann, to_mia = (json.loads(body) for body in shop.wecom.bodies)
    assert to_ann["touser"] == "ann"
    assert "3 项任务还没做" in json.dumps(to_ann, ensure_ascii=False)
    assert to_mia["touser"] == "mia"
    assert "ann：3 项任务还没做" in json.dumps(to_mia, ensure_ascii=False)
    assert "顾客" not in json.dumps(to_mia, ensure_ascii=False)


def test_after_an_outage_the_reminder_comes_first_and_the_time_counts_anew(shop: Shop):
    shop.give("ann", 10, valid_for=LONG)
    shop.sleep_until("2026-03-04 11:00")
    shop.live_until("2026-03-04 22:00")
    assert urges(shop) == [("ann", "03-04 11:00")]
    assert escalations(shop) == []
    shop.live_until("2026-03-05 22:00")
    assert escalations(shop) == [("mia", "ann", "03-05 11:20")]


def test_an_outage_before_the_manager_is_told_gives_the_assignee_their_time_again(shop: Shop):
    shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-02 15:00")
    shop.sleep_until("2026-03-04 12:00")
    shop.live_until("2026-03-04 22:00")
    assert escalations(shop) == []
    shop.live_until("2026-03-05 22:00")
    assert escalations(shop) == [("mia", "ann", "03-05 12:10")]


def test_an_outage_between_the_two_counts_too_though_it_is_over(shop: Shop):
    shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-02 15:00")
    with shop.database.transaction() as session:
        real = clock.real_now(session)
        session.add(Heartbeat(name="web", beaten_at=real, back_at=at("2026-03-03 09:00")))
    shop.live_until("2026-03-03 22:00")
    assert escalations(shop) == []
    shop.live_until("2026-03-04 22:00")
    assert escalations(shop) == [("mia", "ann", "03-04 10:00")]


def test_while_wecom_does_not_deliver_the_reminder_the_manager_is_told_nothing(shop: Shop):
    (item_id,) = shop.give("ann", 10, valid_for=LONG)
    shop.wecom.answers.extend([WeComRetryable("message/send", "away")] * 200)
    shop.live_until("2026-03-05 22:00")
    assert urges(shop) == [("ann", "03-02 14:10")]
    assert escalations(shop) == []
    with shop.database.reading() as session:
        looks_again_at = session.get_one(WorkItem, item_id).next_urge_at
    assert looks_again_at is not None
    assert looks_again_at > at("2026-03-06 12:00"), "once a day: sooner there can be nothing to tell"


def test_of_somebody_who_left_the_manager_hears_in_time(shop: Shop):
    shop.give("ann", 10, valid_for=LONG)
    with shop.database.transaction() as session:
        left = update(Associate).where(Associate.id == shop.ids["ann"])
        session.execute(left.values(ended_at=clock.now(session)))
    shop.live_until("2026-03-04 22:00")
    assert urges(shop) == []
    assert escalations(shop) == [("mia", "ann", "03-03 14:30")]


def test_a_manager_is_not_told_of_themselves_and_a_store_without_one_tells_nobody(shop: Shop):
    shop.give("mia", 10, valid_for=LONG)
    shop.live_until("2026-03-04 22:00")
    assert urges(shop) == [("mia", "03-02 14:10")]
    with shop.database.transaction() as session:
        demoted = update(Associate).where(Associate.id == shop.ids["mia"])
        session.execute(demoted.values(role=Role.ASSOCIATE))
    shop.give("ann", 10, valid_for=LONG)
    shop.live_until("2026-03-08 22:00")
    assert escalations(shop) == []


def test_what_ended_during_an_outage_is_nobodys_fault_whichever_lane_comes_first(shop: Shop):
    shop.give("ann", 10, valid_for=timedelta(days=2))
    shop.live_until("2026-03-02 15:00")
    shop.sleep_until("2026-03-05 11:00")
    shop.urge()
    assert escalations(shop) == []
    shop.live_until("2026-03-05 12:00")
    assert escalations(shop) == []
