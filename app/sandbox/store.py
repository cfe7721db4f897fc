"""The sandbox's state file: SQLite in WAL mode, one process, several threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.sandbox import schema

PAGES_OF_A_LOG = 8_000  # 32 MB of changes before they go into the file itself


class StateFileMismatch(RuntimeError):
    """The state file was written by another version of the sandbox; the message says what to do."""


class Store:
    """Hands out connections. A write is one transaction and writers take turns.

    `written` is set after every write; whoever waits for it clears it before looking.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file, its folder included; raise StateFileMismatch for a foreign one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self.written = threading.Event()
        self._create_tables()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the file for the length of the block."""
        connection = self._borrow()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the block, rolled back if the block raises."""
        with self._write_lock:
            connection = self._borrow()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
            finally:
                connection.rollback()
                self._give_back(connection)
        self.written.set()

    def close(self) -> None:
        """Close the idle connections; the file may be opened again afterwards."""
        with self._idle_lock:
            while self._idle:
                self._idle.pop().close()

    def _borrow(self) -> sqlite3.Connection:
        with self._idle_lock:
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        # Nothing waits for the disk: what a power cut does to a play's state, beginning afresh mends. [M] Both take
        # a third off a message's processor time where a hundred thousand were sent before.
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_OF_A_LOG}")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            self._idle.append(connection)

    def _create_tables(self) -> None:
        with self.reading() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, schema.VERSION):
            raise StateFileMismatch(f"{self._path} has version {version}, not {schema.VERSION}: delete it")
        if version == 0:
            with self.writing() as connection:
                for statement in schema.STATEMENTS:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {schema.VERSION}")
