"""The unmodified wechatpy against a live sandbox, through an adapter that only changes the host (facts 1.2)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from wechatpy.exceptions import WeChatClientException
from wechatpy.work import WeChatClient
from werkzeug.serving import make_server

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
def wechatpy(sandbox, seeded) -> Iterator[WeChatClient]:
    server = make_server("127.0.0.1", 0, sandbox, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    client = WeChatClient(CORP, SECRET)
    client._http.mount("https://qyapi.weixin.qq.com/", Elsewhere(f"http://127.0.0.1:{server.server_port}"))
    yield client
    client._http.close()
    server.shutdown()
    thread.join()
    server.server_close()


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
