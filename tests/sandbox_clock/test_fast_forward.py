"""The sandbox's fast-forward: who may ask, for what, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import clock
from app.db import Database
from app.timers import Lane, TimerKey, set_timers
from tests.faces.web import KnownCodes, make_app

KEY = {"X-Travel-Key": "sandbox-travel"}


@pytest.fixture
def client(database: Database) -> Iterator[FlaskClient]:
    app = make_app(database, KnownCodes())
    yield app.test_client()
    app.extensions["database"].close()


def ask(client: FlaskClient, wish: Any, **headers: str) -> Any:
    return client.post("/sandbox-clock", json=wish, headers={**KEY, **headers})


@pytest.mark.parametrize(
    "key", [{}, {"X-Travel-Key": ""}, {"X-Travel-Key": "sandbox-trave"}, {"X-Travel-Key": "é"}]
)
def test_without_the_key_nothing_moves(client: FlaskClient, database: Database, key: dict[str, str]):
    assert client.get("/sandbox-clock", headers=key).status_code == 403
    assert client.post("/sandbox-clock", json={"seconds": 60}, headers=key).status_code == 403
    with database.reading() as session:
        assert clock.moment(session).target_at is None


def test_a_journey_is_begun_and_arrives_when_the_clock_process_says_so(
    client: FlaskClient, database: Database
):
    answer = ask(client, {"seconds": 1800})
    assert answer.status_code == 202
    target = datetime.fromisoformat(answer.get_json()["target_at"])
    under_way = client.get("/sandbox-clock", headers=KEY).get_json()
    assert (under_way["arrived"], under_way["offset_us"]) == (False, 0)
    with database.transaction() as session:
        clock.now(session)
        clock.jump_to(session, target)
        clock.clear_target(session, target)
    there = client.get("/sandbox-clock", headers=KEY).get_json()
    assert there["arrived"]
    assert timedelta(0) <= datetime.fromisoformat(there["now"]) - target < timedelta(minutes=1)
    assert there["offset_us"] > 1_790_000_000


def test_to_the_next_due(client: FlaskClient, database: Database):
    assert ask(client, {"to": "next_due"}).status_code == 409
    with database.transaction() as session:
        due = clock.now(session) + timedelta(days=3)
        set_timers(
            session,
            [(TimerKey(Lane.DAYS, due, 7), 7), (TimerKey(Lane.PUSH, due - timedelta(days=1), 8), None)],
        )
    answer = ask(client, {"to": "next_due"})
    assert datetime.fromisoformat(answer.get_json()["target_at"]) == due


@pytest.mark.parametrize(
    "wish",
    [
        *({}, {"seconds": 0}, {"seconds": -5}, {"seconds": "60"}, {"seconds": 1.5}, {"seconds": 10**9}),
        *({"to": "yesterday"}, {"seconds": 60, "to": "next_due"}, {"seconds": 60, "more": 1}, []),
    ],
)
def test_wrong_wishes_are_refused(client: FlaskClient, database: Database, wish: Any):
    assert ask(client, wish).status_code == 422
    with database.reading() as session:
        assert clock.moment(session).target_at is None
