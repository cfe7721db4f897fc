"""The unmodified wechatpy against a live sandbox, through an adapter that only changes the host (facts 1.2)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from defusedxml import ElementTree
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from wechatpy.exceptions import WeChatClientException
from wechatpy.work import WeChatClient
from wechatpy.work.crypto import WeChatCrypto

from app.sandbox.callback_crypto import Envelope
from tests.sandbox.corp import AGENT, CORP, DAY, SECRET


class Elsewhere(HTTPAdapter):
    """Sends what was meant for WeCom's host to another origin."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self.origin = origin

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        assert request.url is not None
        request.url = request.url.replace("https://qyapi.weixin.qq.com", self.origin)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def wechatpy(live_url: str) -> Iterator[WeChatClient]:
    client = WeChatClient(CORP, SECRET)
    client._http.mount("https://qyapi.weixin.qq.com/", Elsewhere(live_url))
    yield client
    client._http.close()


def test_a_message_is_sent(wechatpy, seeded):
    answer = wechatpy.message.send_text(AGENT, ["lina", "nobody"], "您好，新品到店")
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    [message] = seeded.get("/sandbox/messages?userid=lina").json["messages"]
    assert message["body"] == {"content": "您好，新品到店"}


def test_members_and_customers_are_read(wechatpy):
    assert wechatpy.user.get("lina")["name"] == "李娜"
    assert wechatpy.external_contact.list("lina")["external_userid"] == ["wmA", "wmB"]
    assert wechatpy.external_contact.get("wmA")["external_contact"]["name"] == "晓雯"
    assert "LiNa" in wechatpy.external_contact.get_follow_user_list()["follow_user"]


def test_tickets_are_fetched(wechatpy):
    assert wechatpy.jsapi.get_ticket()["ticket"]
    assert wechatpy.jsapi.get_agent_ticket()["ticket"]


def test_an_expired_token_is_renewed_by_the_client(wechatpy, seeded, machine):
    assert wechatpy.user.get("lina")["errcode"] == 0
    machine.now += DAY
    assert wechatpy.user.get("lina")["errcode"] == 0
    assert seeded.get("/sandbox/state").json["calls"]["gettoken"] == 2


def test_a_refusal_is_the_clients_exception(wechatpy):
    with pytest.raises(WeChatClientException) as refused:
        wechatpy.external_contact.list("idle")
    assert refused.value.errcode == 84061


def test_batch_get_by_user_fails_as_it_does_with_wecom(wechatpy):
    """wechatpy still sends the retired field `userid` (facts 1.6)."""
    with pytest.raises(WeChatClientException) as refused:
        wechatpy.external_contact.batch_get_by_user("lina")
    assert refused.value.errcode == 40058


def test_departments_and_their_members_are_read(wechatpy):
    names = {department["name"]: department["id"] for department in wechatpy.department.list()}
    members = wechatpy.user.list(names["万象城店"])
    assert {member["name"] for member in members} == {"李娜", "王伟"}


def test_customers_are_marked_with_tags_of_the_corp(wechatpy):
    group = wechatpy.external_contact.add_corp_tag(None, "喜好", 1, [{"name": "喜欢茶"}])["tag_group"]
    (tag,) = group["tag"]
    wechatpy.external_contact.mark_tag("lina", "wmA", add_tag=[tag["id"]])
    (follow,) = wechatpy.external_contact.get("wmA")["follow_user"]
    assert [marked["tag_name"] for marked in follow["tags"]] == ["喜欢茶"]


def test_a_way_to_be_contacted_is_made_and_read(wechatpy):
    made = wechatpy.external_contact.add_contact_way(1, 2, state="poster1", user=["lina"])
    found = wechatpy.external_contact.get_contact_way(made["config_id"])["contact_way"]
    assert (found["state"], found["user"]) == ("poster1", ["lina"])


def test_a_file_is_kept_and_sent(wechatpy, seeded):
    file = io.BytesIO(b"price list")
    file.name = "prices.txt"
    media_id = wechatpy.media.upload("file", file)["media_id"]
    wechatpy.message.send_file(AGENT, ["lina"], media_id)
    [message] = seeded.get("/sandbox/messages?userid=lina").json["messages"]
    assert message["body"] == {"media_id": media_id}


def test_an_upload_after_a_stale_token_is_empty_as_it_is_with_wecom(wechatpy, seeded):
    """wechatpy does not rewind the file before its second attempt (facts 1.3); ours does."""
    assert wechatpy.user.get("lina")["errcode"] == 0
    seeded.delete("/sandbox/tokens")
    with pytest.raises(WeChatClientException) as refused:
        wechatpy.media.upload("file", io.BytesIO(b"price list"))
    assert refused.value.errcode in (40006, 44001)


def test_a_card_with_buttons_is_sent(wechatpy, seeded):
    button = {"text": "已联系", "style": 1, "key": "done"}
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "30 分钟回访"},
        "task_id": "task-1",
        "button_list": [button],
    }
    seeded.put("/sandbox/rules", json={"callback_url_set": True})
    answer = wechatpy.message.send(AGENT, ["lina"], msg={"msgtype": "template_card", "template_card": card})
    assert answer["response_code"]


def test_what_the_sandbox_seals_wechatpy_opens_and_the_other_way_round():
    token, key, timestamp, nonce = (
        "QDG6eK",
        "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
        "1409659813",
        "1372623149",
    )
    ours, theirs = Envelope(token, key, CORP), WeChatCrypto(token, key, CORP)
    said = "<xml><Event><![CDATA[change_external_contact]]></Event><Name>晓雯😀</Name></xml>"
    sealed = ours.seal(said)
    body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt>{sealed}</Encrypt></xml>"
    assert theirs.decrypt_message(body, ours.sign(timestamp, nonce, sealed), timestamp, nonce) == said
    theirs_sealed = ElementTree.fromstring(theirs.encrypt_message(said, nonce, timestamp)).findtext("Encrypt")
    assert theirs_sealed is not None
    assert ours.open(theirs_sealed) == said
