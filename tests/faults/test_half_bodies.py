"""Strangers who begin to send and never end: those we know are served all the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.web import POSTERS, Web
from tests.servers.clean import SqliteDatabases
from tests.servers.nursery import Nursery

PATIENCE_S = 30.0
MEASURED_FOR_S = 3.0


@pytest.fixture
def web(tmp_path: Path, sqlite_databases: SqliteDatabases, nursery: Nursery) -> Iterator[Web]:
    host = Web(nursery, tmp_path / "web", sqlite_databases.new())
    host.start()
    yield host
    host.stop()


@pytest.mark.parametrize("path", ["/callbacks/wecom", "/h5/api/mini-program/session"])
def test_bodies_that_never_end_hold_up_nobody_else(web: Web, path: str):
    with ExitStack() as open_sockets:
        for _ in range(2 * POSTERS):
            half = open_sockets.enter_context(socket.create_connection(("127.0.0.1", web.port), PATIENCE_S))
            half.sendall(beginning(path))
        ends_at = time.monotonic() + MEASURED_FOR_S
        while time.monotonic() < ends_at:
            assert web.is_healthy(PATIENCE_S)


def beginning(path: str) -> bytes:
    query = f"msg_signature=a&timestamp={int(time.time())}&nonce=1" if path.startswith("/callbacks") else ""
    lines = (
        f"POST {path}?{query} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Content-Length: 4000",
    )
    return "\r\n".join([*lines, "", '{"']).encode()
