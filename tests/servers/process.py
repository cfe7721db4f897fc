"""Starting a private server for the tests and stopping it by its pid, whatever happens to the tests."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin")
PR_SET_PDEATHSIG = 1
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 15.0


class ServerMissing(RuntimeError):
    """A program the full run needs is not installed: a failure, never a skip."""


def find_program(*names: str) -> str:
    """The path of the first of these programs that is installed; raises ServerMissing naming the remedy."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    for name in names:
        found = shutil.which(name, path=folders)
        if found:
            return found
    raise ServerMissing(f"{names[0]} is not installed: run scripts/setup --tests --servers")


def free_port() -> int:
    """A TCP port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """A test run killed with -9 must leave no server behind (Linux only; elsewhere stop() is all there is)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class ServerProcess:
    """One server of ours: its process and its log. `stop` and `kill` touch this pid and no other."""

    def __init__(self, command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._popen = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def wait_until(self, ready: Callable[[], bool], within_s: float = STARTS_WITHIN_S) -> None:
        """Returns once `ready()` is true; raises RuntimeError with the end of the log if it dies or is late."""
        give_up_at = time.monotonic() + within_s
        while not ready():
            if not self.running() or time.monotonic() > give_up_at:
                end_of_log = self.log.read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"{self._popen.args!r} did not become ready:\n{end_of_log}")
            time.sleep(0.02)

    def wait(self, within_s: float) -> int:
        """Its exit code once it has ended by itself; -9 where it was killed."""
        return self._popen.wait(within_s)

    def stop(self) -> None:
        """Asks it to end, and insists if it does not."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kills it at once, as a power cut would (kill -9)."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        if self.running():
            self._popen.send_signal(with_signal)
            try:
                self._popen.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait(STOPS_WITHIN_S)
