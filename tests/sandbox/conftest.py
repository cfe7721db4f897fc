"""A sandbox of the tests' corp over a state file of its own, on a machine clock that only the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.sandbox.factory import create_sandbox
from app.sandbox.settings import AppCredentials, Settings
from tests.sandbox.corp import AGENT, CONTACTS, CORP, OTHER_AGENT, OTHER_SECRET, PEOPLE, SECRET, Api, Machine
from tests.servers.threads import ThreadServer


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state=tmp_path / "state" / "sandbox.sqlite3",
        corp_id=CORP,
        apps=(AppCredentials(AGENT, SECRET), AppCredentials(OTHER_AGENT, OTHER_SECRET)),
        toolbar_url="http://{userid}.localhost:8000/h5/",
        console_url="http://localhost:8000/console/",
    )


@pytest.fixture
def sandbox(settings: Settings, machine: Machine) -> Iterator[Flask]:
    app = create_sandbox(settings, machine)
    yield app
    app.extensions["sandbox"].store.close()


@pytest.fixture
def client(sandbox: Flask) -> FlaskClient:
    return sandbox.test_client()


@pytest.fixture
def seeded(client: FlaskClient) -> FlaskClient:
    assert client.put("/sandbox/people", json=PEOPLE).json == {"people": len(PEOPLE)}
    assert client.put("/sandbox/contacts", json=CONTACTS).json == {"contacts": len(CONTACTS)}
    return client


@pytest.fixture
def api(seeded: FlaskClient) -> Api:
    return Api(seeded)


@pytest.fixture
def travel_to(client: FlaskClient) -> Callable[[int], None]:
    """Set the sandbox's offset, in microseconds from the machine's clock."""

    def travel(offset: int) -> None:
        assert client.post("/sandbox/clock", json={"offset_us": offset}).status_code == 200

    return travel


@pytest.fixture
def live_url(sandbox: Flask, seeded: FlaskClient) -> Iterator[str]:
    """Where the sandbox answers over HTTP, with everybody in place: for clients that are not ours."""
    server = ThreadServer(sandbox)
    yield server.url
    server.stop()
