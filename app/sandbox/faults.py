"""Faults on demand: what the next calls of a path are to suffer. Set by the control API."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from app.sandbox.store import Store

ANY_PATH = "*"


class FaultKind(StrEnum):
    """What happens to a call.

    ERRCODE answers `value` (an errcode) and does nothing. HTTP500 answers that status and does nothing.
    HTTP500_AFTER does what was asked and answers that status, as a gateway does that would not wait any longer.
    DELAY waits `value` real seconds, then does what was asked. DROP_ANSWER does what was asked and breaks
    the connection after `value` real seconds. MALFORMED does what was asked and answers what is no JSON.
    RESET breaks the connection and does nothing. TRICKLE does what was asked and lets the answer come byte by byte,
    over `value` real seconds.
    """

    ERRCODE = "errcode"
    HTTP500 = "http500"
    HTTP500_AFTER = "http500_after"
    DELAY = "delay"
    DROP_ANSWER = "drop_answer"
    MALFORMED = "malformed"
    RESET = "reset"
    TRICKLE = "trickle"


DEFAULT_VALUES = {
    FaultKind.ERRCODE: -1,
    FaultKind.HTTP500: 500,
    FaultKind.HTTP500_AFTER: 502,
    FaultKind.DELAY: 1,
    FaultKind.DROP_ANSWER: 0,
    FaultKind.MALFORMED: 0,
    FaultKind.RESET: 0,
    FaultKind.TRICKLE: 1,
}


@dataclass(frozen=True)
class Fault:
    """One planted fault; `times` None is for ever."""

    path: str
    kind: FaultKind
    times: int | None
    value: float

    def as_dict(self) -> dict[str, Any]:
        """As the control API shows it."""
        return asdict(self)


def plant(connection: sqlite3.Connection, fault: Fault) -> None:
    """Queue a fault behind those already there for the path."""
    connection.execute(
        "INSERT INTO fault (path, kind, times_left, value) VALUES (?, ?, ?, ?)",
        (fault.path, fault.kind, fault.times, json.dumps(fault.value)),
    )


def planted(connection: sqlite3.Connection) -> list[Fault]:
    """The faults still to come, in order."""
    return [_fault(row) for row in connection.execute("SELECT * FROM fault ORDER BY id")]


def take(store: Store, path: str) -> Fault | None:
    """The oldest fault waiting for this path, one of its times used up; None when there is none."""
    with store.reading() as connection:
        if connection.execute("SELECT 1 FROM fault LIMIT 1").fetchone() is None:
            return None
    with store.writing() as connection:
        row = connection.execute(
            "SELECT * FROM fault WHERE path IN (?, ?) ORDER BY id LIMIT 1", (path, ANY_PATH)
        ).fetchone()
        if row is None:
            return None
        if row["times_left"] is not None:
            connection.execute("UPDATE fault SET times_left = times_left - 1 WHERE id = ?", (row["id"],))
            connection.execute("DELETE FROM fault WHERE id = ? AND times_left <= 0", (row["id"],))
        return _fault(row)


def _fault(row: sqlite3.Row) -> Fault:
    return Fault(row["path"], FaultKind(row["kind"]), row["times_left"], json.loads(row["value"]))
