"""One sandbox process for the tests of a worker, as if never called before each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.wecom.database_cache import DatabaseCache
from app.wecom.shared_cache import RedisCache, SharedCache
from tests.wecom.local_sandbox import Counted, LocalSandbox


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    server = LocalSandbox(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(sandbox_process: LocalSandbox) -> LocalSandbox:
    sandbox_process.forget()
    return sandbox_process


@pytest.fixture
def counted(sandbox: LocalSandbox) -> Counted:
    """Calls since the test began."""
    return Counted(sandbox)


OpenCache = Callable[[str], SharedCache]


@pytest.fixture(params=["redis", "sqlite", "mariadb"])
def open_cache(request: pytest.FixtureRequest) -> OpenCache:
    """The cache of another process with each call, all sharing one store; by the secret they have."""
    if request.param == "redis":
        redis_url: str = request.getfixturevalue("redis_url")
        return lambda secret_key: RedisCache(redis_url, secret_key)
    kind = "sqlite_databases" if request.param == "sqlite" else "maria_databases"
    database_url: str = request.getfixturevalue(kind).new()
    return lambda secret_key: DatabaseCache(database_url, secret_key)
