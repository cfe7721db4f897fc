"""Every error has one shape: problem+json for programs, a page with the same words for people."""

from __future__ import annotations

import sqlite3

import pymysql
import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from flask_babel import Babel
from marshmallow import Schema, fields
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound
from app.http import ANYONE, allow, load_json, load_query
from app.http.policy import refuse_undeclared
from app.http.problems import install_problems

JSON = {"Accept": "application/json"}


class PieceSchema(Schema):
    count = fields.Integer(required=True)


PIECE = PieceSchema()


@pytest.fixture
def app() -> Flask:
    app = Flask("problems")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = 100
    app.before_request(refuse_undeclared)
    Babel(app)
    install_problems(app)
    return app


def client_that_raises(app: Flask, error: Exception) -> FlaskClient:
    @allow(ANYONE)
    def fail() -> str:
        raise error

    app.add_url_rule("/fail", view_func=fail)
    return app.test_client()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("unknown_store", place="S9"), 404),
        (Forbidden("not_yours"), 403),
        (Conflict("task_closed"), 409),
        (Invalid("bad_plan", place="steps.2"), 422),
    ],
)
def test_domain_errors_keep_code_and_place(app: Flask, error: DomainError, status: int):
    answer = client_that_raises(app, error).get("/fail", headers=JSON)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["code"] == error.code
    assert answer.get_json().get("place", "") == error.place
    assert answer.get_json()["title"]


def sqlite_error(kind: type[sqlite3.Error], name: str) -> sqlite3.Error:
    error = kind("about phone 13800000000")
    error.sqlite_errorname = name
    return error


def database_error(kind: type[DBAPIError], orig: Exception, *, is_lost: bool = False) -> DBAPIError:
    return kind(
        "UPDATE members SET phone = ?", {"phone": "13800000000"}, orig, connection_invalidated=is_lost
    )


@pytest.mark.parametrize(
    "error",
    [
        *(
            database_error(OperationalError, pymysql.err.OperationalError(code, "13800000000"))
            for code in (1040, 1205, 1213, 1305, 2003, 2006, 2013)
        ),
        database_error(OperationalError, sqlite_error(sqlite3.OperationalError, "SQLITE_BUSY")),
        database_error(OperationalError, sqlite_error(sqlite3.OperationalError, "SQLITE_BUSY_SNAPSHOT")),
        database_error(OperationalError, sqlite_error(sqlite3.OperationalError, "SQLITE_CANTOPEN")),
        database_error(InterfaceError, pymysql.err.InterfaceError(0, ""), is_lost=True),
        PoolTimeout(),
    ],
)
def test_a_database_that_cannot_keep_up_asks_for_patience(app: Flask, error: Exception):
    answer = client_that_raises(app, error).get("/fail", headers=JSON)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "UPDATE" not in answer.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (database_error(OperationalError, pymysql.err.OperationalError(1054, "13800000000")), 1054),
        (
            database_error(OperationalError, sqlite_error(sqlite3.OperationalError, "SQLITE_ERROR")),
            "SQLITE_ERROR",
        ),
        (database_error(DataError, pymysql.err.DataError(1264, "13800000000")), 1264),
        (database_error(ProgrammingError, Exception("13800000000")), ""),
    ],
)
def test_a_mistake_in_a_statement_is_ours_and_is_logged_without_values(
    app: Flask, error: Exception, code: object
):
    with capture_logs() as logs:
        answer = client_that_raises(app, error).get("/fail", headers=JSON)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "error")
    assert "Retry-After" not in answer.headers
    assert "13800000000" not in str(logs) + answer.text
    assert [(line["event"], line["code"]) for line in logs] == [("database_error", code)]


def test_an_unforeseen_error_says_nothing_of_its_inside(app: Flask):
    answer = client_that_raises(app, ZeroDivisionError("secret detail")).get("/fail", headers=JSON)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.get_json()["code"] == "error"


def test_http_errors_keep_their_headers(app: Flask):
    @allow(ANYONE)
    def teapot() -> str:
        abort(418)

    app.add_url_rule("/teapot", view_func=teapot, methods=["POST"])
    wrong_method = app.test_client().get("/teapot", headers=JSON)
    assert wrong_method.status_code == 405
    assert "POST" in wrong_method.headers["Allow"]
    assert app.test_client().get("/nowhere", headers=JSON).get_json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("query", "place"),
    [("count=x", "count"), ("", "count"), ("count=1&more=2", "more"), ("count=1&count=2", "count")],
)
def test_wrong_query_fields_are_named(app: Flask, query: str, place: str):
    @allow(ANYONE)
    def show() -> str:
        return str(load_query(PIECE)["count"])

    app.add_url_rule("/show", view_func=show)
    assert app.test_client().get("/show?count=3").text == "3"
    answer = app.test_client().get(f"/show?{query}", headers=JSON)
    assert (answer.status_code, answer.get_json()["place"]) == (422, place)


def test_a_body_that_is_too_big_is_refused(app: Flask):
    @allow(ANYONE)
    def take() -> str:
        return str(load_json(PIECE)["count"])

    app.add_url_rule("/take", view_func=take, methods=["POST"])
    client = app.test_client()
    assert client.post("/take", json={"count": 3}).text == "3"
    answer = client.post("/take", json={"count": 3, "more": "x" * 500}, headers=JSON)
    assert answer.status_code == 413
    assert client.post("/take", json={"count": 3, "more": 1}, headers=JSON).get_json()["place"] == "more"


@pytest.mark.parametrize("text", ["half a letter: \\ud83d", "\\u0000", "\\u001b[2J"])
def test_what_nobody_can_have_written_is_refused_at_its_place(app: Flask, text: str):
    @allow(ANYONE)
    def take() -> str:
        return str(load_json(PIECE))

    app.add_url_rule("/take", view_func=take, methods=["POST"])
    body = f'{{"count": 3, "more": {{"within": ["fine", "{text}"]}}}}'
    answer = app.test_client().post("/take", data=body, headers={**JSON, "Content-Type": "application/json"})
    assert (answer.status_code, answer.get_json()["place"]) == (422, "more")
    assert "This is not valid text." in answer.text


@pytest.mark.parametrize("depth", [400, 900, 20_000])
def test_brackets_however_deep_are_refused(app: Flask, depth: int):
    @allow(ANYONE)
    def take() -> str:
        return str(load_json(PIECE))

    app.config["MAX_CONTENT_LENGTH"] = 100_000
    app.add_url_rule("/take", view_func=take, methods=["POST"])
    body = f'{{"count": 3, "more": {"[" * depth}{"]" * depth}}}'
    answer = app.test_client().post("/take", data=body, headers={**JSON, "Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_policy_needs_a_name():
    with pytest.raises(ValueError, match="at least one"):
        allow()
