"""One sandbox process for the tests of a worker, as if never called before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
