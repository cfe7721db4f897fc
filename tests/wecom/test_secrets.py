"""Nothing secret is said: not in a log of any level, not in an error however it is reported."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from app.wecom.client import CorpClient
from app.wecom.errors import WeComError
from app.wecom.token_cache import ProcessCache
from tests.wecom.local_sandbox import OURS, LocalSandbox
from tests.wecom.scripted_server import raw_server

pytestmark = pytest.mark.process
CODE = "-".join(("code", "canary", "51"))  # put together: a traceback quotes the source
FAULTS = [("drop_answer", 0), ("http500", 500), ("malformed", 0)]
FAULTS += [("errcode", code) for code in (-1, 40001, 40014, 40029, 45009)]
CALLS: dict[str, Callable[[CorpClient], Any]] = {
    "gettoken": lambda client: client.access_token,
    "auth/getuserinfo": lambda client: client.get("auth/getuserinfo", params={"code": CODE}),
    "miniprogram/jscode2session": lambda client: client.get(
        "miniprogram/jscode2session", params={"js_code": CODE, "grant_type": "authorization_code"}
    ),
    "auth/getuserdetail": lambda client: client.post("auth/getuserdetail", data={"user_ticket": CODE}),
    "get_jsapi_ticket": lambda client: client.ticket("corp"),
    "ticket/get": lambda client: client.ticket("agent"),
    "media/get": lambda client: client.download("media/get", {"media_id": "m"}),
    "media/upload": lambda client: client.post("media/upload", files={"media": ("a.txt", b"123456")}),
}


def _everything_said(error: BaseException) -> str:
    """A report as an error tracker would make it: causes, contexts, arguments."""
    said = "".join(traceback.format_exception(error))
    found: BaseException | None = error
    while found is not None:
        said += repr(found) + repr(found.args) + repr(vars(found))
        found = found.__context__ or found.__cause__
    return said


def _attempt(client: CorpClient, path: str) -> str:
    try:
        CALLS[path](client)
    except WeComError as error:
        return _everything_said(error)
    return ""


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything any logger said since the test began."""
    caplog.set_level(logging.DEBUG)
    return lambda: "".join(
        record.getMessage() + repr(record.args) + str(record.exc_info) for record in caplog.records
    )


def test_no_secret_and_no_token_reaches_a_log_or_an_error(sandbox: LocalSandbox, heard: Callable[[], str]):
    said, lent = "", set()
    with capture_logs() as structured:
        structlog.get_logger("canary").info("listening")
        for path in CALLS:
            for kind, value in FAULTS:
                sandbox.forget()
                sandbox.plant(path, kind, times=None, value=value)
                client = sandbox.client()
                said += _attempt(client, path) + repr(client)
        sandbox.forget()
        client = sandbox.client()
        lent = {client.access_token, client.ticket("corp"), client.ticket("agent")}
        client.get("user/get", params={"userid": "lina"})
    said += heard() + json.dumps(structured) + repr(OURS)
    for expected in ("user/get", "gettoken", "listening", "js_code=…", "corpsecret=…", "access_token=…"):
        assert expected in said
    for secret in (OURS.secret, CODE, *lent):
        assert secret not in said


BROKEN = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"",
]


@pytest.mark.parametrize("answer", BROKEN)
def test_what_is_no_http_makes_nobody_say_a_secret(answer: bytes, heard: Callable[[], str]):
    with raw_server([answer]) as url:
        client = CorpClient(OURS, url, ProcessCache(), sleep=lambda _seconds: None)
        said = _attempt(client, "gettoken")
    assert said
    assert OURS.secret not in said + heard()


def test_a_proxy_of_the_environment_never_hears_of_us(monkeypatch: pytest.MonkeyPatch, sandbox: LocalSandbox):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert sandbox.app().people.get("lina").wecom_userid == "lina"
