"""Codes that differ by case are different codes, whatever the server's default is."""

from __future__ import annotations

import pytest

from app.db import Database
from scripts.commands.migrate import migrate
from tests.checker import violations
from tests.conftest import FAST
from tests.servers.mariadb import MariaDB
from tests.world import World, at, purchase


@pytest.mark.skipif(FAST, reason="needs MariaDB: left out of scripts/test --fast")
def test_receipts_and_members_that_differ_by_case_are_kept_apart(mariadb: MariaDB, worker_id: str):
    name = f"dianban_{worker_id}_case"
    url = mariadb.create_database(name)
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    migrate(url)
    database = Database(url)
    when = at("2026-03-01 08:00")
    results = World(database).report(purchase("a1", "m1", when), purchase("A1", "M1", when))
    assert [result.status for result in results] == ["applied", "applied"]
    assert violations(database) == []
    database.close()
