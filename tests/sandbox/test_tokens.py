"""gettoken and what a token is good for (facts 2, 2.1)."""

from __future__ import annotations

import pytest

from app.sandbox.factory import create_sandbox
from tests.sandbox.corp import AGENT, CORP, HOUR, OTHER_SECRET, SECOND, SECRET, Api, answer_of


def gettoken(client, **args):
    return answer_of(client.get("/cgi-bin/gettoken", query_string=args))


def test_a_secret_buys_a_token_for_two_hours(client):
    answer = gettoken(client, corpid=CORP, corpsecret=SECRET)
    assert answer["errcode"] == 0
    assert answer["expires_in"] == 7200
    assert len(answer["access_token"].encode()) <= 512


def test_the_same_token_is_given_until_it_expires(client, machine):
    first = gettoken(client, corpid=CORP, corpsecret=SECRET)["access_token"]
    machine.now += HOUR
    again = gettoken(client, corpid=CORP, corpsecret=SECRET)
    assert (again["access_token"], again["expires_in"]) == (first, 3600)
    machine.now += HOUR
    assert gettoken(client, corpid=CORP, corpsecret=SECRET)["access_token"] != first


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, 41004),
        ({"corpid": CORP}, 41004),
        ({"corpsecret": SECRET}, 41002),
        ({"corpid": "wwother", "corpsecret": SECRET}, 40013),
        ({"corpid": CORP, "corpsecret": SECRET[:10]}, 40001),
    ],
)
def test_gettoken_refuses_in_wecoms_order(client, args, code):
    assert gettoken(client, **args)["errcode"] == code


def test_an_error_has_wecoms_shape_and_status_200(client):
    answer = answer_of(client.get("/cgi-bin/user/get"))
    assert answer["errcode"] == 41001
    assert ", hint: [" in answer["errmsg"]
    assert "from ip: 127.0.0.1" in answer["errmsg"]
    assert answer["errmsg"].endswith("more info at https://open.work.weixin.qq.com/devtool/query?e=41001")


def test_an_unknown_path_is_404(api):
    assert api.client.get(f"/cgi-bin/no/such?access_token={api.token}").status_code == 404


def test_only_the_query_carries_a_token(api):
    body = {"access_token": api.token}
    header = {"Authorization": f"Bearer {api.token}"}
    answer = answer_of(api.client.post("/cgi-bin/message/send", json=body, headers=header))
    assert answer["errcode"] == 41001


def test_the_token_is_checked_before_the_parameters(api):
    api.token = "made-up"
    assert api.post("message/send", {})["errcode"] == 40014


def test_an_expired_token_is_42001_and_a_revoked_one_40014(api, machine):
    machine.now += 2 * HOUR - SECOND
    assert api.get("user/get", userid="lina")["errcode"] == 0
    machine.now += SECOND
    assert api.get("user/get", userid="lina")["errcode"] == 42001
    api.token = api.fresh_token()
    assert answer_of(api.client.delete("/sandbox/tokens")) == {"revoked": 2}
    assert api.get("user/get", userid="lina")["errcode"] == 40014


def test_tokens_can_be_ended_before_their_time(api):
    assert answer_of(api.client.post("/sandbox/tokens/expire")) == {"expired": 1}
    assert api.get("user/get", userid="lina")["errcode"] == 42001
    assert answer_of(api.client.post("/sandbox/tokens/expire")) == {"expired": 0}
    ended, api.token = api.token, api.fresh_token()
    assert api.token != ended
    assert api.get("user/get", userid="lina")["errcode"] == 0


def test_a_fast_forward_ends_no_token(api, travel_to):
    travel_to(90 * 24 * HOUR)
    assert api.get("user/get", userid="lina")["errcode"] == 0


def test_a_token_belongs_to_one_app(api):
    api.token = api.fresh_token(OTHER_SECRET)
    assert api.send(agentid=AGENT)["errcode"] == 301002


def test_permission_comes_after_the_token_and_before_the_parameters(api):
    api.client.put("/sandbox/rules", json={"contact_api": False})
    assert api.get("externalcontact/list")["errcode"] == 48002
    assert api.get("user/get")["errcode"] == 41009
    api.client.put("/sandbox/rules", json={"app_enabled": False})
    assert api.get("user/get", userid="lina")["errcode"] == 50003
    assert gettoken(api.client, corpid=CORP, corpsecret=SECRET)["errcode"] == 50003


def test_a_foreign_address_is_60020(api):
    api.client.put("/sandbox/rules", json={"trusted_ips": ["10.0.0.1"]})
    assert api.get("user/get", userid="lina")["errcode"] == 60020
    api.client.put("/sandbox/rules", json={"trusted_ips": ["127.0.0.1"]})
    assert api.get("user/get", userid="lina")["errcode"] == 0


def test_get_on_a_post_only_api_is_40058(api):
    assert api.get("message/send")["errcode"] == 40058


def test_a_body_that_is_no_json_object_is_40058(api):
    for body in (b"", b"{", b"[]"):
        answer = api.client.post(f"/cgi-bin/message/send?access_token={api.token}", data=body)
        assert answer_of(answer)["errcode"] == 40058


def test_state_survives_a_restart(api, settings, machine, travel_to):
    travel_to(HOUR)
    api.send()
    again = Api.__new__(Api)
    again.client, again.token = create_sandbox(settings, machine).test_client(), api.token
    assert len(again.received("LiNa")) == 1
    assert again.get("user/get", userid="lina")["errcode"] == 0
    assert answer_of(again.client.get("/sandbox/state"))["offset_us"] == HOUR
    again.client.application.extensions["sandbox"].store.close()
