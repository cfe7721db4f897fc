"""Template cards: what may be sent and what is refused (facts 3.14). Taps and changes are in test_card_changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.wecom.apis.media import MediaKind
from app.wecom.bodies import render
from app.wecom.cards import Button, Card, NoticeCard, PictureCard
from app.wecom.errors import WeComMisconfigured
from app.wecom.port import SentMessage
from tests.contract import samples
from tests.contract.card_samples import MENU, SIZES, URL, buttons, select, shown, vote
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


LONG = "很" * 300  # facts 3.14 recommend 4 to 128 characters


@pytest.mark.parametrize(
    ("card", "changes"),
    [
        (NoticeCard(LONG, LONG, (("门" * 30, LONG),), URL), {}),
        (NoticeCard("标题", "", (), URL), {"source": {"desc": LONG, "desc_color": 1}}),
        (NoticeCard("标题", "", (), URL), {"emphasis_content": {"title": LONG, "desc": LONG}}),
        (NoticeCard("标题", "", (), URL), {"quote_area": {"title": LONG, "quote_text": LONG}}),
        (NoticeCard("标题", "", (), URL), {"jump_list": [{"type": 1, "title": LONG, "url": URL}]}),
        (PictureCard(LONG, LONG, "https://example.com/a.png", ((LONG, LONG),) * 4, URL), {}),
        (buttons(title=LONG, subtitle=LONG, buttons=(Button(LONG, "key"),)), {}),
        (buttons(menu=(replace(MENU[0], text=LONG),)), {}),
        (vote(title=LONG, submit=LONG), {}),
        (select(questions=(replace(SIZES, title=LONG),)), {}),
    ],
)
def test_texts_longer_than_recommended_are_not_refused(send_raw: Any, card: Any, changes: dict[str, Any]):
    assert send_raw(card, **changes)["errcode"] == 0


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


def test_a_card_of_a_mini_program_needs_the_linked_one(able: LocalSandbox, send_raw: Any):
    action = {"type": 2, "appid": "wx123", "pagepath": "pages/index"}
    able.set_rules(callback_url_set=True, mini_program="wx123")
    assert send_raw(NoticeCard("标题", "", (), URL), card_action=action)["errcode"] == 0


def test_an_app_that_is_switched_off_sends_nothing(able: LocalSandbox, send: Any):
    able.set_rules(app_enabled=False)
    with pytest.raises(WeComMisconfigured) as caught:
        send(NoticeCard("标题", "", (), URL))
    assert caught.value.errcode == 50003
