"""The whole way of a change in the contact book: WeCom's console, a sealed callback over HTTP, the inbox, a session.

Our web application stands beside the sandbox's process; only the clock process is played by the test.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.associates.models import Associate
from app.associates.queries import find_actor_by_userid
from app.db import Database
from app.factory import create_app
from app.inbound.models import Inbound, InboundState
from app.intake.inbox import apply_received
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline
from app.organisation.service import grant_hq
from config.settings import Settings
from tests.faces.web import JSON, PAGE, start_login
from tests.organisation.book import plan_full, shown, sync_full
from tests.servers.clean import SqliteDatabases
from tests.servers.threads import ThreadServer
from tests.wecom.local_sandbox import OURS, LocalSandbox

PATIENCE_S = 60.0
TOKEN, AES_KEY = "tokenOfTheCallback", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
STAFF = [
    {"userid": "jing1", "name": "静一", "department": "华东分公司/静安店", "leader": True},
    {"userid": "jing2", "name": "静二", "department": "华东分公司/静安店"},
    {"userid": "hu1", "name": "湖一", "department": "华东分公司/湖滨店", "leader": True},
]


@dataclass
class Installation:
    """Our application, served for the sandbox to call."""

    app: Flask
    database: Database
    corp: LocalSandbox

    def hear(self, wanted: int) -> None:
        """Wait until so many events were kept, then apply them as the clock process does."""
        ends_at = time.monotonic() + PATIENCE_S
        while self._kept() < wanted:
            assert time.monotonic() < ends_at, "the callback did not arrive"
            # Where a busy machine's database was too slow for the door.
            self.app.extensions["callbacks"].drain.drain()
            time.sleep(0.05)
        handlers = wecom_handlers(self.database)
        apply_received(self.database, self.corp.app(), handlers, Deadline(PATIENCE_S))
        with self.database.reading() as session:
            assert set(session.scalars(select(Inbound.state))) == {InboundState.APPLIED}

    def sign_in(self, userid: str, path: str = "/h5/") -> FlaskClient:
        """Through the sandbox's own login page."""
        client = self.app.test_client()
        answer = client.get(path, headers=PAGE)
        back = urlsplit(self.corp.scan(answer.location, userid))
        assert client.get(f"{back.path}?{back.query}", headers=PAGE).status_code == 302
        return client

    def _kept(self) -> int:
        with self.database.reading() as session:
            return session.query(Inbound).count()


@pytest.fixture
def installation(corp: LocalSandbox, sqlite_databases: SqliteDatabases) -> Iterator[Installation]:
    app = create_app(
        Settings.from_env(
            {
                "DATABASE_URL": sqlite_databases.new(),
                "PUBLIC_URL": "http://localhost:8000",
                "WECOM_CORP_ID": OURS.corp_id,
                "WECOM_AGENT_ID": str(OURS.agent_id),
                "WECOM_SECRET": OURS.secret,
                "WECOM_API_URL": corp.url,
                "WECOM_OAUTH_URL": corp.url,
                "WECOM_LOGIN_URL": corp.url,
                "WECOM_CALLBACK_TOKEN": TOKEN,
                "WECOM_CALLBACK_AES_KEY": AES_KEY,
            }
        )
    )
    server = ThreadServer(app)
    corp.control("PUT", "people", STAFF)
    database: Database = app.extensions["database"]
    sync_full(database, corp.app())
    address = {
        "url": f"{server.url}/callbacks/wecom",
        "token": TOKEN,
        "aes_key": AES_KEY,
    }
    assert corp.control("PUT", "callback", address)["errcode"] == 0
    yield Installation(app, database, corp)
    corp.control("DELETE", "callback")
    server.stop()
    app.extensions["callbacks"].keeper.close()
    database.close()


def test_somebody_deleted_in_wecom_is_out_with_the_next_request(installation: Installation):
    client = installation.sign_in("jing2")
    assert client.get("/h5/worklist", headers=PAGE).status_code == 200
    installation.corp.control("DELETE", "organisation/people/jing2")
    installation.hear(1)
    assert client.get("/h5/worklist", headers=JSON).status_code == 401
    assert client.get("/h5/worklist", headers=PAGE).status_code == 302
    installation.corp.control("POST", "organisation/people", STAFF[1])
    installation.hear(2)
    assert client.get("/h5/worklist", headers=JSON).status_code == 401, "the old cookie stays void"
    assert installation.sign_in("jing2").get("/h5/worklist", headers=PAGE).status_code == 200


