"""Clean migrated databases, cheaply: migrate once, then copy the file (SQLite) or empty the tables (MariaDB)."""

from __future__ import annotations

import shutil
import sqlite3
from itertools import count
from pathlib import Path

from scripts.commands.migrate import migrate
from tests.servers.mariadb import MariaDB

VERSION_TABLE = "alembic_version"


class SqliteDatabases:
    """Each `new()` is a file of its own, a copy of one migrated at first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.sqlite3"
        self._numbers = count(1)

    def new(self) -> str:
        """The URL of a clean migrated database."""
        if not self._template.exists():
            self._make_template()
        copy = self._folder / f"{next(self._numbers)}.sqlite3"
        shutil.copyfile(self._template, copy)
        return f"sqlite:///{copy}"

    def empty(self) -> str:
        """The URL of a database that was never migrated."""
        return f"sqlite:///{self._folder / f'empty{next(self._numbers)}.sqlite3'}"

    def _make_template(self) -> None:
        made = self._folder / "making.sqlite3"
        migrate(f"sqlite:///{made}")
        connection = sqlite3.connect(made)
        # The copy takes the file alone, so nothing may be left in the log beside it.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        made.rename(self._template)


class MariaDatabases:
    """`new()` empties the one database of this test process and restores the rows its migrations put in."""

    def __init__(self, server: MariaDB, name: str) -> None:
        self._server = server
        self._name = name
        self._seeds = f"{name}_seeds"
        self._cleaning: list[str] | None = None

    def new(self) -> str:
        """The URL of a clean migrated database; the one given before is the same and becomes clean too."""
        if self._cleaning is None:
            migrate(self._server.create_database(self._name))
            self._server.create_database(self._seeds)
            self._cleaning = self._keep_seeds()
        else:
            self._end_connections()
            self._clean(self._cleaning)
        return self._server.url(self._name)

    def empty(self) -> str:
        """The URL of a database that was never migrated."""
        return self._server.create_database(f"{self._name}_empty")

    def _keep_seeds(self) -> list[str]:
        """Copies the rows that migrations inserted; returns the statements that bring that state back."""
        statements = ["SET foreign_key_checks=0"]
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SHOW FULL TABLES FROM `{self._name}` WHERE Table_type = 'BASE TABLE'")
            tables = [str(row[0]) for row in cursor.fetchall() if row[0] != VERSION_TABLE]
            for table in tables:
                live, seed = f"`{self._name}`.`{table}`", f"`{self._seeds}`.`{table}`"
                statements.append(f"DELETE FROM {live}")
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {live})")
                row = cursor.fetchone()
                if row and row[0]:
                    cursor.execute(f"CREATE TABLE {seed} AS SELECT * FROM {live}")
                    statements.append(f"INSERT INTO {live} SELECT * FROM {seed}")
        return statements

    def _clean(self, statements: list[str]) -> None:
        with self._server.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _end_connections(self) -> None:
        # A test that failed may have left a transaction open; its locks would hold up the next one.
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (self._name,))
            for (connection_id,) in cursor.fetchall():
                cursor.execute("KILL HARD CONNECTION %s", (connection_id,))
