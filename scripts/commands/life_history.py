"""What the processes of a life did, as JSON lines: they say what they are about to do, and what came of it.

`invoke` opens an operation; `ok` and `fail` (it was refused and changed nothing) close it; `info` says that nobody
knows what came of it, or tells of something that is no operation, as a kill. An operation that is never closed is
unknown as well: its process was killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from app.clock import machine_now


class Kind(StrEnum):
    """What a line says of its operation."""

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Line(msgspec.Struct, omit_defaults=True):
    """One line; `n` numbers the operations of one process's life, `at` is the machine's clock."""

    process: str
    n: int
    kind: Kind
    op: str
    at: str
    facts: dict[str, Any] = {}


class History:
    """One process's own file; each line is with the kernel before the next step, so that a kill leaves it."""

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{process}.jsonl").open("ab", buffering=0)
        self._process = process
        self._n = 0

    def invoke(self, op: str, **facts: Any) -> None:
        """About to do it."""
        self._n += 1
        self._write(Kind.INVOKE, op, facts)

    def ok(self, op: str, **facts: Any) -> None:
        """The operation invoked last was done."""
        self._write(Kind.OK, op, facts)

    def fail(self, op: str, **facts: Any) -> None:
        """The operation invoked last was refused."""
        self._write(Kind.FAIL, op, facts)

    def info(self, op: str, **facts: Any) -> None:
        """Nobody knows what came of the operation invoked last; or something that is none."""
        self._write(Kind.INFO, op, facts)

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()

    def _write(self, kind: Kind, op: str, facts: dict[str, Any]) -> None:
        line = Line(self._process, self._n, kind, op, machine_now().isoformat(), facts)
        self._file.write(msgspec.json.encode(line) + b"\n")


def read_histories(folder: Path) -> Iterator[Line]:
    """Every whole line of every process; a kill may have cut the last one of a file."""
    decoder = msgspec.json.Decoder(Line)
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield decoder.decode(line)
