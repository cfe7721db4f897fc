"""JS-SDK tickets and signatures (facts 3.1)."""

from __future__ import annotations

import pytest

from app.sandbox.tickets import signature
from tests.sandbox.corp import AGENT, CORP, HOUR, OTHER_AGENT, OTHER_SECRET, SECOND, answer_of

PAGE = "http://lina.localhost:8000/h5/?from=chat"


def signed(ticket, url=PAGE):
    return {
        "url": url,
        "timestamp": 1414587457,
        "nonceStr": "Wm3W",
        "signature": signature(ticket, "Wm3W", "1414587457", url),
    }


def verify(client, kind, sent, **changes):
    return answer_of(client.post("/sandbox/verify-signature", json={"kind": kind, **sent, **changes}))[
        "errcode"
    ]


def test_the_official_vector():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    made = signature(ticket, "Wm3WZYTPz0wzccnW", "1414587457", "http://mp.weixin.qq.com?params=value#hash")
    assert made == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_the_two_tickets_are_apart_and_stable(api):
    corp, agent = api.get("get_jsapi_ticket"), api.get("ticket/get", type="agent_config")
    assert corp["expires_in"] == agent["expires_in"] == 7200
    assert corp["ticket"] != agent["ticket"]
    assert api.get("ticket/get", type="agent_config")["ticket"] == agent["ticket"]


@pytest.mark.parametrize("args", [{}, {"type": "jsapi"}])
def test_another_type_is_91040(api, args):
    assert api.get("ticket/get", **args)["errcode"] == 91040


def test_a_page_is_let_in_by_its_own_kind_of_ticket_only(api):
    corp = signed(api.get("get_jsapi_ticket")["ticket"])
    agent = signed(api.get("ticket/get", type="agent_config")["ticket"])
    assert verify(api.client, "corp", corp) == 0
    assert verify(api.client, "agent", agent) == 0
    assert verify(api.client, "agent", agent, corpid=CORP, agentid=str(AGENT)) == 0
    assert verify(api.client, "agent", corp) == 40093
    assert verify(api.client, "corp", agent) == 40093


def test_another_apps_ticket_does_not_let_in(api):
    api.token = api.fresh_token(OTHER_SECRET)
    other = signed(api.get("ticket/get", type="agent_config")["ticket"])
    assert verify(api.client, "agent", other, agentid=AGENT) == 40093
    assert verify(api.client, "agent", other, agentid=OTHER_AGENT) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": PAGE + "&more=1"}, 40093),
        ({"timestamp": 1}, 40093),
        ({"nonceStr": "other"}, 40093),
        ({"signature": "0" * 40}, 40093),
        ({"corpid": "wwother"}, 40013),
        ({"agentid": "9"}, 40056),
    ],
)
def test_whatever_was_not_signed_is_refused(api, changes, code):
    sent = signed(api.get("ticket/get", type="agent_config")["ticket"])
    assert verify(api.client, "agent", sent, **changes) == code


def test_the_part_after_the_hash_is_not_signed(api):
    sent = signed(api.get("ticket/get", type="agent_config")["ticket"])
    assert verify(api.client, "agent", sent, url=PAGE + "#tab") == 0


def test_a_ticket_outlives_a_fast_forward_but_not_two_real_hours(api, machine, travel_to):
    sent = signed(api.get("ticket/get", type="agent_config")["ticket"])
    travel_to(90 * 24 * HOUR)
    assert verify(api.client, "agent", sent) == 0
    machine.now += 7200 * SECOND
    assert verify(api.client, "agent", sent) == 40093
