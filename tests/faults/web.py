"""The product's web process, started, posted to and killed by tests; and what WeCom makes of its answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.callbacks.envelopes import PATH, Letter
from tests.faults.crew import ROOT
from tests.servers.nursery import Nursery
from tests.servers.process import ServerProcess, free_port

# What wsgi.py, which makes the application where it is loaded, is made of.
WEB = ("app.factory", "granian.cli")
POSTERS = 8
PATIENCE_S = 60.0
# Whoever is killed while it answers has sent nothing, or the beginning.
BROKEN_OFF = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True)
class Answered:
    """`status` 0: the connection broke off."""

    status: int
    took_s: float


class Web:
    """One web host on a database, with a disk of its own; `start` again after `kill` finds the same disk."""

    def __init__(self, nursery: Nursery, folder: Path, database_url: str) -> None:
        folder.mkdir()
        self._nursery = nursery
        self.spool = folder / "spool"
        self.database_url = database_url
        self._folder = folder
        self._port = free_port()
        self._process: ServerProcess | None = None

    def start(self, failpoint: str = "") -> None:
        """Returns when it answers."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.database_url,
            "CALLBACK_SPOOL": str(self.spool),
            "FAILPOINTS": failpoint,
        }
        command = ["granian", "--interface", "wsgi", "--no-ws"]
        command += ["--port", str(self._port), "--blocking-threads", str(POSTERS), "wsgi:application"]
        self._process = self._nursery.fork(command, self._folder / "log", environment)
        self._process.wait_until(self._answers)

    def kill(self) -> None:
        """kill -9, its workers too: they are a process group of their own."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def stop(self) -> None:
        """At the end of a test, in whatever state it is."""
        if self._process is not None and self._process.running():
            self.kill()

    def workers(self) -> list[int]:
        """The pids of the processes that answer: the children of the server, which only looks after them."""
        assert self._process is not None
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def died(self) -> bool:
        """True once its worker has ended: nobody answers."""
        return not self._answers()

    def spooled(self) -> int:
        return len(list(self.spool.glob("*.callback")))

    def post(self, letter: Letter, *, alone: bool = False) -> Answered:
        """As WeCom posts; a broken connection is no answer. `alone`: over a connection of its own, as what was sent
        before may have made the server close one."""
        started = time.monotonic()
        try:
            answer = _http().post(
                f"http://127.0.0.1:{self._port}{PATH}",
                params=letter.query,
                data=letter.body,
                headers={"Connection": "close"} if alone else None,
                timeout=PATIENCE_S,
            )
        except BROKEN_OFF:
            return Answered(0, time.monotonic() - started)
        return Answered(answer.status_code, time.monotonic() - started)

    @property
    def port(self) -> int:
        return self._port

    def is_healthy(self, within_s: float) -> bool:
        """What a load balancer asks."""
        return _http().get(f"http://127.0.0.1:{self._port}/healthz", timeout=within_s).status_code == 200

    def _answers(self) -> bool:
        try:
            answer = _http().get(f"http://127.0.0.1:{self._port}{PATH}", timeout=PATIENCE_S)
        except BROKEN_OFF:
            return False
        return answer.status_code == 400  # the address is there and misses its fields; no database was asked


class Crowd:
    """Posts letters from several threads, in order of asking; `answered` says how many are through."""

    def __init__(self, web: Web, letters: Sequence[Letter]) -> None:
        self._hands = ThreadPoolExecutor(POSTERS)
        self._answers: list[Future[Answered]] = [self._hands.submit(web.post, letter) for letter in letters]

    def answered(self) -> int:
        return sum(answer.done() for answer in self._answers)

    def all(self) -> list[Answered]:
        """Every answer, once all are through."""
        self._hands.shutdown(wait=True)
        return [answer.result() for answer in self._answers]


_local = threading.local()


def _http() -> requests.Session:
    """A session per thread that knows no proxy."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    session: requests.Session = _local.session
    return session
