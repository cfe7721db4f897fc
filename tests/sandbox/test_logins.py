"""OAuth, QR login and what a code is worth (facts 3.2)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.corp import AGENT, CORP, MINUTE, OTHER_AGENT, OTHER_SECRET, SECOND

BACK = "http://lina.localhost:8000/h5/signed-in?next=%2Fh5%2F"


def authorize(client, host="localhost:8001", **changes):
    args = {
        "appid": CORP,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s1",
        "agentid": AGENT,
        **changes,
    }
    return client.get("/connect/oauth2/authorize", query_string=args, headers={"Host": host})


def qr_login(client, **changes):
    args = {
        "login_type": "CorpApp",
        "appid": CORP,
        "agentid": AGENT,
        "redirect_uri": "http://localhost:8000/console/signed-in",
        "state": "s2",
        **changes,
    }
    return client.get("/wwlogin/sso/login", query_string=args)


def query_of(response):
    assert response.status_code == 302, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.location).query).items()}


def test_the_phones_member_is_sent_back_without_a_question(api):
    response = authorize(api.client)
    assert response.location.startswith("http://lina.localhost:8000/h5/signed-in?")
    query = query_of(response)
    assert (query["state"], query["next"]) == ("s1", "/h5/")
    assert api.get("auth/getuserinfo", code=query["code"])["userid"] == "LiNa"


def test_the_host_of_the_page_itself_also_says_whose_phone_it_is(api):
    code = query_of(
        authorize(api.client, "wangwei.localhost:8001", redirect_uri="http://localhost:8000/h5/")
    )["code"]
    assert api.get("auth/getuserinfo", code=code)["userid"] == "wangwei"


def test_on_a_bare_host_a_page_asks(api):
    asked = authorize(api.client, redirect_uri="http://localhost:8000/h5/")
    assert asked.status_code == 200
    assert "李娜" in asked.text
    assert "钱走" not in asked.text
    code = query_of(authorize(api.client, redirect_uri="http://localhost:8000/h5/", **{"as": "idle"}))["code"]
    assert api.get("auth/getuserinfo", code=code)["userid"] == "idle"


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:8000/a",
        "http://127.0.0.1:8000/a",
        "http://x--y.localhost:8000/a",
        "http://LINA.localhost:8000/",
    ],
)
def test_the_apps_own_hosts_are_trusted(api, redirect_uri):
    assert authorize(api.client, redirect_uri=redirect_uri, **{"as": "lina"}).status_code == 302


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "https://localhost:8000/",
        "http://localhost:8001/",
        "http://localhost/",
        "http://evil.example:8000/",
        "http://localhost:8000.evil.example/",
        "http://localhost:8000@evil.example/",
        "http://evillocalhost:8000/",
        "javascript:alert(1)",
        "http://[",
    ],
)
def test_any_other_host_is_50001(api, redirect_uri):
    response = authorize(api.client, redirect_uri=redirect_uri)
    assert response.status_code == 400
    assert "50001" in response.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"appid": "wwother"}, "40013"),
        ({"agentid": "9"}, "40056"),
        ({"agentid": "x"}, "40056"),
        ({"state": "a-b"}, "40058"),
        ({"state": "a" * 129}, "40058"),
        ({"response_type": "token"}, "40058"),
        ({"scope": "all"}, "40058"),
        ({"scope": "snsapi_privateinfo", "agentid": ""}, "40058"),
    ],
)
def test_a_wrong_authorization_is_a_page_naming_the_code(api, changes, code):
    response = authorize(api.client, **changes)
    assert response.status_code == 400
    assert f"错误码 {code}" in response.text


def test_a_code_is_used_once_and_lives_five_minutes(api, travel_to):
    first, second = (query_of(authorize(api.client))["code"] for _ in range(2))
    travel_to(5 * MINUTE)
    assert api.get("auth/getuserinfo", code=first)["errcode"] == 0
    assert api.get("auth/getuserinfo", code=first)["errcode"] == 42022
    travel_to(5 * MINUTE + SECOND)
    assert api.get("auth/getuserinfo", code=second)["errcode"] == 42003


def test_a_code_belongs_to_its_app(api):
    code = query_of(authorize(api.client))["code"]
    api.token = api.fresh_token(OTHER_SECRET)
    assert api.get("auth/getuserinfo", code=code)["errcode"] == 40029
    assert (
        api.get("auth/getuserinfo", code=query_of(authorize(api.client, agentid=OTHER_AGENT))["code"])[
            "errcode"
        ]
        == 0
    )
    assert (
        api.get("auth/getuserinfo", code=query_of(authorize(api.client, agentid=""))["code"])["errcode"] == 0
    )


def test_a_missing_and_a_made_up_code(api):
    assert api.get("auth/getuserinfo")["errcode"] == 41008
    assert api.get("auth/getuserinfo", code="made-up")["errcode"] == 40029


def test_the_legacy_path_has_capitalised_keys(api):
    code = query_of(authorize(api.client))["code"]
    assert api.get("user/getuserinfo", code=code)["UserId"] == "LiNa"


def test_qr_login_asks_who_scans_and_sends_them_back(api):
    asked = qr_login(api.client)
    assert asked.status_code == 200
    assert "谁来扫码登录" in asked.text
    query = query_of(qr_login(api.client, **{"as": "idle"}))
    assert query["state"] == "s2"
    assert api.get("auth/getuserinfo", code=query["code"])["userid"] == "idle"


def test_qr_login_does_not_guess_from_the_host(api):
    assert qr_login(api.client, redirect_uri=BACK).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"login_type": "ServiceApp"}, {"agentid": ""}, {"redirect_uri": "http://x.example/"}]
)
def test_a_wrong_qr_login_is_refused(api, changes):
    assert qr_login(api.client, **changes).status_code == 400
