"""What another app may not do with a message that is not its own (facts 3.14)."""

from __future__ import annotations

import pytest

from tests.sandbox.corp import OTHER_AGENT, OTHER_SECRET

CARD = {
    "card_type": "button_interaction",
    "task_id": "t1",
    "main_title": {"title": "林晓雯 要跟进"},
    "button_list": [{"text": "已联系", "key": "done"}],
}


@pytest.fixture
def sent(api):
    api.client.put("/sandbox/rules", json={"callback_url_set": True})
    answer = api.send(msgtype="template_card", template_card=CARD)
    assert answer["errcode"] == 0, answer
    return answer


@pytest.fixture
def other(api, sent):
    api.token = api.fresh_token(OTHER_SECRET)
    return api


def test_another_apps_card_is_42015(other, sent):
    change = {"response_code": sent["response_code"], "userids": ["lina"], "button": {"replace_name": "好"}}
    assert other.post("message/update_template_card", {"agentid": OTHER_AGENT, **change})["errcode"] == 42015
    assert other.received("lina")[0]["body"] == CARD


def test_another_apps_message_is_not_recalled(other, sent):
    assert other.post("message/recall", {"msgid": sent["msgid"]})["errcode"] == 40058
    assert len(other.received("lina")) == 1


def test_the_phone_shows_the_card_as_it_is_now(api, sent):
    phone = {"headers": {"Host": "lina.localhost:8001"}}
    change = {"response_code": sent["response_code"], "userids": ["lina"], "button": {"replace_name": "好"}}
    api.post("message/update_template_card", {"agentid": 1000002, **change})
    [message] = api.client.get("/phone/feed", **phone).json["messages"]
    assert message["body"] == {**CARD, "replace_text": "好"}


def test_a_recalled_message_is_off_the_phone(api, sent):
    api.post("message/recall", {"msgid": sent["msgid"]})
    feed = api.client.get("/phone/feed", headers={"Host": "lina.localhost:8001"})
    assert "林晓雯" not in feed.text
    assert feed.json["unread"] == 0


def test_a_task_id_of_another_app_is_free(other):
    body = {"touser": "lina", "agentid": OTHER_AGENT, "msgtype": "template_card", "template_card": CARD}
    assert other.post("message/send", body)["errcode"] == 0