def test_a_move_and_a_new_userid_take_effect_with_the_next_request(installation: Installation):
    client = installation.sign_in("jing2")
    ids = {row["name"]: row["id"] for row in installation.corp.control("GET", "organisation")["departments"]}
    moved = {"departments": [ids["湖滨店"]], "leads": [ids["湖滨店"]]}
    installation.corp.control("PATCH", "organisation/people/jing2", moved)
    installation.corp.control("PATCH", "organisation/people/jing2", {"userid": "jing9"})
    installation.hear(2)
    assert client.get("/h5/worklist", headers=PAGE).status_code == 200
    with installation.database.reading() as session:
        actor = find_actor_by_userid(session, "jing9")
        assert actor is not None
        assert actor.role == "store_manager"
    assert shown(installation.database, plan_full(installation.database, installation.corp.app())).is_empty


def test_events_from_the_console_come_to_what_a_full_sync_finds(installation: Installation):
    corp = installation.corp
    corp.control(
        "POST", "organisation/people", {"userid": "neu", "name": "新人", "department": "华东分公司/静安店"}
    )
    ids = {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}
    made = corp.control("POST", "organisation/departments", {"name": "外滩店", "parentid": ids["华东分公司"]})
    corp.control("PATCH", "organisation/people/hu1", {"departments": [made["id"]]})
    corp.control("PATCH", f"organisation/departments/{ids['静安店']}", {"name": "静安旗舰店"})
    installation.hear(4)
    assert shown(installation.database, plan_full(installation.database, corp.app())).is_empty
    with installation.database.reading() as session:
        names = set(session.scalars(select(Associate.name).where(Associate.ended_at.is_(None))))
    assert {"新人", "静一", "湖一"} <= names


@pytest.mark.parametrize(
    "spoil",
    [
        lambda query: {**query, "redirect_uri": "https://evil.example/h5/login/callback"},
        lambda query: {
            **query,
            "redirect_uri": query["redirect_uri"].replace("localhost", "localhost.evil.example"),
        },
    ],
    ids=["another host", "a host that begins like ours"],
)
def test_wecom_sends_nobody_to_a_foreign_address(
    installation: Installation, spoil: Callable[[dict[str, str]], dict[str, str]]
):
    client = installation.app.test_client()
    asked = spoil(start_login(client, "/h5/"))
    page = f"{installation.corp.url}/connect/oauth2/authorize"
    answer = installation.corp.get_page(page, {**asked, "as": "jing1"})
    assert (answer.status_code, "50001" in answer.text) == (400, True)


def test_state_and_code_are_good_once(installation: Installation):
    client = installation.app.test_client()
    location = client.get("/h5/", headers=PAGE).location
    back = urlsplit(installation.corp.scan(location, "jing1"))
    callback = f"{back.path}?{back.query}"
    assert client.get(callback, headers=PAGE).status_code == 302
    again = client.get(callback, headers=PAGE)
    assert (again.status_code, "login_state" in again.text) == (403, True)
    fresh = installation.app.test_client()
    state = start_login(fresh, "/h5/")["state"]
    reused = fresh.get(
        back.path, query_string={"code": parse_qs(back.query)["code"][0], "state": state}, headers=PAGE
    )
    assert (reused.status_code, "login_refused" in reused.text) == (403, True)


def test_the_consoles_qr_login_signs_in_whom_wecom_names(installation: Installation):
    with installation.database.transaction() as session:
        grant_hq(session, "jing1", "静一")
    assert installation.sign_in("jing1", "/console/").get("/console/", headers=PAGE).status_code == 200
    assert installation.sign_in("jing2", "/console/").get("/console/", headers=PAGE).status_code == 403


def test_the_mini_programs_code_is_good_once(installation: Installation):
    installation.corp.set_rules(mini_program="wx123")
    code = installation.corp.control("POST", "mini-program/code", {"userid": "jing2"})["code"]
    client = installation.app.test_client()
    answer = client.post("/h5/api/mini-program/session", json={"code": code}, headers=JSON)
    assert answer.status_code == 201
    assert client.get("/h5/worklist", headers=PAGE).status_code == 200
    again = client.post("/h5/api/mini-program/session", json={"code": code}, headers=JSON)
    assert (again.status_code, again.json and again.json["code"]) == (403, "login_refused")
