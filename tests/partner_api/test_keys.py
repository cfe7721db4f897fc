"""API keys are shown once and kept as a hash."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import Database
from app.partner_api.keys import Partner, create_key, end_keys, find_partner
from app.partner_api.models import ApiKey

ROOT = Path(__file__).resolve().parents[2]


def find(database: Database, key: str, scheme: str = "Bearer") -> Partner | None:
    with database.reading() as session:
        return find_partner(session, f"{scheme} {key}")


def make(database: Database, name: str = "till") -> str:
    with database.transaction() as session:
        return create_key(session, name, "pos")


def test_a_key_is_found_and_nowhere_stored(database: Database):
    key = make(database)
    found = find(database, key)
    assert found is not None
    assert found.source == "pos"
    assert find(database, key, "bearer") == found
    assert find(database, key + "x") is None
    assert find(database, key, "Basic") is None
    with database.reading() as session:
        row = session.scalars(select(ApiKey)).one()
        assert key not in {str(value) for value in vars(row).values()}


def test_a_key_can_be_exchanged_without_a_gap(database: Database):
    old, new = make(database, "till"), make(database, "till 2")
    with database.transaction() as session:
        assert end_keys(session, "till") == 1
        assert end_keys(session, "till") == 0
    assert find(database, old) is None
    assert find(database, new) is not None


@pytest.mark.process
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_command_prints_a_key_that_works(database: Database, database_url: str):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "scripts" / "create_api_key"), *arguments],
            env=os.environ | {"DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            timeout=60,
        )

    made = run("POS head office", "--source", "pos")
    assert find(database, made.stdout.strip()) is not None
    assert run("POS head office", "--end").stdout == "1 keys ended\n"
    assert find(database, made.stdout.strip()) is None
    assert run("POS").returncode == 2
    assert run("POS", "--source", "internal").returncode == 2
