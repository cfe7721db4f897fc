"""Every route says who may call it; one that does not is closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from app.associates.models import Role
from app.db import Database
from app.errors import Forbidden
from app.factory import create_app
from app.http import ANYONE, PARTNER, TRAVEL_KEY, policy_of
from app.http.policy import refuse_undeclared
from config.settings import Settings

KNOWN = {ANYONE, PARTNER, TRAVEL_KEY, *(str(role) for role in Role)}


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    made = create_app(Settings.from_env({"DATABASE_URL": database_url}))
    yield made
    database: Database = made.extensions["database"]
    database.close()


def undeclared(app: Flask) -> list[str]:
    return [rule.rule for rule in app.url_map.iter_rules() if not policy_of(app, rule.endpoint)]


def test_every_route_declares_who_may_call_it(app: Flask):
    assert undeclared(app) == []


def test_policies_name_roles_and_nothing_else(app: Flask):
    for endpoint in app.view_functions:
        assert (policy_of(app, endpoint) or set()) <= KNOWN


def test_anyone_stands_alone(app: Flask):
    """A route for anyone identifies nobody, so roles beside it would be a mistake."""
    for endpoint in app.view_functions:
        policy = policy_of(app, endpoint) or frozenset()
        assert ANYONE not in policy or policy == {ANYONE}


def test_a_route_without_policy_is_noticed_and_closed():
    app = Flask("planted")
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert undeclared(app) == ["/static/<path:filename>", "/forgotten"]
    with app.test_request_context("/forgotten"), pytest.raises(Forbidden):
        refuse_undeclared()
