"""Every route declares who may call it, and refuses query fields it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue

from app.associates.models import Role
from app.db import Database
from app.factory import create_app
from app.http import ANYONE, PARTNER, TRAVEL_KEY, policy_of
from config.settings import Settings
from tests.house.test_settings import PRODUCTION
from tests.servers.clean import SqliteDatabases

KNOWN = {ANYONE, PARTNER, TRAVEL_KEY, *(str(role) for role in Role)}


@pytest.fixture
def make_app(sqlite_databases: SqliteDatabases) -> Iterator[Callable[[dict[str, str]], Flask]]:
    made: list[Flask] = []

    def make(environment: dict[str, str]) -> Flask:
        settings = Settings.from_env({**environment, "DATABASE_URL": sqlite_databases.new(), "REDIS_URL": ""})
        made.append(create_app(settings))
        return made[-1]

    yield make
    for app in made:
        database: Database = app.extensions["database"]
        database.close()


@pytest.fixture(params=["sandbox", "production"])
def app(request: pytest.FixtureRequest, make_app: Callable[[dict[str, str]], Flask]) -> Flask:
    return make_app(PRODUCTION if request.param == "production" else {})


def undeclared(app: Flask) -> list[str]:
    """Routes that do not say who may call them, or say a name nobody has."""
    found = []
    for rule in app.url_map.iter_rules():
        declared = policy_of(app, rule.endpoint)
        if not declared or not declared <= KNOWN:
            found.append(f"{rule.rule} ({rule.endpoint}): {declared}")
    return found


def test_every_route_declares_who_may_call_it(app: Flask):
    assert undeclared(app) == []


def test_anyone_stands_alone(app: Flask):
    """A route for anyone identifies nobody, so roles beside it would be a mistake."""
    policies = [policy_of(app, endpoint) or frozenset() for endpoint in app.view_functions]
    assert [policy for policy in policies if ANYONE in policy and policy != {ANYONE}] == []


def test_there_are_routes_of_each_face(app: Flask):
    paths = [rule.rule for rule in app.url_map.iter_rules()]
    for prefix in ("/h5/", "/console/", "/partner/v1/"):
        assert any(path.startswith(prefix) for path in paths), prefix


def test_a_route_without_declaration_would_be_noticed_and_is_closed(
    make_app: Callable[[dict[str, str]], Flask],
):
    app = make_app({})

    def forgotten() -> ResponseReturnValue:
        return "open to all"

    app.add_url_rule("/forgotten", view_func=forgotten)
    assert any("/forgotten" in line for line in undeclared(app))
    assert app.test_client().get("/forgotten").status_code == 403


def test_the_fast_forward_is_not_in_production(make_app: Callable[[dict[str, str]], Flask]):
    names = [rule.rule for rule in make_app(PRODUCTION).url_map.iter_rules()]
    assert not [name for name in names if "sandbox" in name]


def test_unknown_query_fields_are_refused(app: Flask):
    """On every page and answer that can be had without identity or id."""
    open_to_all = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if not rule.arguments
        and "GET" in (rule.methods or ())
        and policy_of(app, rule.endpoint) == frozenset({ANYONE})
    ]
    assert open_to_all
    client = app.test_client()
    accepted = [
        path
        for path in open_to_all
        if client.get(path, query_string={"no_such_field": "1"}).status_code < 400
    ]
    assert accepted == []
