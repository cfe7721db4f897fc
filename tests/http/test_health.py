"""Whether the process can work: asked of the database, not of the process alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app.db import Database
from app.factory import create_app
from config.settings import Settings
from tests.servers.process import free_port


def app_on(url: str) -> Flask:
    return create_app(Settings.from_env({"DATABASE_URL": url}))


def test_healthy_is_a_database_that_answers(database: Database):
    app = app_on(database.engine.url.render_as_string(hide_password=False))
    assert app.test_client().get("/healthz").status_code == 200
    app.extensions["database"].close()


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_a_database_that_is_away_is_503(tmp_path: Path, kind: str):
    away = {
        "sqlite": f"sqlite:///{tmp_path / 'gone' / 'a.sqlite3'}",
        "mariadb": f"mysql+pymysql://nobody@127.0.0.1:{free_port()}/nothing",
    }
    app = app_on(away[kind])
    (tmp_path / "gone").rmdir() if kind == "sqlite" else None
    answer = app.test_client().get("/healthz", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.get_json()["code"] == "overloaded"
