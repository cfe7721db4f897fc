"""One engine, two kinds of transaction, and what is done again after a lost race."""

from __future__ import annotations

import fcntl
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from app.ids import IdSource

T = TypeVar("T")
# 1213 deadlock, 1205 lock wait, 1020 row changed (MariaDB snapshot), 1047/1180 Galera certification. 1305: a deadlock
# within a savepoint, which the server forgot with everything else before it could be rolled back to.
RETRYABLE_MYSQL = frozenset({1213, 1205, 1020, 1047, 1180, 1305})
MAX_ATTEMPTS = 6
POLL_S = 0.001
# A connection that has lain idle for longer is asked whether its server is still there.
IDLE_S = 1.0
USED_AT = "used_at"
READING = "BEGIN"
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"  # the next one only


class Overtaken(Exception):
    """Another transaction changed what this one had looked at: to be rolled back, and done again."""


class Database:
    """One database, shared by all threads of a process."""

    def __init__(self, url: str, *, patience_s: float | None = None) -> None:
        """`patience_s` bounds each single wait for a connection, an answer or a lock; None: as long as work takes."""
        self.engine = _make_engine(url, patience_s)
        self._patience_s = patience_s
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.ids = IdSource()
        self._lease_turn = threading.Lock()
        self._memory: dict[str, Any] = {}
        self._lock_path = _lock_path(self.engine) if self.is_sqlite else None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write: commits on success, rolls back on any error. Writers of one SQLite file queue up here.

        Raises `TimeoutError` where patience has an end and the queue is longer.
        """
        with self._writer_turn():
            self._lease_ids()
            with self._session("BEGIN IMMEDIATE") as session, session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read one consistent picture, as it is at the first look; nothing may be written."""
        with self._session(READING) as session:
            yield session

    def in_transaction(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction and run it again after a deadlock, a lost race for a unique key or `Overtaken`.

        `work` must have no effect outside the database. Raises the last error after 6 attempts.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                with self.transaction() as session:
                    return work(session)
            except (DBAPIError, Overtaken) as error:
                if attempt == MAX_ATTEMPTS or not (isinstance(error, Overtaken) or is_retryable(error)):
                    raise
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _lease_ids(self) -> None:
        """One thread leases for all: the others would find the process's own node locked and give up."""
        if not self.ids.is_running_out():
            return
        with self._lease_turn:
            if self.ids.is_running_out():
                with self._session("BEGIN IMMEDIATE") as session, session.begin():
                    lease = self.ids.lease(session.connection())
                self.ids.adopt(lease)

    def _session(self, begin: str) -> Session:
        session = Session(self.engine.execution_options(begin=begin), expire_on_commit=False)
        session.info["ids"] = self.ids
        session.info["memory"] = self._memory  # for rows that never change once committed
        return session

    def _writer_turn(self) -> AbstractContextManager[None]:
        if self._lock_path is None:
            return nullcontext()
        return _file_lock(self._lock_path, self._patience_s)


def is_retryable(error: DBAPIError) -> bool:
    """True where the same work may succeed when done again: deadlock, lock wait, duplicate key race."""
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return code in RETRYABLE_MYSQL or isinstance(error, IntegrityError) or code == "database is locked"


def _make_engine(url: str, patience_s: float | None) -> Engine:
    waits = {} if patience_s is None else {"pool_timeout": patience_s}
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
        arguments = {"timeout": patience_s or 30, "check_same_thread": False}
        engine = create_engine(parsed, connect_args=arguments, **waits)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_driver_name() == "pymysql":  # its own way with instants costs ten times as much
        reading: dict[Any, Any] = {"conv": {**conversions, FIELD_TYPE.DATETIME: datetime.fromisoformat}}
    else:
        reading = {}
    engine = create_engine(
        parsed.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="READ COMMITTED",
        pool_recycle=1800,
        pool_reset_on_return=None,  # a session ends its transactions itself: once more is a round trip for nothing
        connect_args={
            "connect_timeout": patience_s or 5,
            "read_timeout": patience_s or 60,
            "write_timeout": patience_s or 60,
            "init_command": "SET time_zone='+00:00'",
            **reading,
        },
        **waits,
    )
    event.listen(engine, "checkout", _ping_idle)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "begin", _begin_mysql)
    return engine


def _ping_idle(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """A server that was started again meanwhile is noticed here; asking one just spoken to would cost a round trip."""
    if connection is None or time.monotonic() - record.info.get(USED_AT, 0.0) < IDLE_S:
        return
    try:
        connection.ping(reconnect=False)
    except Exception as error:
        raise InvalidatePoolError from error


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT] = time.monotonic()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would defer it
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", READING))


def _begin_mysql(connection: Connection) -> None:
    """Who only reads keeps their first snapshot; who writes sees what others have committed with every statement."""
    if connection.get_execution_options().get("begin") == READING:
        connection.exec_driver_sql(SNAPSHOT)


def _lock_path(engine: Engine) -> Path:
    return Path(f"{engine.url.database}.lock")


@contextmanager
def _file_lock(path: Path, patience_s: float | None) -> Iterator[None]:
    """Queue writers fairly: SQLite's own busy handler polls and starves under contention. The impatient must poll."""
    with path.open("w") as handle:
        if patience_s is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _poll_lock(handle, patience_s)
        yield


def _poll_lock(handle: IO[str], patience_s: float) -> None:
    give_up_at = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise TimeoutError("other writers hold the file") from None
        time.sleep(POLL_S)
