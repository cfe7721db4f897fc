"""More than somebody can do on a day: the most valuable stays, the rest goes elsewhere with its reason."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import update

from app import clock
from app.associates.models import Associate
from app.messaging.models import NoticeKind, NoticeState
from app.worklist.balancing import OVER_CAPACITY
from app.worklist.models import BalanceSchedule, Elsewhere, WorkItem, WorkState
from app.worklist.service import move_items, postpone_items
from tests.worklist.shop import Shop, at, shown


def test_nothing_is_looked_at_while_everybody_can_do_what_they_have(shop: Shop):
    shop.budget(daily_capacity=3)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 10, 20, 30)
    shop.sleep_until("2026-03-02 10:01")
    assert shop.balance() == 0
    assert shop.at_hand("ann") == {10, 20, 30}


def test_the_most_valuable_stay_and_the_rest_waits_for_the_next_working_day(shop: Shop):
    shop.budget(daily_capacity=2)
    shop.shift("ann", "2026-03-03", None)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 10, 40, 20, 30)
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {30, 40}
    assert shop.overflows() == [(20, "postponed", "", "03-04 10:00"), (10, "postponed", "", "03-04 10:00")]


def test_what_ends_before_the_next_working_day_is_dropped_and_says_why(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    kept, dropped = shop.give("ann", 20, 10, valid_for=timedelta(hours=25))
    shop.live_until("2026-03-02 10:05")
    assert shop.item(kept).state == WorkState.OPEN
    assert (shop.item(dropped).state, shop.item(dropped).close_reason) == (
        WorkState.CANCELLED,
        OVER_CAPACITY,
    )
    assert shop.overflows() == [(10, "dropped", "", "")]


def test_a_promise_is_never_given_up_and_takes_its_place(shop: Shop):
    shop.budget(daily_capacity=2)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 1_000_000, 1_000_001, 1_000_002, is_service=True)
    shop.give("ann", 30)
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {1_000_000, 1_000_001, 1_000_002}
    assert shop.overflows() == [(30, "postponed", "", "03-03 10:00")]


def test_what_was_done_today_counts(shop: Shop):
    shop.budget(daily_capacity=2)
    shop.sleep_until("2026-03-02 10:00")
    shop.finish(*shop.give("ann", 10, 20))
    shop.give("ann", 30)
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == set()


def test_what_was_done_yesterday_does_not(shop: Shop):
    shop.budget(daily_capacity=2)
    shop.sleep_until("2026-03-02 10:00")
    shop.finish(*shop.give("ann", 10, 20))
    shop.sleep_until("2026-03-03 10:00")
    shop.give("ann", 30, 40)
    shop.live_until("2026-03-03 10:05")
    assert shop.at_hand("ann") == {30, 40}


def test_a_colleague_with_room_who_knows_the_member_takes_over(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    kept, moved = shop.give("ann", 20, 10, contacts=("ben",))
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {20}
    assert shop.at_hand("ben") == {10}
    assert shop.overflows() == [(10, "moved", "ben", "")]
    assert shop.reworded == {moved: shop.ids["ben"]}
    assert [(whom, when) for whom, _, when in shop.told(NoticeKind.OPENED)] == [("ben", "03-02 10:00")]
    assert shop.item(kept).assignee_id == shop.ids["ann"]


def test_what_cannot_wait_is_called_by_a_colleague_where_the_number_is_known(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    _, called, dropped = shop.give("ann", 30, 20, 10, valid_until=at("2026-03-02 21:00"))
    shop.number(called)
    shop.live_until("2026-03-02 10:05")
    assert [(rank, kind) for rank, kind, *_ in shop.overflows()] == [(20, "called"), (10, "dropped")]
    assert (shop.called, shop.item(called).elsewhere) == ({called}, Elsewhere.ANYBODY)
    assert (shop.item(called).assignee_id, shop.item(dropped).state) != (shop.ids["ann"], "open")


def test_colleagues_get_no_more_than_they_can_and_the_least_busy_comes_first(shop: Shop):
    shop.budget(daily_capacity=3)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ben", 1, 2)
    shop.give("ann", 90, 80, 70, 60, 50, 40, 30, 20, contacts=("ben", "cai"))
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {90, 80, 70}
    assert shop.at_hand("cai") == {60, 50, 30}
    assert shop.at_hand("ben") == {1, 2, 40}
    assert [kind for rank, kind, *_ in shop.overflows() if rank == 20] == ["postponed"]


def test_a_colleague_who_is_off_today_takes_nothing(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.shift("ben", "2026-03-02", None)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 20, 10, contacts=("ben",))
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ben") == set()


def test_a_call_may_be_made_by_any_colleague_and_an_invitation_by_nobody_else(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 30)
    shop.give("ann", 20, elsewhere=Elsewhere.ANYBODY)
    shop.give("ann", 10, contacts=("ben", "cai", "mia"), elsewhere=Elsewhere.NOBODY)
    shop.live_until("2026-03-02 10:05")
    assert shop.overflows() == [(20, "moved", "ben", ""), (10, "postponed", "", "03-03 10:00")]


def test_what_is_confirmed_together_in_one_act_takes_up_no_room(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 5, 6, 7, elsewhere=Elsewhere.TOGETHER)
    shop.give("ann", 30, 20)
    shop.live_until("2026-03-02 10:05")
    assert shop.overflows() == [(20, "postponed", "", "03-03 10:00")]


def test_what_waited_comes_back_with_a_notice_and_competes_again_until_its_time_is_over(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    best, waiting = shop.give("ann", 30, 20)
    shop.live_until("2026-03-02 10:05")
    shop.finish(best)
    shop.live_until("2026-03-03 10:05")
    assert shop.at_hand("ann") == {20}
    assert [(whom, when) for whom, _, when in shop.told()] == [("ann", "03-03 10:00")]
    shop.give("ann", 25)
    shop.live_until("2026-03-04 10:05")
    assert shop.at_hand("ann") == {25}
    assert shop.overflows() == [
        (20, "postponed", "", "03-03 10:00"),
        (20, "postponed", "", "03-04 10:00"),
        (20, "dropped", "", ""),
    ]
    assert shop.item(waiting).close_reason == OVER_CAPACITY


def test_a_task_put_off_by_a_person_is_back_at_its_time(shop: Shop):
    shop.sleep_until("2026-03-02 10:00")
    (item,) = shop.give("ann", 10)
    with shop.database.transaction() as session:
        postpone_items(session, {item: at("2026-03-02 15:00")})
    assert shop.at_hand("ann") == set()
    shop.live_until("2026-03-02 15:05")
    assert shop.at_hand("ann") == {10}
    assert [(whom, when) for whom, _, when in shop.told()] == [("ann", "03-02 15:00")]
    assert shown(shop.item(item).asked_at) == "03-02 15:00"


def test_a_digest_tells_only_of_what_stayed(shop: Shop):
    """The balance comes before the digest is gathered, and what went elsewhere is not told of."""
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    shop.tell("ann", *shop.give("ann", 30, 20))
    shop.tell("ann", *shop.give("ann", 10, contacts=("ben",)))
    shop.live_until("2026-03-02 10:05")
    to_ann, to_ben = (json.loads(body) for body in shop.wecom.bodies)
    assert (to_ann["touser"], to_ben["touser"]) == ("ann", "ben")
    assert shop.notice_states("ann") == [NoticeState.GATHERED, NoticeState.DROPPED, NoticeState.DROPPED]


def test_what_is_handed_to_somebody_counts_for_them(shop: Shop):
    shop.budget(daily_capacity=2)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ben", 50, 40)
    (handed,) = shop.give("ann", 60, contacts=("ben",))
    with shop.database.transaction() as session:
        assert move_items(session, {handed: shop.ids["ben"]}, clock.now(session)) == [handed]
        assert move_items(session, {handed: shop.ids["ben"]}, clock.now(session)) == []
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ben") == {60, 50}


def test_what_is_being_sent_is_looked_at_again_once_that_is_over(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    items = shop.give("ann", 20, 10)
    with shop.database.transaction() as session:
        until = clock.real_now(session) + timedelta(seconds=75)
        for item in items:
            session.get_one(WorkItem, item).claimed_until = until
    shop.sleep_until("2026-03-02 10:01")
    shop.balance()
    with shop.database.transaction() as session:
        again = session.get_one(BalanceSchedule, shop.ids["ann"]).next_due_at
        assert again is not None
        assert timedelta(0) < again - clock.now(session) <= timedelta(seconds=75)
        for item in items:
            session.get_one(WorkItem, item).claimed_until = None
    shop.live_until("2026-03-02 10:03")
    assert shop.at_hand("ann") == {20}


def test_a_worklist_of_somebody_who_left_is_left_alone(shop: Shop):
    shop.budget(daily_capacity=1)
    shop.sleep_until("2026-03-02 10:00")
    shop.give("ann", 20, 10)
    with shop.database.transaction() as session:
        left = update(Associate).where(Associate.id == shop.ids["ann"])
        session.execute(left.values(ended_at=clock.now(session)))
    shop.live_until("2026-03-02 10:05")
    assert shop.at_hand("ann") == {20, 10}
