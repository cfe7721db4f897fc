"""Bodies of the right names and wrong types are refused with a code; nothing makes the sandbox stumble."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sandbox.corp import AGENT

NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "\ud83d",
    [],
    [None],
    [[]],
    {},
    {"a": 1},
    "9" * 30,
)
URL = "https://example.com/"
OPTIONS = [{"id": "a", "text": "甲"}]
CARD = {
    "card_type": "button_interaction",
    "task_id": "t",
    "source": {"desc": "d"},
    "action_menu": {"desc": "d", "action_list": [{"text": "a", "key": "k"}]},
    "main_title": {"title": "t"},
    "quote_area": {"type": 1, "url": URL},
    "horizontal_content_list": [{"keyname": "k", "type": 3, "userid": "lina"}],
    "vertical_content_list": [{"title": "t"}],
    "jump_list": [{"type": 1, "title": "t", "url": URL}],
    "card_image": {"url": URL, "aspect_ratio": 1.5},
    "card_action": {"type": 1, "url": URL},
    "button_selection": {"question_key": "q", "option_list": OPTIONS},
    "button_list": [{"type": 0, "text": "t", "key": "k"}, {"type": 1, "text": "t", "url": URL}],
    "checkbox": {"question_key": "q", "option_list": OPTIONS, "mode": 0},
    "select_list": [{"question_key": "q", "option_list": OPTIONS}],
    "submit_button": {"text": "t", "key": "k"},
}
CONTENTS = {
    "text": {"content": "c"},
    "textcard": {"title": "t", "description": "d", "url": URL, "btntxt": "b"},
    "news": {"articles": [{"title": "t", "url": URL}]},
    "mpnews": {"articles": [{"title": "t", "thumb_media_id": "m", "content": "c"}]},
    "video": {"media_id": "m", "title": "t", "description": "d"},
    "miniprogram_notice": {"appid": "wx1", "title": "四个字吧", "content_item": [{"key": "k", "value": "v"}]},
    "template_card": CARD,
}
KINDS = ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction")


def spoiled(value, dice):
    """The same with one thing in it replaced by nonsense."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(sorted(value))
        return {**value, name: spoiled(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        place = dice.randrange(len(value))
        return [*value[:place], spoiled(value[place], dice), *value[place + 1 :]]
    return dice.choice(NONSENSE)


@pytest.fixture
def able(api):
    api.client.put("/sandbox/rules", json={"callback_url_set": True, "mini_program": "wx1"})
    return api


@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_message_has_an_errcode(able, seed):
    dice = random.Random(seed)
    for _ in range(150):
        msgtype = dice.choice(sorted(CONTENTS))
        content = CONTENTS[msgtype]
        if msgtype == "template_card":
            content = {**CARD, "card_type": dice.choice(KINDS)}
        body = {"touser": "lina", "toparty": "1", "totag": "1", "agentid": AGENT, "msgtype": msgtype}
        body |= {msgtype: content, "safe": 0, "enable_id_trans": 1, "enable_duplicate_check": 1}
        answer = able.post("message/send", spoiled(body, dice))
        assert isinstance(answer["errcode"], int)


@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_change_has_an_errcode(able, seed):
    dice = random.Random(seed)
    sent = able.send(msgtype="template_card", template_card=CARD)
    assert sent["errcode"] == 0, sent
    for _ in range(100):
        change = {"button": {"replace_name": "r"}} if dice.random() < 0.5 else {"template_card": CARD}
        body = {"userids": ["lina"], "partyids": [1], "tagids": [1], "atall": 0, "agentid": AGENT, **change}
        body["response_code"] = sent["response_code"]
        answer = able.post("message/update_template_card", spoiled(body, dice))
        assert isinstance(answer["errcode"], int)
        if answer["errcode"] == 0:
            return


@pytest.mark.parametrize("path", ["message/recall", "auth/getuserdetail", "get_launch_code"])
def test_other_spoiled_bodies_have_an_errcode(api, path):
    dice = random.Random(path)
    body = {"msgid": "m", "user_ticket": "t", "operator_userid": "lina", "single_chat": {"userid": "idle"}}
    for _ in range(60):
        assert isinstance(api.post(path, spoiled(body, dice))["errcode"], int)
