"""scripts/run's filling of an empty installation, against a sandbox of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db import Database
from app.wecom.sandbox_control import SandboxControl
from scripts.commands import prepare_demo
from scripts.commands.prepare_demo import EXCERPT, MINI_PROGRAM, prepare
from tests.servers.clean import SqliteDatabases
from tests.wecom.local_sandbox import LocalSandbox

pytestmark = pytest.mark.process


@pytest.fixture
def corp(tmp_path: Path) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(sqlite_databases: SqliteDatabases) -> Iterator[Database]:
    opened = Database(sqlite_databases.new())
    yield opened
    opened.close()


@pytest.fixture
def purchases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The excerpt, with its report beside it and not among the developer's own."""
    monkeypatch.setattr(prepare_demo, "default_report", lambda path: path.with_suffix(".refused.csv"))
    return Path(shutil.copy(EXCERPT, tmp_path / "purchases.csv"))


def test_the_demo_signs_its_people_in_from_the_mini_program_it_links(
    corp: LocalSandbox, database: Database, purchases: Path
):
    corp.set_rules(callback_url_set=True)
    prepare(database, corp.app(), SandboxControl(corp.url), purchases)
    code = corp.control("POST", "mini-program/code", {"userid": "zhouwenbo"})["code"]
    assert corp.app().logins.mini_program(code).wecom_userid == "zhouwenbo"
    rules = corp.control("PATCH", "rules", {})
    assert (rules["mini_program"], rules["callback_url_set"]) == (MINI_PROGRAM, True)
