"""What every call meets before its endpoint does anything, and what a refusal looks like (facts 2)."""

from __future__ import annotations

import pytest

from tests.sandbox.corp import CORP, SECRET, Api, answer_of

LISTS = [
    ("externalcontact/get_follow_user_list", "follow_user"),
    ("externalcontact/list", "external_userid"),
    ("externalcontact/get", "follow_user"),
    ("externalcontact/batch/get_by_user", "external_contact_list"),
    ("externalcontact/get_corp_tag_list", "tag_group"),
    ("externalpay/get_bill_list", "bill_list"),
    ("get_api_domain_ip", "ip_list"),
    ("getcallbackip", "ip_list"),
]


@pytest.mark.parametrize(("path", "field"), LISTS)
def test_a_refused_list_is_there_and_empty(api: Api, path: str, field: str):
    """An empty list in an answer says nothing: errcode comes first."""
    api.token = "made-up"
    answer = api.get(path)
    assert (answer["errcode"], answer[field]) == (40014, [])


def test_a_list_refused_by_its_endpoint_is_empty_too(api: Api):
    answer = api.get("externalcontact/list", userid="idle")
    assert (answer["errcode"], answer["external_userid"]) == (84061, [])
    answer = api.post("externalcontact/get_corp_tag_list", {"tag_id": ["etNone"]})
    assert (answer["errcode"], answer["tag_group"]) == (40068, [])


def test_what_answers_no_list_refuses_without_one(api: Api):
    assert set(api.get("user/get", userid="nobody")) == {"errcode", "errmsg"}


def test_address_token_permission_and_parameters_are_checked_in_this_order(api: Api):
    """Each call is wrong in all that has not been mended yet. Address before token: nobody has tried it on WeCom."""
    wrong = "externalcontact/list"  # without a userid
    good, api.token = api.token, "made-up"
    api.client.put("/sandbox/rules", json={"trusted_ips": ["10.0.0.1"], "contact_api": False})
    found = [api.get(wrong)["errcode"]]
    api.client.put("/sandbox/rules", json={"contact_api": False})
    found.append(api.get(wrong)["errcode"])
    api.token = good
    found.append(api.get(wrong)["errcode"])
    api.client.put("/sandbox/rules", json={})
    found += [api.get(wrong)["errcode"], api.get(wrong, userid="idle")["errcode"]]
    assert found == [60020, 40014, 48002, 41009, 84061]


def test_a_foreign_address_buys_no_token(api: Api):
    api.client.put("/sandbox/rules", json={"trusted_ips": ["10.0.0.1"]})
    asked = {"corpid": CORP, "corpsecret": SECRET}
    assert answer_of(api.client.get("/cgi-bin/gettoken", query_string=asked))["errcode"] == 60020
