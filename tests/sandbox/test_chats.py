"""Chats of members and customers: what arrives, and what does not once the customer deleted the member."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.sandbox.hosts import customer_label_of
from tests.sandbox.corp import Api, answer_of

LINA = {"Host": "lina.localhost:8001"}
XIAOWEN = {"Host": f"{customer_label_of('wmA')}.localhost:8001"}
TEXT = {"msgtype": "text", "text": {"content": "还在吗"}}


@pytest.fixture
def left(api: Api) -> Api:
    """A corp where the customer wmA has deleted the member lina."""
    answer_of(api.client.post("/customer/chats/lina/delete", json={}, headers=XIAOWEN))
    return api


def says(api: Api, **message: Any) -> dict[str, Any]:
    answer: dict[str, Any] = answer_of(
        api.client.post("/phone/chats/wmA", json={**TEXT, **message}, headers=LINA)
    )
    return answer


def seen_by_member(api: Api) -> list[tuple[str, bool]]:
    said = answer_of(api.client.get("/phone/feed?chat=wmA", headers=LINA))["chat"]
    return [(message["body"]["content"], message["delivered"]) for message in said]


def seen_by_customer(api: Api) -> list[str]:
    said = answer_of(api.client.get("/customer/feed?chat=lina", headers=XIAOWEN))["chat"]
    return [message["body"]["content"] for message in said]


def reason_of(refused: TestResponse) -> str:
    return str((refused.json or {})["error"])


def come_back(api: Api) -> None:
    answer_of(api.client.post("/customer/members/lina", json={}, headers=XIAOWEN))


def test_what_a_member_says_arrives(api: Api):
    assert says(api)["delivered"]
    assert seen_by_member(api) == [("还在吗", True)]
    assert seen_by_customer(api) == ["还在吗"]


def test_a_customer_who_deleted_the_member_never_gets_what_was_said(left: Api):
    assert says(left)["delivered"] is False
    assert seen_by_customer(left) == []
    come_back(left)
    says(left, text={"content": "欢迎回来"})
    assert seen_by_customer(left) == ["欢迎回来"]
    assert seen_by_member(left) == [("还在吗", False), ("欢迎回来", True)]


def test_the_lists_of_chats_tell_what_arrived(left: Api):
    says(left)
    [chat] = answer_of(left.client.get("/phone/feed", headers=LINA))["chats"]
    assert (chat["last"], chat["unread"]) == ("[未送达] 还在吗", 0)
    come_back(left)
    [mine] = answer_of(left.client.get("/customer/feed", headers=XIAOWEN))["chats"]
    assert mine["last"] == ""


def test_a_customer_says_nothing_to_whom_they_deleted(left: Api):
    refused = left.client.post("/phone/chats/wmA", json={**TEXT, "from": "customer"}, headers=LINA)
    assert (refused.status_code, reason_of(refused)) == (404, "对方已删除你，说不了话")
    own = left.client.post("/customer/chats/lina", json=TEXT, headers=XIAOWEN)
    assert (own.status_code, reason_of(own)) == (404, "你们还不是好友")
    assert seen_by_member(left) == []


def test_a_message_that_is_none_is_refused_there_too(left: Api):
    assert left.client.post("/phone/chats/wmA", json={"msgtype": "voice"}, headers=LINA).status_code == 400
    assert seen_by_member(left) == []


def test_a_welcome_that_comes_too_late_does_not_arrive(api: Api):
    added = answer_of(api.client.post("/sandbox/graph/add", json={"userid": "lina", "customer": "只来一下"}))
    pair = {"userid": "lina", "external_userid": added["external_userid"]}
    answer_of(api.client.post("/sandbox/graph/delete-by-customer", json=pair))
    welcome = {"welcome_code": added["welcome_code"], "text": {"content": "您好"}}
    assert api.post("externalcontact/send_welcome_msg", welcome)["errcode"] == 0
    chat = f"/sandbox/chats/lina/{added['external_userid']}"
    assert [message["delivered"] for message in answer_of(api.client.get(chat))["messages"]] == [False]


def test_a_group_send_fails_for_who_deleted_the_member(api: Api):
    order = {"chat_type": "single", "external_userid": ["wmA"], "text": {"content": "会员日"}}
    made = api.post("externalcontact/add_msg_template", {**order, "sender": "lina"})
    answer_of(api.client.post("/customer/chats/lina/delete", json={}, headers=XIAOWEN))
    done = answer_of(api.client.post(f"/phone/sends/{made['msgid']}", json={}, headers=LINA))
    assert done == {"sent": 0, "failed": 1}
    assert seen_by_member(api) == []


def test_what_did_not_arrive_counts_for_nothing(left: Api):
    says(left)
    today = answer_of(left.client.get("/time"))["now_ms"] // 1_000
    asked = {"userid": ["lina"], "start_time": today, "end_time": today}
    [day] = left.post("externalcontact/get_user_behavior_data", asked)["behavior_data"]
    assert (day["chat_cnt"], day["message_cnt"]) == (0, 0)
