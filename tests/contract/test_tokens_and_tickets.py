"""Tokens, tickets and signatures (facts 2.1, 3.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.wecom.app import WeComApp
from app.wecom.jssdk import sign
from app.wecom.port import Credentials
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import Counted, LocalSandbox


def test_a_token_is_lent_and_good(wecom: WeComApp, place: Place):
    assert wecom.people.get(place.userid).wecom_userid == place.userid


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [({"secret": "not-the-secret"}, 40001), ({"corp_id": "ww-nobody"}, 40013), ({"secret": ""}, 41004)],
    ids=["secret", "corp", "no secret"],
)
def test_a_token_is_refused_to_others(
    corp: LocalSandbox, credentials: Credentials, wrong: dict[str, str], errcode: int
):
    with refused(errcode):
        corp.app(replace(credentials, **wrong)).people.get("lina")  # type: ignore[arg-type]


def test_a_token_is_the_same_until_it_ends(corp: LocalSandbox):
    first, second = corp.client(), corp.client()
    assert first.access_token == second.access_token


@pytest.mark.parametrize("kind", ["corp", "agent"])
def test_both_tickets_are_lent(wecom: WeComApp, kind: str):
    ticket = wecom.corp_ticket() if kind == "corp" else wecom.agent_ticket()
    assert 0 < len(ticket) <= 512


def test_the_corp_and_the_agent_have_tickets_of_their_own(wecom: WeComApp):
    assert wecom.corp_ticket() != wecom.agent_ticket()


def test_a_ticket_of_another_type_is_refused(wecom: WeComApp):
    with refused(91040):
        wecom._client.get("ticket/get", params={"type": "wx_card"})


def test_a_call_without_a_known_token_is_refused(corp: LocalSandbox):
    assert corp.raw("user/get", userid="lina")["errcode"] == 41001
    assert corp.raw("user/get", userid="lina", access_token="made-up")["errcode"] == 40014


def test_a_disabled_app_and_an_untrusted_address_are_refused(
    corp: LocalSandbox, wecom: WeComApp, place: Place
):
    corp.set_rules(app_enabled=False)
    with refused(50003):
        corp.app().people.get(place.userid)
    corp.set_rules(trusted_ips=["192.0.2.1"])
    with refused(60020):
        wecom.people.get(place.userid)


def test_the_addresses_are_listed(wecom: WeComApp):
    assert wecom.addresses.of_api()
    assert wecom.addresses.of_callbacks()


def test_signatures_match_the_official_sample():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    signed = sign(ticket, "http://mp.weixin.qq.com?params=value", 1414587457, "Wm3WZYTPz0wzccnW")
    assert signed.signature == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_a_token_that_ends_before_its_time_is_bought_anew(corp: LocalSandbox):
    wecom = corp.app()
    wecom.addresses.of_api()
    bought = Counted(corp)
    assert corp.control("POST", "tokens/expire")["expired"] == 1
    assert wecom.addresses.of_api()
    assert (bought["gettoken"], bought["get_api_domain_ip"]) == (1, 2)
