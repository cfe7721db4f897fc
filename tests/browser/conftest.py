"""The web application over a seeded SQLite file, the sandbox as a process, and pages that notice every script error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from playwright.sync_api import BrowserContext, Page

from app.db import Database
from app.factory import create_app
from app.wecom.sandbox_control import SandboxControl
from config.settings import Settings
from tests.browser.phone import FakePhone
from tests.faces.chain import Chain, noon_today, seed
from tests.servers.clean import SqliteDatabases
from tests.servers.process import ServerProcess, free_port
from tests.servers.threads import ThreadServer

PEOPLE = [
    {"userid": "lina", "name": "李娜", "department": "深圳万象城店", "position": "导购"},
    {"userid": "wangwei", "name": "王伟", "department": "深圳万象城店", "position": "店长"},
    {"userid": "chenjie", "name": "陈洁", "department": "上海恒隆店", "position": "导购"},
    {"userid": "zhaohq", "name": "赵敏", "department": "总部", "position": "运营"},
]
CONTACTS = [
    {"external_userid": external_userid, "name": name, "follow": [{"userid": userid}]}
    for external_userid, name, userid in (
        ("wmXiaowen", "林晓雯", "lina"),
        ("wmChen", "陈国强", "lina"),
        ("wmNobody", "路过的客人", "lina"),
        ("wmStranger", "新朋友", "lina"),
        ("wmOther", "吴桐", "chenjie"),
    )
]


class SwitchedWeb:
    """One address whose application each test replaces."""

    def __init__(self) -> None:
        self.app: Flask | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert self.app is not None
        return self.app.wsgi_app(environ, start_response)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """A page that a test answers for counts as public, and Chromium then guards this machine's own ports from it."""
    args = [*browser_type_launch_args["args"], "--disable-features=LocalNetworkAccessChecks"]
    return {**browser_type_launch_args, "args": args}


@pytest.fixture(scope="session")
def base_url() -> str:
    """None of ours: the plugin's own fixture warns, and every address here is whole."""
    return ""


@pytest.fixture(scope="session")
def web() -> Iterator[tuple[SwitchedWeb, str]]:
    switched = SwitchedWeb()
    server = ThreadServer(switched)
    yield switched, server.url
    server.stop()


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory, web: tuple[SwitchedWeb, str]) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    port, web_port = free_port(), urlsplit(web[1]).port
    environment = {
        "PATH": os.environ["PATH"],
        "SANDBOX_STATE": str(folder / "state.sqlite3"),
        "SANDBOX_CORP_ID": "ww0000sandbox0000",
        "SANDBOX_AGENT_ID": "1000002",
        "SANDBOX_SECRET": "sandbox-app-secret",
        "SANDBOX_TOOLBAR_URL": f"http://{{userid}}.localhost:{web_port}/h5/",
        "SANDBOX_TRAVEL_URL": f"http://127.0.0.1:{web_port}/sandbox-clock",
        "SANDBOX_TRAVEL_KEY": "sandbox-travel",
    }
    command = [
        str(Path(sys.executable).with_name("granian")),
        "--interface",
        "wsgi",
        "--port",
        str(port),
        "app.sandbox.wsgi:application",
    ]
    process = ServerProcess(command, folder / "log", environment)
    url = f"http://127.0.0.1:{port}"
    process.wait_until(lambda: _answers(url))
    control = SandboxControl(url)
    control.put_people(PEOPLE)
    control.put_contacts(CONTACTS)
    yield url
    process.stop()


@pytest.fixture
def chain(
    sqlite_databases: SqliteDatabases, web: tuple[SwitchedWeb, str], sandbox_url: str
) -> Iterator[Chain]:
    """A seeded chain behind the web address."""
    switched, web_url = web
    sandbox = sandbox_url.replace("127.0.0.1", "localhost")
    environment = {
        "DATABASE_URL": sqlite_databases.new(),
        "PUBLIC_URL": web_url.replace("127.0.0.1", "localhost"),
        "WECOM_API_URL": sandbox_url,
        "WECOM_OAUTH_URL": sandbox,
        "WECOM_LOGIN_URL": sandbox,
    }
    app = switched.app = create_app(Settings.from_env(environment))
    database: Database = app.extensions["database"]
    yield seed(database, noon_today())
    database.close()


@pytest.fixture
def database(chain: Chain, web: tuple[SwitchedWeb, str]) -> Database:
    """What the pages are made of."""
    assert web[0].app is not None
    opened: Database = web[0].app.extensions["database"]
    return opened


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A phone that speaks Chinese."""
    return {
        **browser_context_args,
        "viewport": {"width": 390, "height": 844},
        "locale": "zh-CN",
        "has_touch": True,
        "reduced_motion": "reduce",
    }


@pytest.fixture(autouse=True)
def quiet(context: BrowserContext, chain: Chain) -> Iterator[list[str]]:
    """Fails the test on a script error, a refused policy, or a request that leaves this machine."""
    complaints: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("request", lambda request: _note_leaving(request.url, complaints))
        page.on("console", lambda message: _note_policy(message.text, complaints))

    context.on("page", watch)
    yield complaints
    assert complaints == []


@pytest.fixture
def phone(page: Page, sandbox_url: str, web: tuple[SwitchedWeb, str]) -> FakePhone:
    return FakePhone(page, sandbox_url, web[1])


@pytest.fixture
def console_url(web: tuple[SwitchedWeb, str]) -> str:
    return web[1].replace("127.0.0.1", "localhost") + "/console/"


def _note_leaving(url: str, complaints: list[str]) -> None:
    host = urlsplit(url).hostname or ""
    if url.startswith("http") and not (host in ("127.0.0.1", "localhost") or host.endswith(".localhost")):
        complaints.append(f"left the machine: {url}")


def _note_policy(text: str, complaints: list[str]) -> None:
    if "Content Security Policy" in text or "Content-Security-Policy" in text:
        complaints.append(text)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/sandbox/state", timeout=1).status_code == 200
    except requests.RequestException:
        return False
