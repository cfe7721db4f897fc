"""A private MariaDB: own data folder, socket and port; no configuration of the machine is read or changed."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pymysql
from pymysql.connections import Connection

from tests.servers.process import ServerProcess, find_program, free_port

# For speed where nothing depends on surviving a crash.
FORGETFUL = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--sync-binlog=0")
# For tests that kill it: what it said is committed must still be there.
DURABLE = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1")


class MariaDB:
    """`start` begins it, `stop` ends it, `start` again finds the same data."""

    def __init__(
        self,
        folder: Path,
        durable: bool = False,
        options: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        """`folder` is short (a socket's path has 107 characters at most) and ours alone.

        `port` is given for one that another process has started and will stop.
        """
        self.folder = folder
        self.port = port or free_port()
        self.socket = folder / "s"
        self._data = folder / "data"
        # In the shared one, servers that start at once meet each other's tables.
        self._temporary = folder / "tmp"
        self._options = (*(DURABLE if durable else FORGETFUL), *options)
        self._process: ServerProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        """The address for DATABASE_URL, over TCP. Without TLS: loading the certificates costs 30 ms a connection."""
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}?charset=utf8mb4&ssl_disabled=true"

    def socket_url(self, database: str) -> str:
        """The same over its socket, which takes less of both sides' time."""
        return f"mysql+pymysql://root@localhost/{database}?charset=utf8mb4&ssl_disabled=true&unix_socket={self.socket}"

    def start(self) -> None:
        """Returns when it answers. Raises ServerMissing or RuntimeError with its log."""
        if not self._data.exists():
            self._initialise()
        command = [find_program("mariadbd"), "--no-defaults", *self._user(), *self._arguments()]
        self._process = ServerProcess(command, self.folder / "log")
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """kill -9; `start` recovers."""
        assert self._process is not None
        self._process.kill()

    def connect(self, database: str | None = None) -> Connection:
        """An administrator's connection that commits each statement."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,
        )

    def create_database(self, name: str) -> str:
        """An empty database of that name (one that was there is dropped) and its URL."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        return self.url(name)

    def _initialise(self) -> None:
        self._temporary.mkdir(parents=True, exist_ok=True)
        command = [
            find_program("mariadb-install-db"),
            "--no-defaults",
            *self._user(),
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{made.stdout}\n{made.stderr}")

    def _arguments(self) -> list[str]:
        return [
            f"--datadir={self._data}",
            f"--tmpdir={self._temporary}",
            f"--socket={self.socket}",
            f"--port={self.port}",
            f"--pid-file={self.folder / 'pid'}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_bin",
            "--default-time-zone=+00:00",
            "--sql-mode=STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
            "--innodb-buffer-pool-size=256M",
            "--innodb-log-file-size=64M",
            "--max-connections=200",
            "--skip-log-bin",
            *self._options,
        ]

    def _user(self) -> list[str]:
        # It refuses to run as root unless told so.
        return [f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True
