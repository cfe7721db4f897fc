"""Processes of our own programs that need not load the product first: forked from one that has loaded it.

Loading it takes a process longer than most tests take with it. What is forked is a process like any other: it has its
own id, session, environment and log, runs `python -m MODULE` from the first line, and dies by itself.

python -m tests.servers.nursery MODULE…     loads them, then obeys a line of JSON at a time
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.process import ServerProcess, die_with_parent

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.005


class Nursery:
    """Loads the modules once. Whoever is forked ends with it at the latest, and it with this process."""

    def __init__(self, *modules: str) -> None:
        self._turn = threading.Lock()
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            preexec_fn=die_with_parent,
        )

    def close(self) -> None:
        """Ends it and whatever it forked."""
        self._process.kill()
        self._process.communicate()

    def fork(self, command: Sequence[str], log: Path, environment: dict[str, str]) -> ForkedProcess:
        """Runs `python -m` with this module and its arguments, all output to the log."""
        log.touch()
        module, *arguments = command
        order = {"module": module, "arguments": arguments, "log": str(log), "environment": environment}
        return ForkedProcess(self, int(self.ask(order)), command, log)

    def ask(self, order: dict[str, Any]) -> Any:
        """What it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class ForkedProcess(ServerProcess):
    """One that was forked. `stop` and `kill` touch this pid and no other."""

    def __init__(self, nursery: Nursery, pid: int, command: Sequence[str], log: Path) -> None:
        self.log = log
        self._popen = _Forked(nursery, pid, command)  # type: ignore[assignment]


class _Forked:
    """What `ServerProcess` asks of a `Popen`. Not ours to wait for, so its parent is asked."""

    def __init__(self, nursery: Nursery, pid: int, command: Sequence[str]) -> None:
        self.args = command
        self.pid = pid
        self._nursery = nursery
        self._ended: int | None = None

    def poll(self) -> int | None:
        if self._ended is None:
            self._ended = self._nursery.ask({"pid": self.pid})
        return self._ended

    def wait(self, timeout: float) -> int:
        give_up_at = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > give_up_at:
                raise subprocess.TimeoutExpired(list(self.args), timeout)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def main() -> None:
    """Until its input ends. In whoever is forked this returns when the program has ended."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = json.loads(line)
        if "pid" in order:
            answer = exit_code(order["pid"])
        else:
            answer = os.fork()
            if not answer:
                return become(**order)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return None


def exit_code(pid: int) -> int | None:
    """Of a child: -9 where it was killed; None while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become(module: str, arguments: list[str], log: str, environment: dict[str, str]) -> None:
    """This process becomes the program's."""
    os.setsid()
    die_with_parent()
    os.environ.clear()
    os.environ.update(environment)
    with open(os.devnull) as nothing, open(log, "ab") as sink:
        os.dup2(nothing.fileno(), 0)
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    sys.argv[1:] = arguments
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # a program has not been loaded before it runs; a package has
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
