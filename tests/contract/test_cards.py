"""Template cards: what may be sent, what a tap tells us, and how a card is replaced (facts 3.14, 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import requests

from app.wecom.apis.media import MediaKind
from app.wecom.bodies import render
from app.wecom.cards import (
    Button,
    ButtonCard,
    Card,
    MenuEntry,
    NoticeCard,
    Option,
    PictureCard,
    Question,
    SelectCard,
    VoteCard,
)
from app.wecom.errors import WeComMisconfigured
from app.wecom.port import SentMessage
from tests.contract import samples
from tests.contract.conftest import refused
from tests.wecom.local_sandbox import OURS, LocalSandbox

URL = "http://localhost:8000/h5/worklist"
SIZES = Question("size", "尺码", (Option("s", "小"), Option("l", "大", is_checked=True)))
MENU = (MenuEntry("不再提醒", "mute"),)
_tasks = count(1)


def task_id() -> str:
    return f"contract-{next(_tasks)}"


def buttons(**changes: Any) -> ButtonCard:
    card = ButtonCard(
        title="林晓雯 要跟进",
        subtitle="第 3 步",
        values=(("门店", "万象城店"),),
        buttons=(Button("已联系", "done"), Button("换一天", "later", style=2)),
        task_id=task_id(),
    )
    return replace(card, **changes)


def vote(**changes: Any) -> VoteCard:
    return replace(VoteCard("选一个", "", SIZES, "提交", "send", task_id()), **changes)


def select(**changes: Any) -> SelectCard:
    return replace(SelectCard("选几个", "", (SIZES,), "提交", "send", task_id()), **changes)


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


@pytest.fixture
def send_raw(able: LocalSandbox, reader: str) -> Callable[..., dict[str, Any]]:
    """A card as it stands, changed where a test wants it wrong."""
    client = able.client()

    def send(card: Card, **changes: Any) -> dict[str, Any]:
        whole = {**card.as_card(), **changes}
        body = {
            "touser": reader,
            "agentid": OURS.agent_id,
            "msgtype": "template_card",
            "template_card": whole,
        }
        answer: dict[str, Any] = client.post("message/send", data=body)
        return answer

    return send


def shown(corp: LocalSandbox, userid: str) -> dict[str, Any]:
    """The card on this member's phone as it looks now."""
    [message] = corp.messages(userid)
    card: dict[str, Any] = message["body"]
    return card


