"""Migrations go up, down and up again on both databases and leave exactly the tables the models describe."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, inspect

from app import ids
from app.db import Base, Database
from scripts.commands.migrate import migrate
from tests.house.source import project_files

VERSION_TABLE = "alembic_version"


@pytest.fixture(scope="module", autouse=True)
def _every_model_is_loaded() -> None:
    """Also of a domain that migrations/env.py forgot: its tables then show up as drift."""
    for name in project_files():
        if re.fullmatch(r"app/\w+/models\.py", name):
            importlib.import_module(name.removesuffix(".py").replace("/", "."))


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    databases: list[Database] = []

    def open_one(url: str) -> Database:
        databases.append(Database(url))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


def table_names(database: Database) -> set[str]:
    with database.engine.connect() as connection:
        return set(inspect(connection).get_table_names()) - {VERSION_TABLE}


def drift(database: Database, *extra: MetaData) -> list[object]:
    """What a new migration would have to change for the tables to be those of the models."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, [Base.metadata, ids.nodes.metadata, *extra]))  # type: ignore[arg-type]


def test_up_down_and_up_again(empty_database_url: str, opened: Callable[[str], Database]):
    migrate(empty_database_url)
    made = table_names(opened(empty_database_url))
    assert made
    migrate(empty_database_url, "base")
    assert table_names(opened(empty_database_url)) == set()
    migrate(empty_database_url)
    assert table_names(opened(empty_database_url)) == made


def test_migrating_twice_changes_nothing(database_url: str, opened: Callable[[str], Database]):
    before = table_names(opened(database_url))
    migrate(database_url)
    assert table_names(opened(database_url)) == before


def test_tables_are_those_of_the_models(database: Database):
    assert drift(database) == []


def test_a_column_without_migration_would_be_noticed(database: Database):
    forgotten = MetaData()
    Table("forgotten", forgotten, Column("id", Integer, primary_key=True))
    assert drift(database, forgotten)


def test_migrations_are_numbered_in_one_line():
    names = [name.rpartition("/")[2] for name in project_files() if name.startswith("migrations/versions/")]
    numbers = [int(found[1]) for name in names if (found := re.fullmatch(r"(\d{4})_[a-z0-9_]+\.py", name))]
    assert numbers == list(range(1, len(names) + 1))
