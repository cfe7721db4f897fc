"""Signing in through WeCom: state, session, and who may be somebody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from app.associates.models import Associate
from app.clock import ClockOffset, real_now
from app.db import Database
from app.sessions.models import LoginState, WebSession
from app.wecom.errors import WeComMisconfigured, WeComRetryable
from tests.faces.chain import Chain, noon_today
from tests.faces.web import JSON, PAGE, KnownCodes, come_back, make_app, post_json, sign_in, start_login


def test_a_page_leads_through_wecom_and_back_to_itself(app: Flask):
    client = app.test_client()
    asked = start_login(client, "/h5/worklist")
    assert asked["appid"] == "ww0000sandbox0000"
    assert asked["scope"] == "snsapi_base"
    answer = come_back(client, asked, "code-lina")
    assert (answer.status_code, answer.location) == (302, "/h5/worklist")
    assert client.get("/h5/worklist", headers=PAGE).status_code == 200


def test_the_console_goes_through_the_qr_login(app: Flask):
    client = app.test_client()
    answer = client.get("/console/", headers=PAGE)
    assert "/wwlogin/sso/login?login_type=CorpApp" in answer.location


def test_a_state_works_once_even_with_the_old_cookie_and_a_new_code(app: Flask):
    client = app.test_client()
    asked = start_login(client, "/h5/")
    old = client.get_cookie("dianban_h5_login", path="/h5")
    assert old is not None
    assert come_back(client, asked, "code-lina").status_code == 302
    client.set_cookie("dianban_h5_login", old.value, path="/h5")
    again = come_back(client, asked, "code-lina!again")
    assert again.status_code == 403
    assert "login_state" in again.text


def test_a_state_is_bound_to_the_browser_it_left_from(app: Flask):
    asked = start_login(app.test_client(), "/h5/")
    thief = app.test_client()
    start_login(thief, "/h5/")
    assert come_back(thief, asked, "code-lina").status_code == 403


def test_a_state_of_one_face_does_not_open_the_other(app: Flask):
    client = app.test_client()
    asked = start_login(client, "/h5/")
    answer = client.get(
        "/console/login/callback", query_string={"code": "code-zhaohq", "state": asked["state"]}, headers=PAGE
    )
    assert answer.status_code == 403


def test_a_state_lives_ten_minutes_of_real_time(app: Flask, database: Database):
    client = app.test_client()
    asked = start_login(client, "/h5/")
    with database.transaction() as session:
        row = session.query(LoginState).one()
        assert row.expires_at - real_now(session) <= timedelta(minutes=10)
        row.expires_at = real_now(session) - timedelta(seconds=1)
    assert come_back(client, asked, "code-lina").status_code == 403


@pytest.mark.parametrize("query", ["", "?code=code-lina", "?state=x", "?code=&state="])
def test_coming_back_without_code_or_state_is_refused(app: Flask, query: str):
    assert app.test_client().get(f"/h5/login/callback{query}", headers=PAGE).status_code == 422


def test_a_code_that_wecom_does_not_know_is_refused_in_words(app: Flask):
    client = app.test_client()
    answer = come_back(client, start_login(client, "/h5/"), "forged")
    assert answer.status_code == 403
    assert "login_refused" in answer.text


def test_wecom_being_away_is_told_and_may_be_tried_again(app: Flask, wecom: KnownCodes):
    wecom.fails = WeComRetryable("auth/getuserinfo", "HTTP 502")
    client = app.test_client()
    answer = come_back(client, start_login(client, "/h5/"), "code-lina")
    assert answer.status_code == 503


def test_a_page_says_when_only_the_administrator_can_help(app: Flask, wecom: KnownCodes):
    wecom.fails = WeComMisconfigured("auth/getuserinfo", 48002, "api forbidden")
    client = app.test_client()
    answer = come_back(client, start_login(client, "/h5/"), "code-lina")
    assert answer.status_code == 502
    assert "企业微信没有为本应用开通这个接口" in answer.text
    assert "请联系管理员" in answer.text
    assert "一分钟后再试" not in answer.text


@pytest.mark.parametrize("userid", ["outsider", "stranger"])
def test_somebody_who_is_not_in_the_roster_gets_no_session(app: Flask, database: Database, userid: str):
    client = app.test_client()
    answer = come_back(client, start_login(client, "/h5/"), f"code-{userid}")
    assert answer.status_code == 403
    assert "unknown_person" in answer.text
    with database.reading() as session:
        assert session.query(WebSession).count() == 0


def test_someone_who_left_loses_access_with_the_next_request(app: Flask, database: Database):
    client = sign_in(app, "lina")
    assert client.get("/h5/worklist", headers=PAGE).status_code == 200
    with database.transaction() as session:
        session.execute(
            update(Associate).where(Associate.wecom_userid == "lina").values(ended_at=noon_today())
        )
    assert client.get("/h5/worklist", headers=PAGE).status_code == 302
    assert client.get("/h5/api/signature", headers=JSON).status_code == 401


def test_signing_in_again_rotates_the_session(app: Flask):
    client = sign_in(app, "lina")
    before = client.get_cookie("dianban_h5", path="/h5")
    client.delete_cookie("dianban_h5", path="/h5")
    asked = start_login(client, "/h5/")
    assert before is not None
    client.set_cookie("dianban_h5", before.value, path="/h5")
    come_back(client, asked, "code-lina!again")
    after = client.get_cookie("dianban_h5", path="/h5")
    assert after is not None
    assert after.value != before.value
    client.set_cookie("dianban_h5", before.value, path="/h5")
    assert client.get("/h5/", headers=PAGE).status_code == 302


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask):
    client = app.test_client()
    answer = come_back(client, start_login(client, "/h5/"), "code-lina")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/h5" in cookie


def test_production_cookies_travel_only_over_https_and_only_to_the_public_address(
    database: Database, chain: Chain, wecom: KnownCodes
):
    production = {
        "DIANBAN_MODE": "production",
        "SECRET_KEY": "k" * 64,
        "PUBLIC_URL": "https://dianban.example",
        "WECOM_CORP_ID": "ww1234567890abcdef",
        "WECOM_AGENT_ID": "1000007",
        "WECOM_SECRET": "s" * 43,
        "WECOM_JSSDK_URL": "https://static.example/wecom-jssdk.js",
        "WECOM_CALLBACK_TOKEN": "t" * 32,
        "WECOM_CALLBACK_AES_KEY": "k" * 43,
    }
    with database.transaction() as session:
        session.execute(update(ClockOffset).values(offset_us=0, target_at=None))
    app = make_app(database, wecom, **production)
    client = app.test_client()
    answer = client.get("/h5/", headers={**PAGE, "Host": "evil.example"})
    assert "redirect_uri=https%3A%2F%2Fdianban.example%2Fh5%2Flogin%2Fcallback" in answer.location
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]
    assert client.get("/sandbox-clock").status_code == 404
    app.extensions["database"].close()


def test_the_person_comes_back_to_a_page_of_ours_whatever_they_add(app: Flask):
    client = app.test_client()
    asked = start_login(client, "/h5/worklist?next=https://evil.example")
    answer = come_back(client, asked, "code-lina")
    assert answer.location.startswith("/h5/worklist")


def test_signing_out_ends_the_session_on_the_server(app: Flask):
    client = sign_in(app, "lina")
    kept = client.get_cookie("dianban_h5", path="/h5")
    assert kept is not None
    assert post_json(client, "/h5/logout", {}).status_code == 302
    client.set_cookie("dianban_h5", kept.value, path="/h5")
    assert client.get("/h5/", headers=PAGE).status_code == 302
