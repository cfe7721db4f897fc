"""What a tap on a card tells us, and how the card is replaced (facts 3.14, 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from app.wecom.bodies import render
from app.wecom.cards import NoticeCard
from app.wecom.port import SentMessage
from tests.contract import samples
from tests.contract.card_samples import MENU, SIZES, URL, buttons, press, select, shown, task_id, vote
from tests.contract.conftest import refused
from tests.wecom.local_sandbox import OURS, LocalSandbox


@pytest.fixture
def able(corp: LocalSandbox) -> LocalSandbox:
    """A corp whose app has a callback address."""
    corp.set_rules(callback_url_set=True)
    return corp


@pytest.fixture
def reader(corp: LocalSandbox) -> str:
    return samples.new_member(corp)


@pytest.fixture
def send(corp: LocalSandbox, reader: str) -> Callable[[Any], SentMessage]:
    return lambda card: corp.app().send_app_message(render(OURS.agent_id, (reader,), card))


def test_a_tap_tells_who_tapped_what(able: LocalSandbox, reader: str, send: Any):
    card = buttons(question=SIZES)
    sent = send(card)
    event = press(able, reader, "done", {"size": ["l"]})
    assert event["ResponseCode"] not in ("", sent.response_code)
    told = {
        name: event[name] for name in ("Event", "EventKey", "TaskId", "CardType", "FromUserName", "AgentID")
    }
    assert told == {
        "Event": "template_card_event",
        "EventKey": "done",
        "TaskId": card.task_id,
        "CardType": "button_interaction",
        "FromUserName": reader,
        "AgentID": OURS.agent_id,
    }
    chosen = {"QuestionKey": "size", "OptionIds": {"OptionId": ["l"]}}
    assert event["SelectedItems"] == {"SelectedItem": [chosen]}


@pytest.mark.parametrize(("card", "key"), [(vote(), "send"), (select(), "send")])
def test_a_choice_is_submitted(able: LocalSandbox, reader: str, send: Any, card: Any, key: str):
    send(card)
    event = press(able, reader, key, {"size": ["s"]})
    assert (event["Event"], event["CardType"]) == ("template_card_event", card.as_card()["card_type"])


def test_a_tap_in_the_menu_is_an_event_of_its_own(able: LocalSandbox, reader: str, send: Any):
    send(NoticeCard("标题", "", (), URL, task_id=task_id(), menu=MENU))
    event = press(able, reader, "mute")
    assert (event["Event"], event["EventKey"]) == ("template_card_menu_event", "mute")
    assert "SelectedItems" not in event


def test_a_key_the_card_has_not_cannot_be_tapped(able: LocalSandbox, reader: str, send: Any):
    send(buttons())
    with pytest.raises(requests.HTTPError):
        press(able, reader, "made-up")


def test_the_buttons_become_a_grey_text_once(able: LocalSandbox, reader: str, send: Any):
    sent = send(buttons())
    messages = able.app().messages
    assert messages.update_card(sent.response_code, [reader], "已联系") == frozenset()
    assert shown(able, reader)["replace_text"] == "已联系"
    with pytest.raises(requests.HTTPError):
        press(able, reader, "done")
    with refused(40058):
        messages.update_card(sent.response_code, [reader], "又一次")
    assert shown(able, reader)["replace_text"] == "已联系"


def test_every_tap_gives_one_more_change(able: LocalSandbox, reader: str, send: Any):
    send(buttons())
    codes = [press(able, reader, "later")["ResponseCode"] for _ in range(2)]
    for number, code in enumerate(codes):
        able.app().messages.update_card(code, [reader], f"改了 {number}")
    assert shown(able, reader)["replace_text"] == "改了 1"


def test_a_card_becomes_another_card(able: LocalSandbox, reader: str, send: Any):
    card = buttons()
    sent = send(card)
    changed = NoticeCard("已经办好", "", (), URL)
    able.app().messages.update_card(sent.response_code, [reader], changed)
    assert shown(able, reader) == {**changed.as_card(), "task_id": card.task_id}


def test_who_has_not_the_card_is_named(able: LocalSandbox, reader: str, send: Any):
    sent, other = send(buttons()), samples.new_member(able)
    assert able.app().messages.update_card(sent.response_code, [reader, other.upper()], "好") == {other}


def test_a_response_code_is_good_for_72_hours(able: LocalSandbox, reader: str, send: Any):
    first, second = send(buttons()), send(buttons())
    able.travel(timedelta(hours=72) - timedelta(minutes=5))
    assert able.app().messages.update_card(first.response_code, [reader], "好") == frozenset()
    able.travel(timedelta(hours=72, minutes=5))
    with refused(40058):
        able.app().messages.update_card(second.response_code, [reader], "好")


def test_a_card_that_was_recalled_is_42016(able: LocalSandbox, reader: str, send: Any):
    sent = send(buttons())
    able.app().messages.recall(sent.msgid)
    with refused(42016):
        able.app().messages.update_card(sent.response_code, [reader], "好")


def test_a_card_without_buttons_has_none_to_grey_out(able: LocalSandbox, reader: str, send: Any):
    sent = send(NoticeCard("标题", "", (), URL, task_id=task_id(), menu=MENU))
    with refused(42017):
        able.app().messages.update_card(sent.response_code, [reader], "好")


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"response_code": "made-up"}, 40058),
        ({"userids": []}, 82001),
        ({"userids": [f"u{n}" for n in range(1001)]}, 40032),
        ({"partyids": list(range(101))}, 82002),
        ({"button": {"replace_name": ""}}, 42020),
        ({"button": None}, 40058),
        ({"button": None, "template_card": {"card_type": "poster"}}, 42031),
        ({"agentid": None}, 41011),
    ],
)
def test_a_wrong_change_is_refused_and_the_code_still_good(
    able: LocalSandbox, reader: str, send: Any, changes: dict[str, Any], errcode: int
):
    sent = send(buttons())
    right = {
        "userids": [reader],
        "agentid": OURS.agent_id,
        "response_code": sent.response_code,
        "button": {"replace_name": "好"},
    }
    wrong = {name: value for name, value in {**right, **changes}.items() if value is not None}
    with refused(errcode):
        able.client().post("message/update_template_card", data=wrong)
    assert able.client().post("message/update_template_card", data=right)["errcode"] == 0


def test_changing_a_card_for_everybody_or_a_department(able: LocalSandbox, reader: str, send: Any):
    first, second = send(buttons()), send(buttons())
    ids = {row["name"]: row["id"] for row in able.control("GET", "organisation")["departments"]}
    for code, whom in (
        (first.response_code, {"atall": 1}),
        (second.response_code, {"partyids": [ids["收件部"]]}),
    ):
        body = {"agentid": OURS.agent_id, "response_code": code, "button": {"replace_name": "好"}, **whom}
        able.client().post("message/update_template_card", data=body)
    assert [message["body"]["replace_text"] for message in able.messages(reader)] == ["好", "好"]
