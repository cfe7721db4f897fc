"""A till that reports to us: the web application over a small chain, and an API key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.db import Database
from app.partner_api.keys import create_key
from tests.faces.web import KnownCodes, make_app
from tests.world import World

PATH, EVENTS = "/partner/v1/purchases", "/partner/v1/events"


class Till:
    """Sends what a test gives it, with a key of its own and, unless told, a fresh idempotency key."""

    def __init__(self, app: Flask, key: str) -> None:
        self.app = app
        self.key = key
        self._numbers = count(1)

    def send(self, body: Any, *, idempotency_key: str | None = None, **headers: str) -> TestResponse:
        named = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": idempotency_key or f"request-{next(self._numbers)}",
            "Content-Type": "application/json",
            "Accept-Language": "en",
        }
        sent = named | {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.app.test_client().post(sent.pop("path", PATH), data=data, headers=sent)

    def report(self, body: Any, **options: Any) -> dict[str, Any]:
        answer = self.send(body, **options)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())


PURCHASE: dict[str, Any] = {
    "ref": "1",
    "store": "S1",
    "customer": "c1",
    "occurred_at": "2026-02-20T18:30:00+08:00",
    "currency": "CNY",
    "lines": [
        {"sku": "A", "quantity": 2, "unit_price_fen": 1999},
        {"sku": "POST", "quantity": 1, "unit_price_fen": 500, "kind": "postage"},
    ],
}


def purchase(**changes: Any) -> dict[str, Any]:
    """A purchase of the small chain; a change to None leaves the field out."""
    changed = deepcopy(PURCHASE) | changes
    return {name: value for name, value in changed.items() if value is not None}


@pytest.fixture
def app(database: Database) -> Iterator[Flask]:
    World(database)
    made = make_app(database, KnownCodes())
    yield made
    opened: Database = made.extensions["database"]
    opened.close()


@pytest.fixture
def till(app: Flask, database: Database) -> Till:
    with database.transaction() as session:
        return Till(app, create_key(session, "till", "till"))
