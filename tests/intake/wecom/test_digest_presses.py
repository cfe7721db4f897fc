"""Pressing "later" on a digest: what of it is still to be done waits two hours, and the card says so once."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from sqlalchemy import select

from app import clock
from app.follow_ups.acts.kinds import Act
from app.follow_ups.models import CareAct
from app.lanes import Deadline
from app.messaging.card_presses import LATER
from app.messaging.digests import DigestSender, gather_due
from app.messaging.models import CardPress, OutboundMessage
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from app.worklist.models import WorkItem, WorkState
from app.worklist.queries import open_items
from app.worklist.service import close_items
from tests.intake.wecom.conftest import Desk
from tests.intake.wecom.fake_corp import event
from tests.world import at

SENDER = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)


def told(desk: Desk, *codes: str, at_noon: str = "2026-03-01 12:30") -> str:
    """A digest of one task for each customer, and the id of its card."""
    desk.world.live_until("2026-03-01 12:00")
    for code in codes:
        desk.world.member(code)
        desk.world.buy(code, "2026-03-01 12:00")
    desk.world.live_until(at_noon)
    desk.world.sleep_until("2026-03-01 12:33")
    assert gather_due(desk.database, SENDER, Deadline(60)).done == 1
    with desk.database.reading() as session:
        body = session.scalars(select(OutboundMessage.body)).one()
    card_id: str = json.loads(body)["template_card"]["task_id"]
    return card_id


def press(card: str, when: str = "2026-03-01 12:35", who: str = "owner", code: str = "rc1") -> WeComEvent:
    return event(
        "template_card_event",
        int(at(when).timestamp()),
        FromUserName=who,
        EventKey=LATER,
        TaskId=card,
        CardType="button_interaction",
        ResponseCode=code,
    )


def until(desk: Desk) -> list[datetime | None]:
    with desk.database.reading() as session:
        query = select(WorkItem.postponed_until).where(WorkItem.state == WorkState.OPEN)
        return list(session.scalars(query.order_by(WorkItem.id)))


def test_later_puts_off_what_is_still_to_be_done(desk: Desk):
    card = told(desk, "c1", "c2")
    desk.world.sleep_until("2026-03-01 12:35")
    with desk.database.transaction() as session:
        first = session.scalars(select(WorkItem.id).order_by(WorkItem.id)).all()[:1]
        close_items(session, first, WorkState.DONE, "done", clock.now(session))
    desk.hear(press(card), press(card))
    assert until(desk) == [at("2026-03-01 14:35")]
    assert desk.corp.updated == [("rc1", ("owner",), "已稍后提醒，14:35")]
    with desk.database.reading() as session:
        (act,) = session.scalars(select(CareAct)).all()
    assert (act.act, act.until, act.acted_at) == (
        Act.POSTPONED,
        at("2026-03-01 14:35"),
        at("2026-03-01 12:35"),
    )


def test_a_press_that_is_worked_twice_puts_off_once(desk: Desk):
    card = told(desk, "c1")
    desk.world.sleep_until("2026-03-01 12:35")
    desk.corp.card_answers = [WeComRetryable("message/update_template_card", "refused")]
    desk.hear(press(card))
    assert until(desk) == [at("2026-03-01 14:35")]
    assert [said for _, _, said in desk.corp.updated] == ["已稍后提醒，14:35"] * 2
    with desk.database.reading() as session:
        assert len(session.scalars(select(CareAct)).all()) == 1
        assert session.scalars(select(CardPress.card_update)).all() == ["done"]


def test_where_nothing_is_left_the_card_says_so(desk: Desk):
    card = told(desk, "c1")
    with desk.database.transaction() as session:
        items = list(session.scalars(select(WorkItem.id)))
        close_items(session, items, WorkState.DONE, "done", clock.now(session))
    desk.hear(press(card))
    assert desk.corp.updated == [("rc1", ("owner",), "都处理完了")]


def test_what_ends_before_is_to_be_done_now(desk: Desk):
    """The 30-minute step ends at noon of the next day."""
    card = told(desk, "c1")
    desk.world.sleep_until("2026-03-02 11:00")
    desk.hear(press(card, "2026-03-02 11:00"))
    assert until(desk) == [None]
    assert desk.corp.updated == [("rc1", ("owner",), "快到期了，请现在处理")]


def test_at_night_it_waits_for_the_opening(desk: Desk):
    card = told(desk, "c1")
    desk.world.sleep_until("2026-03-01 21:30")
    desk.hear(press(card, "2026-03-01 21:30"))
    assert until(desk) == [at("2026-03-02 10:00")]
    assert desk.corp.updated == [("rc1", ("owner",), "已稍后提醒，3月2日 10:00")]


@pytest.mark.parametrize("who", ["colleague", "nobody"])
def test_a_press_by_anybody_else_puts_nothing_off(desk: Desk, who: str):
    card = told(desk, "c1")
    desk.world.sleep_until("2026-03-01 12:35")
    desk.hear(press(card, who=who))
    assert until(desk) == [None]
    assert desk.corp.updated == [("rc1", (who,), "已处理")]


def test_a_press_without_a_code_puts_off_and_calls_nobody(desk: Desk):
    card = told(desk, "c1")
    desk.world.sleep_until("2026-03-01 12:35")
    desk.hear(press(card, code=""))
    assert until(desk) == [at("2026-03-01 14:35")]
    assert desk.corp.updated == []
