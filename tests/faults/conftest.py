"""A sandbox that knows the chain's associates, and crews whose processes end with the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.wecom.sandbox_control import SandboxControl
from tests.conftest import make_server_folder
from tests.faults.chain import userids
from tests.faults.crew import CREW, Crew
from tests.faults.web import WEB
from tests.servers.clean import MariaDatabases
from tests.servers.mariadb import MariaDB
from tests.servers.nursery import Nursery
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture(scope="session")
def one_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    server = LocalSandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(one_sandbox: LocalSandbox) -> LocalSandbox:
    """With the chain's people in it, whoever a test before put in their place."""
    control = SandboxControl(one_sandbox.url)
    control.put_people([{"userid": userid, "name": userid} for userid in userids()])
    control.let_cards_call_back()
    return one_sandbox


@pytest.fixture(scope="module")
def durable() -> Iterator[MariaDB]:
    """A MariaDB of our own to kill, which keeps its promises."""
    folder = make_server_folder()
    server = MariaDB(folder / "d", durable=True)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def durable_databases(durable: MariaDB) -> MariaDatabases:
    """Clean databases there, one after the other: its connections are gone wherever it was killed."""
    return MariaDatabases(durable, "clean")


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    made = Nursery(*CREW, *WEB)
    yield made
    made.close()


@pytest.fixture
def crew_on(tmp_path: Path, nursery: Nursery) -> Iterator[Callable[..., Crew]]:
    """Crews by database URL, and the WeCom they send to."""
    crews: list[Crew] = []

    def engage(database_url: str, api_url: str = "http://127.0.0.1:9") -> Crew:
        crews.append(Crew(nursery, tmp_path / f"crew{len(crews)}", database_url, api_url))
        return crews[-1]

    yield engage
    for crew in crews:
        crew.dismiss()
