"""What every test may ask for: clean migrated databases on both engines, Redis, Chromium.

DIANBAN_TEST_FAST=1 (scripts/test --fast) leaves SQLite only. In a full run a missing server or browser is a failure.
Servers start when the first test asks for them; when tests run in parallel, once for all of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from app.db import Database
from tests.servers.clean import MariaDatabases, SqliteDatabases
from tests.servers.mariadb import MariaDB
from tests.servers.process import find_program
from tests.servers.redis import Redis
from tests.servers.statements import compile_once

FAST = os.environ.get("DIANBAN_TEST_FAST") == "1"
KINDS = ["sqlite"] if FAST else ["sqlite", "mariadb"]
# Tests of these folders start processes or browsers: one worker takes all of them, the others the rest.
MARKED_FOLDERS = {"browser": "browser", "contract": "process", "faults": "fault", "process": "process"}
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# How long a page may take on the slowest machine that must still be green; it costs only tests that fail.
PAGE_MS = 20_000
expect.set_options(timeout=PAGE_MS)
compile_once()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in MARKED_FOLDERS:
            item.add_marker(MARKED_FOLDERS[folder])
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
        if any(item.get_closest_marker(name) for name in (*MARKED_FOLDERS.values(), "serial")):
            item.add_marker(pytest.mark.xdist_group("serial"))


class SharedServers:
    """In the controlling process of a parallel run: the servers that all workers use."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._mariadb: MariaDB | None = None
        self._redis: Redis | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if FAST:
            return
        if self._mariadb is None or self._redis is None:
            self._folder = make_server_folder()
            self._mariadb, self._redis = MariaDB(self._folder / "m"), Redis(self._folder / "r")
            self._mariadb.start()
            self._redis.start()
        node.workerinput["ports"] = {"mariadb": self._mariadb.port, "redis": self._redis.port}

    def pytest_unconfigure(self) -> None:
        for server in (self._mariadb, self._redis):
            if server is not None:
                server.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SharedServers(), "shared-servers")


def make_server_folder() -> Path:
    """A short path: a socket's may have 107 characters."""
    return Path(tempfile.mkdtemp(prefix="dianban-"))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    folder = make_server_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_ports(request: pytest.FixtureRequest) -> dict[str, int]:
    workerinput: dict[str, Any] = getattr(request.config, "workerinput", {})
    return dict(workerinput.get("ports", {}))


@pytest.fixture(scope="session")
def mariadb(server_folder: Path, shared_ports: dict[str, int]) -> Iterator[MariaDB]:
    """The quick private MariaDB. It may lose its data when killed: fault tests start their own, durable."""
    server = MariaDB(server_folder / "m", port=shared_ports.get("mariadb"))
    if not shared_ports:
        server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(server_folder: Path, shared_ports: dict[str, int]) -> Iterator[Redis]:
    server = Redis(server_folder / "r", port=shared_ports.get("redis"))
    if not shared_ports:
        server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: Redis, worker_id: str) -> str:
    """The address of an empty Redis database, of this test process alone."""
    number = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    return redis_server.empty_database(number)


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def maria_databases(mariadb: MariaDB, worker_id: str) -> MariaDatabases:
    return MariaDatabases(mariadb, f"dianban_{worker_id}")


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each test that needs a database runs once per kind."""
    return str(request.param)


@pytest.fixture
def databases(database_kind: str, request: pytest.FixtureRequest) -> SqliteDatabases | MariaDatabases:
    name = "sqlite_databases" if database_kind == "sqlite" else "maria_databases"
    found: SqliteDatabases | MariaDatabases = request.getfixturevalue(name)
    return found


@pytest.fixture
def new_database_url(databases: SqliteDatabases | MariaDatabases) -> Callable[[], str]:
    """For tests that live several lives (Hypothesis): each call gives a clean migrated database and ends the last."""
    return databases.new


@pytest.fixture
def empty_database_url(databases: SqliteDatabases | MariaDatabases) -> str:
    """A database without any table, for tests of the migrations themselves."""
    return databases.empty()


@pytest.fixture
def database_url(new_database_url: Callable[[], str]) -> str:
    """A clean migrated database."""
    return new_database_url()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The product's own handle on a clean migrated database; commits are real."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One transaction around the whole test: services flush into it, nobody else sees it."""
    with database.transaction() as opened:
        yield opened


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The distribution's Chromium; it is as root in CI that Chromium refuses its own sandbox."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    program = os.environ.get("CHROMIUM") or find_program("chromium", "chromium-browser", "google-chrome")
    return {**browser_type_launch_args, "executable_path": program, "args": [*CHROMIUM_FLAGS, *root]}
