"""Cards that WeCom would refuse are not rendered in the first place."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.wecom.bodies import DUPLICATE_CHECK_S, Text, render
from app.wecom.cards import Button, ButtonCard, MenuEntry, NoticeCard, Option, Question, SelectCard, VoteCard

URL = "https://example.com/"
OPTION = Option("a", "甲")
QUESTION = Question("q", "问", (OPTION,))
BUTTONS = ButtonCard("题", "", (), (Button("办", "done"),), "task-1")
VOTE = VoteCard("题", "", QUESTION, "交", "send", "task-1")
SELECT = SelectCard("题", "", (QUESTION,), "交", "send", "task-1")
NOTICE = NoticeCard("题", "", (), URL)


@pytest.mark.parametrize(
    "card",
    [
        replace(BUTTONS, buttons=()),
        replace(BUTTONS, buttons=(Button("办", "k"),) * 7),
        replace(BUTTONS, buttons=(Button("甲", "same"), Button("乙", "same"))),
        replace(BUTTONS, buttons=(Button("没有键"),)),
        replace(BUTTONS, buttons=(Button("办", "键" * 342),)),
        replace(BUTTONS, task_id=""),
        replace(BUTTONS, task_id="有空 格"),
        replace(BUTTONS, task_id="x" * 129),
        replace(BUTTONS, menu=(MenuEntry("a", "k"), MenuEntry("b", "k"))),
        replace(BUTTONS, menu=tuple(MenuEntry("a", f"k{n}") for n in range(4))),
        replace(BUTTONS, question=replace(QUESTION, options=(OPTION,) * 11)),
        replace(VOTE, question=replace(QUESTION, options=())),
        replace(VOTE, question=replace(QUESTION, options=(OPTION,) * 21)),
        replace(VOTE, task_id=""),
        replace(SELECT, questions=(QUESTION, QUESTION)),
        replace(SELECT, questions=tuple(replace(QUESTION, key=f"q{n}") for n in range(4))),
        replace(SELECT, questions=(replace(QUESTION, options=()),)),
        replace(NOTICE, menu=(MenuEntry("a", "k"),)),
    ],
)
def test_a_card_that_cannot_be_sent_is_a_value_error(card: Any):
    with pytest.raises(ValueError, match=r"\d"):
        card.as_card()


def test_a_card_is_rendered_with_the_duplicate_check():
    body = json.loads(render(7, ("lina", "wangwei"), BUTTONS))
    assert body == {
        "touser": "lina|wangwei",
        "agentid": 7,
        "msgtype": "template_card",
        "template_card": BUTTONS.as_card(),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": DUPLICATE_CHECK_S,
    }


def test_a_settled_card_is_one_grey_text():
    assert replace(BUTTONS, done="已办").as_card()["replace_text"] == "已办"


def test_a_button_leads_or_calls_back():
    leading = Button("看", url=URL, style=2).as_dict()
    assert leading == {"text": "看", "style": 2, "type": 1, "url": URL}
    assert Button("办", "done").as_dict() == {"text": "办", "style": 1, "type": 0, "key": "done"}


def test_receivers_are_one_to_a_thousand():
    for count in (0, 1001):
        with pytest.raises(ValueError, match="receivers"):
            render(7, tuple(f"u{n}" for n in range(count)), Text("好"))
