"""The product's own processes, started and killed by tests."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from tests.servers.nursery import Nursery
from tests.servers.process import ServerProcess
from tests.wecom.local_sandbox import OURS

ROOT = Path(__file__).resolve().parents[2]
CREW = ("tasks.clock", "tests.faults.worker", "scripts.commands.import_purchases")


class Crew:
    """Starts processes on one database; whatever still runs at the end is killed by its pid."""

    def __init__(
        self, nursery: Nursery, folder: Path, database_url: str, api_url: str = "http://127.0.0.1:9"
    ) -> None:
        folder.mkdir()
        self._nursery = nursery
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": database_url,
            "WECOM_API_URL": api_url,
            "WECOM_CORP_ID": OURS.corp_id,
            "WECOM_AGENT_ID": str(OURS.agent_id),
            "WECOM_SECRET": OURS.secret,
        }
        self._all: list[ServerProcess] = []

    def clock(self, failpoint: str = "") -> ServerProcess:
        """A clock process that has begun to ring; it dies at the failpoint, if any."""
        process = self._start("tasks.clock", FAILPOINTS=failpoint)
        process.wait_until(lambda: "clock_started" in process.log.read_text() or not process.running())
        return process

    def worker(
        self, roles: str, *arguments: str, failpoint: str = "", outside: Path | str = ""
    ) -> ServerProcess:
        """See tests/faults/worker.py."""
        told = {"FAILPOINTS": failpoint, "OUTSIDE": str(outside)}
        return self._start("tests.faults.worker", roles, *arguments, **told)

    def importer(self, *arguments: str) -> ServerProcess:
        """The import command."""
        return self._start("scripts.commands.import_purchases", *arguments)

    def dismiss(self) -> None:
        """Kill whatever still runs."""
        for process in self._all:
            process.kill()

    def _start(self, *arguments: str, **environment: str) -> ServerProcess:
        log = self._folder / f"process{len(self._all)}.log"
        process = self._nursery.fork(arguments, log, self._environment | environment)
        self._all.append(process)
        return process


def stop_cleanly(*processes: ServerProcess) -> None:
    """Ask all to end; each must have finished its work in progress and say so with exit code 0."""
    for process in processes:
        os.kill(process.pid, signal.SIGTERM)
    for process in processes:
        assert process.wait(60) == 0, process.log.read_text()[-2000:]


def said(process: ServerProcess) -> dict[str, Any]:
    """The last line a worker wrote: what it did."""
    found: dict[str, Any] = json.loads(process.log.read_text().splitlines()[-1])
    return found
