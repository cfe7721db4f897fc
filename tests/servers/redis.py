"""A private Redis on a free port that keeps nothing on disk."""

from __future__ import annotations

from pathlib import Path

import redis

from tests.servers.process import ServerProcess, find_program, free_port


class Redis:
    """`start` again after `stop` or `kill` gives an empty one on the same port."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """`port` is given for one that another process has started and will stop."""
        self.folder = folder
        self.port = port or free_port()
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers. Raises ServerMissing or RuntimeError with its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [find_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self._process = ServerProcess(command, self.folder / "log")
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()

    def empty_database(self, number: int) -> str:
        """Empties one of the sixteen numbered databases and gives its address."""
        address = f"redis://127.0.0.1:{self.port}/{number}"
        with redis.Redis.from_url(address) as client:
            client.flushdb()
        return address

    def flush(self) -> None:
        """Forgets everything, as an operator's FLUSHALL would."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
