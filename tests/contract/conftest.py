"""One suite for two servers: what the port relies on, shown on the sandbox and, with credentials, on WeCom itself.

With WECOM_CONTRACT_CORP_ID, _AGENT_ID and _SECRET in the environment the suite calls that corp's server
(WECOM_CONTRACT_URL, WeCom's own unless given); the names it may use there are the other WECOM_CONTRACT_* of `Place`.
It then reads and sends for real: give it a corp made for tests. What needs the sandbox's own powers is skipped there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from app.wecom.app import WeComApp
from app.wecom.client import CorpClient
from app.wecom.errors import WeComRejected
from app.wecom.port import Credentials
from app.wecom.token_cache import ProcessCache
from tests.wecom.local_sandbox import OURS, LocalSandbox

GIVEN = {
    name.removeprefix("WECOM_CONTRACT_").lower(): value
    for name, value in os.environ.items()
    if name.startswith("WECOM_CONTRACT_") and value
}
REAL = {"corp_id", "agent_id", "secret"} <= GIVEN.keys()
REAL_URL = GIVEN.get("url", "https://qyapi.weixin.qq.com")


@dataclass(frozen=True)
class Place:
    """Names that mean something on the server under test; the values here are the sandbox's.

    On a real server each comes from WECOM_CONTRACT_<NAME>, and a test that asks for one not given is skipped.
    """

    userid: str = "lina"  # has `external_userid` and `shared_external_userid` as contacts
    other_userid: str = "wangwei"  # has `shared_external_userid` only
    idle_userid: str = "idle"  # no contacts at all
    unknown_userid: str = "nobody"
    external_userid: str = "wmA"
    shared_external_userid: str = "wmB"
    unknown_external_userid: str = "wmNobodyKnows"
    department_id: str = "2"

    def __getattribute__(self, name: str) -> str:
        """The value; where a real server's was not given, the test is skipped."""
        value: str = object.__getattribute__(self, name)
        if REAL and value == "" and not name.startswith("_"):
            pytest.skip(f"WECOM_CONTRACT_{name.upper()} is not given")
        return value


@contextmanager
def refused(errcode: int) -> Iterator[None]:
    """What happens inside is refused with this errcode: never by its text, which is for people (facts 2)."""
    with pytest.raises(WeComRejected) as caught:
        yield
    assert caught.value.errcode == errcode, str(caught.value)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    folder: Path = tmp_path_factory.mktemp("contract")
    server = LocalSandbox(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def corp(request: pytest.FixtureRequest) -> LocalSandbox:
    """The sandbox itself: its clock, faults and rules. A test that needs it is skipped on a real server."""
    if REAL:
        pytest.skip("only the sandbox can do this")
    server: LocalSandbox = request.getfixturevalue("sandbox_process")
    server.fresh()
    return server


@pytest.fixture
def credentials() -> Credentials:
    """Those of the app under test."""
    return Credentials(GIVEN["corp_id"], int(GIVEN["agent_id"]), GIVEN["secret"]) if REAL else OURS


@pytest.fixture(scope="session")
def real_tokens() -> ProcessCache:
    """One token for the whole suite: a real server does not like to be asked often."""
    return ProcessCache()


@pytest.fixture
def wecom(request: pytest.FixtureRequest, credentials: Credentials, real_tokens: ProcessCache) -> WeComApp:
    """The port to the server under test."""
    if REAL:
        return WeComApp(CorpClient(credentials, REAL_URL, real_tokens))
    corp: LocalSandbox = request.getfixturevalue("corp")
    return corp.app()


@pytest.fixture
def place() -> Place:
    """The names to use on the server under test."""
    if not REAL:
        return Place()
    return Place(**{field.name: GIVEN.get(field.name, "") for field in fields(Place)})