def press(
    corp: LocalSandbox, userid: str, key: str, selected: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """Tap the only card on this phone; the event that WeCom is going to tell us."""
    [message] = corp.messages(userid)
    sent = {"userid": userid, "event_key": key, "selected": selected}
    corp.control("POST", f"cards/{message['id']}/press", sent)
    event: dict[str, Any] = corp.control("GET", "callbacks?limit=1000000")["callbacks"][-1]["fields"]
    return event


@pytest.mark.parametrize(
    "card",
    [
        NoticeCard("3 位会员要跟进", "今天", (("门店", "万象城店"),), URL),
        NoticeCard("很" * 60, "", (), URL, task_id="notice-with-menu", menu=MENU),
        PictureCard("新品到店", "", "https://example.com/a.png", (("一", "二"),) * 4, URL),
        buttons(buttons=tuple(Button(f"第{n}个", f"key{n}") for n in range(6)), url=URL, question=SIZES),
        buttons(buttons=(Button("打开", url=URL),), menu=MENU),
        vote(many=True, menu=MENU),
        select(questions=tuple(replace(SIZES, key=f"q{n}") for n in range(3))),
    ],
)
def test_cards_of_all_kinds_arrive_as_they_are(able: LocalSandbox, reader: str, send: Any, card: Any):
    sent = send(card)
    assert shown(able, reader) == card.as_card()
    interactive = card.as_card()["card_type"] not in ("text_notice", "news_notice") or bool(card.menu)
    assert bool(sent.response_code) == interactive


@pytest.mark.parametrize("card", [buttons(), vote(), select(), replace(buttons(), menu=MENU)])
def test_an_app_without_a_callback_address_cannot_send_what_calls_back(
    corp: LocalSandbox, send: Any, card: Any
):
    with refused(43012):
        send(card)


@pytest.mark.parametrize(
    ("card", "changes", "errcode"),
    [
        (buttons(), {"card_type": "poster"}, 42031),
        (buttons(), {"task_id": ""}, 42014),
        (buttons(), {"task_id": "有空 格"}, 42014),
        (buttons(), {"task_id": "x" * 129}, 42014),
        (buttons(), {"button_list": []}, 40058),
        (buttons(), {"button_list": [{"text": "t", "key": f"k{n}"} for n in range(7)]}, 40058),
        (buttons(), {"button_list": [{"key": "k"}]}, 42038),
        (buttons(), {"button_list": [{"text": "t"}]}, 42039),
        (buttons(), {"button_list": [{"text": "t", "key": "k"}] * 2}, 42039),
        (buttons(), {"button_list": [{"text": "t", "type": 1}]}, 42028),
        (buttons(), {"button_selection": {"question_key": "q", "option_list": []}}, 42037),
        (buttons(), {"horizontal_content_list": [{"keyname": "k"}] * 7}, 42035),
        (buttons(), {"horizontal_content_list": [{"value": "v"}]}, 42027),
        (buttons(), {"horizontal_content_list": [{"keyname": "k", "type": 1}]}, 42028),
        (buttons(), {"horizontal_content_list": [{"keyname": "k", "type": 2}]}, 42029),
        (buttons(), {"horizontal_content_list": [{"keyname": "k", "type": 2, "media_id": "x"}]}, 40007),
        (buttons(), {"horizontal_content_list": [{"keyname": "k", "type": 3, "userid": "nobody"}]}, 42050),
        (buttons(), {"jump_list": [{"type": 0, "title": "t"}] * 4}, 42042),
        (buttons(), {"jump_list": [{"type": 1, "url": URL}]}, 42033),
        (buttons(), {"jump_list": [{"type": 2, "title": "t", "appid": "wx1"}]}, 42030),
        (buttons(), {"action_menu": {"action_list": [{"text": "a", "key": "k"}] * 2}}, 42051),
        (buttons(), {"action_menu": {"action_list": []}}, 42051),
        (vote(), {"submit_button": None}, 42046),
        (vote(), {"submit_button": {"text": "提交"}}, 42046),
        (vote(), {"submit_button": {"text": 1, "key": "k"}}, 42049),
        (vote(), {"checkbox": {"option_list": [{"id": "a", "text": "b"}]}}, 42043),
        (vote(), {"checkbox": {"question_key": "q", "option_list": [{"id": "a", "text": "t"}] * 21}}, 42037),
        (vote(), {"checkbox": {"question_key": "q", "option_list": [{"id": "a", "text": "b"}] * 2}}, 42040),
        (vote(), {"checkbox": {"question_key": "q", "option_list": [{"id": "a"}]}}, 42041),
        (select(), {"select_list": []}, 42047),
        (select(), {"select_list": [SIZES.as_select()] * 2}, 42043),
        (select(), {"select_list": [{**SIZES.as_select(), "question_key": f"q{n}"} for n in range(4)]}, 42047),
    ],
)  # fmt: skip
def test_a_wrong_card_is_refused(send_raw: Any, card: Any, changes: dict[str, Any], errcode: int):
    with refused(errcode):
        send_raw(card, **changes)


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"card_action": None}, 42045),
        ({"card_action": {"type": 0}}, 42045),
        ({"card_action": {"type": 1, "url": "localhost"}}, 45034),
        ({"card_action": {"type": 2, "appid": "wx1"}}, 42030),
        ({"main_title": {}}, 40058),
        ({"vertical_content_list": [{"title": "t"}] * 5}, 42036),
        ({"card_type": "news_notice", "card_image": {"url": URL, "aspect_ratio": 3}}, 42044),
    ],
)
def test_a_wrong_notice_is_refused(send_raw: Any, changes: dict[str, Any], errcode: int):
    with refused(errcode):
        send_raw(NoticeCard("标题", "", (), URL), **changes)


def test_a_task_id_is_used_once(able: LocalSandbox, send: Any):
    card = buttons()
    send(card)
    with refused(42014):
        send(replace(card, subtitle="第 4 步"))


def test_a_file_and_a_colleague_can_stand_in_a_card(able: LocalSandbox, send_raw: Any):
    media_id = able.app().media.upload(MediaKind.FILE, "表.csv", b"a,b,c\n").media_id
    rows = [
        {"keyname": "附件", "type": 2, "media_id": media_id, "value": "表.csv"},
        {"keyname": "店长", "type": 3, "userid": "WangWei"},
    ]
    assert send_raw(buttons(), horizontal_content_list=rows)["response_code"]


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


def test_a_card_of_a_mini_program_needs_the_linked_one(able: LocalSandbox, send_raw: Any):
    action = {"type": 2, "appid": "wx123", "pagepath": "pages/index"}
    able.set_rules(callback_url_set=True, mini_program="wx123")
    assert send_raw(NoticeCard("标题", "", (), URL), card_action=action)["errcode"] == 0


def test_an_app_that_is_switched_off_sends_nothing(able: LocalSandbox, send: Any):
    able.set_rules(app_enabled=False)
    with pytest.raises(WeComMisconfigured) as caught:
        send(NoticeCard("标题", "", (), URL))
    assert caught.value.errcode == 50003
