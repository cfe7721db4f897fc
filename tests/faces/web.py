"""The web application over a seeded database, with a WeCom that knows everybody's code, and signed-in clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.db import Database
from app.factory import create_app
from app.wecom.apis.logins import MiniProgramLogin
from app.wecom.errors import WeComRejected
from app.wecom.port import Login
from config.settings import Settings
from tests.wecom.unanswering import UnansweringWeCom

PAGE = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


@dataclass
class KnownCodes(UnansweringWeCom):
    """A WeCom in which `code-<userid>` is the code of that account, once."""

    used: set[str] = field(default_factory=set)
    fails: Exception | None = None

    def login_of(self, code: str) -> Login:
        if self.fails is not None:
            raise self.fails
        if not code.startswith("code-") or code in self.used:
            raise WeComRejected("auth/getuserinfo", 40029, "invalid code")
        self.used.add(code)
        userid = code.removeprefix("code-").partition("!")[0]
        return Login(None, "openid", None) if userid == "outsider" else Login(userid, None, None)

    @property
    def logins(self) -> Any:
        """Codes of the mini program are the same; one of `elsewhere` is another corp's."""
        return MiniProgramCodes(self)

    def corp_ticket(self) -> str:
        return "corp-ticket"

    def agent_ticket(self) -> str:
        return "agent-ticket"


class MiniProgramCodes:
    """What jscode2session says of `KnownCodes`."""

    def __init__(self, codes: KnownCodes) -> None:
        self._codes = codes

    def mini_program(self, code: str) -> MiniProgramLogin:
        userid = self._codes.login_of(code).wecom_userid or ""
        corp_id = "ww-of-others" if userid == "elsewhere" else "ww0000sandbox0000"
        return MiniProgramLogin(corp_id, "lina" if userid == "elsewhere" else userid)


def make_app(database: Database, wecom: KnownCodes, **environment: str) -> Flask:
    """The application on this database; its own handle is closed by the caller."""
    url = database.engine.url.render_as_string(hide_password=False)
    return create_app(Settings.from_env({"DATABASE_URL": url, **environment}), wecom=wecom)


def start_login(client: FlaskClient, path: str) -> dict[str, str]:
    """Ask for a page without being signed in; what WeCom's login page is given."""
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def come_back(client: FlaskClient, asked: dict[str, str], code: str) -> TestResponse:
    """What the browser does when WeCom sends it back with a code."""
    path = urlsplit(asked["redirect_uri"]).path
    return client.get(path, query_string={"code": code, "state": asked["state"]}, headers=PAGE)


_turn = iter(range(10**9))


def sign_in(app: Flask, userid: str, path: str = "/h5/") -> FlaskClient:
    """A browser signed in as this person, at the face of `path`."""
    client = app.test_client()
    answer = come_back(client, start_login(client, path), f"code-{userid}!{next(_turn)}")
    assert answer.status_code == 302, answer.text
    assert answer.location == path
    return client


def csrf_of(client: FlaskClient) -> str:
    """The token as the page carries it."""
    found = re.search(r'data-csrf="(\w+)"', client.get("/h5/", headers=PAGE).text)
    assert found
    return found[1]


def post_json(client: FlaskClient, path: str, body: Any, token: str | None = None) -> TestResponse:
    """A write as the page's scripts send it."""
    headers = {**JSON, "X-CSRF-Token": csrf_of(client) if token is None else token}
    return client.post(path, json=body, headers=headers)
