"""The processes of a life: each may be killed at any moment and is started again, by a fork that need load nothing."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Sequence
from pathlib import Path

from config.settings import ROOT
from scripts.commands.life_kills import Victim
from tests.servers.nursery import Nursery
from tests.servers.process import ServerProcess

ENDS_WITHIN_S = 60.0


class Crew:
    """Traveller, worker, product clock and associates on one database and one sandbox."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        api_url: str,
        *,
        traveller: Sequence[str],
        associates: Sequence[str],
    ) -> None:
        """`traveller` and `associates` are modules with their arguments; see life_traveller and life_associates."""
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "WECOM_API_URL": api_url,
            "REDIS_URL": "",
            "LOG_LEVEL": "WARNING",
        }
        self._commands: dict[Victim, Sequence[str]] = {
            Victim.TRAVELLER: traveller,
            Victim.WORKER: ("scripts.commands.life_worker",),
            Victim.CLOCK: ("tasks.clock",),
            Victim.ASSOCIATES: associates,
        }
        # One for each: what a bug that is planted in one of them must not reach has to be loaded apart from it.
        self._nurseries = {role: Nursery(module) for role, (module, *_) in self._commands.items()}
        self._processes: dict[Victim, ServerProcess] = {}

    def start(self) -> None:
        """Start whoever is not running; the traveller only until it has arrived."""
        for role, command in self._commands.items():
            if role not in self._processes:
                log = self._folder / f"{role}.log"
                self._processes[role] = self._nurseries[role].fork(command, log, self._environment)

    def kill(self, *roles: Victim) -> None:
        """kill -9; returns when they are dead."""
        for role in roles:
            if role in self._processes:
                os.kill(self._processes[role].pid, signal.SIGKILL)
        for role in roles:
            process = self._processes.pop(role, None)
            if process is not None:
                process.wait(ENDS_WITHIN_S)

    def has_arrived(self) -> bool:
        """True once the traveller ended by itself. Raises RuntimeError with its log where anybody ended wrongly."""
        for role, process in self._processes.items():
            if process.running():
                continue
            if role is Victim.TRAVELLER and process.wait(0) == 0:
                return True
            raise RuntimeError(f"{role} ended by itself:\n{process.log.read_text(errors='replace')[-3000:]}")
        return False

    def dismiss(self) -> None:
        """Ask everybody to end after the work in hand, and insist if they do not."""
        for process in self._processes.values():
            process.stop()
        self._processes.clear()
        for nursery in self._nurseries.values():
            nursery.close()


def cpu_seconds() -> float:
    """CPU that this process and all that it has waited for have used."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
