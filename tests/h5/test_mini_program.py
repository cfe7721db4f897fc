"""Signing in from the mini program: its code for a session of the toolbar's face, once, and for associates only."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.db import Database
from app.sessions.models import WebSession
from app.wecom.errors import WeComMisconfigured, WeComRetryable
from tests.faces.web import JSON, PAGE, KnownCodes

PATH = "/h5/api/mini-program/session"


def ask(app: Flask, code: str = "code-lina", **more: Any) -> TestResponse:
    return app.test_client().post(PATH, json={"code": code, **more}, headers=JSON)


def test_a_code_becomes_a_session_that_reads_and_writes(app: Flask):
    answer = ask(app)
    assert answer.status_code == 201
    given = answer.json
    assert given is not None
    cookie = {"Cookie": f"{given['cookie']}={given['token']}"}
    client = app.test_client(use_cookies=False)
    assert client.get("/h5/worklist", headers={**PAGE, **cookie}).status_code == 200
    token = {"X-CSRF-Token": given["csrf_token"]}
    refused = client.post("/h5/logout", headers={**JSON, **cookie})
    assert (refused.status_code, refused.json and refused.json["code"]) == (403, "csrf")
    assert client.post("/h5/logout", headers={**JSON, **cookie, **token}).status_code == 302
    assert client.get("/h5/worklist", headers={**JSON, **cookie}).status_code == 401


def test_the_cookie_is_as_well_kept_as_that_of_a_browser(app: Flask):
    set_cookie = ask(app).headers["Set-Cookie"]
    assert all(part in set_cookie for part in ("dianban_h5=", "HttpOnly", "SameSite=Lax", "Path=/h5"))


def test_a_code_is_good_once(app: Flask):
    assert ask(app).status_code == 201
    again = ask(app)
    assert (again.status_code, again.json and again.json["code"]) == (403, "login_refused")


@pytest.mark.parametrize("code", ["code-stranger", "code-elsewhere", "made-up"])
def test_strangers_other_corps_and_made_up_codes_get_no_session(app: Flask, database: Database, code: str):
    assert ask(app, code).status_code == 403
    with database.reading() as session:
        assert session.query(WebSession).count() == 0


@pytest.mark.parametrize(
    "sent", [{}, {"code": ""}, {"code": "x" * 513}, {"code": 7}, {"code": "x", "as": "lina"}]
)
def test_anything_but_a_code_is_refused(app: Flask, sent: dict[str, Any]):
    answer = app.test_client().post(PATH, json=sent, headers=JSON)
    assert answer.status_code == 422


def test_a_form_of_another_site_cannot_sign_anybody_in(app: Flask):
    answer = app.test_client().post(PATH, data={"code": "code-lina"}, headers=JSON)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (422, False)


def test_wecoms_silence_is_told_and_may_be_tried_again(app: Flask, wecom: KnownCodes):
    wecom.fails = WeComRetryable("miniprogram/jscode2session", "HTTP 502")
    answer = ask(app)
    assert (answer.status_code, answer.json and answer.json["code"]) == (503, "wecom_unavailable")


@pytest.mark.parametrize(
    ("language", "says"),
    [("zh-CN", "企业微信没有为本应用开通这个接口"), ("en", "WeCom has not opened this interface to the app")],
)
def test_what_wecom_does_not_grant_the_app_is_for_the_administrator_not_for_patience(
    app: Flask, wecom: KnownCodes, language: str, says: str
):
    wecom.fails = WeComMisconfigured("miniprogram/jscode2session", 48002, "api forbidden")
    headers = {**JSON, "Accept-Language": language}
    answer = app.test_client().post(PATH, json={"code": "code-lina"}, headers=headers)
    assert answer.status_code == 502
    assert answer.json is not None
    assert answer.json["code"] == "wecom_misconfigured"
    assert says in answer.json["title"]
    assert "Set-Cookie" not in answer.headers
