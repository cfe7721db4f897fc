"""A script of faults: what the API suffers step after step, the same every time it is run.

POST /sandbox/faults/script takes {"seed": 7, "steps": [step, ...]} and replaces the script that runs; GET tells where
it stands; DELETE ends it. A step is

    {"path": "message/send", "kind": "drop_answer", "times": 3, "value": 0,
     "after_calls": 10, "after_s": 60, "probability": 0.5}

of which only `path` ("*" for any) and `kind` (faults.FaultKind) are needed. Steps run in order, one at a time. A step
begins when the one before it has ended, the first with the POST. It waits until `after_calls` calls of its path have
passed unharmed since it began and `after_s` seconds have gone by the sandbox's clock, then strikes the next `times`
calls of its path (1 unless said, null for ever), each with its `probability`: by a generator that starts from `seed`,
so that the same calls in the same order suffer the same. It ends when it has struck `times` times.

The script is kept in memory: a restart of the sandbox ends it. Faults planted with /sandbox/faults come after it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.sandbox.clock import SECOND
from app.sandbox.faults import ANY_PATH, Fault


@dataclass(frozen=True)
class Step:
    """One step; `fault.times` None is for ever."""

    fault: Fault
    after_calls: int = 0
    after_s: float = 0.0
    probability: float = 1.0


class Script:
    """The script that runs, none at first. Safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.put((), 0, 0)

    def put(self, steps: Sequence[Step], seed: int, now: int) -> None:
        """Begin with the first of these steps."""
        with self._lock:
            self._steps = tuple(steps)
            # Not for secrets: the same seed has to give the same faults.
            self._random = random.Random(seed)  # noqa: S311
            self._number = -1
            self._begin_next(now)

    def strike(self, path: str, now: int) -> Fault | None:
        """What this call of `path` is to suffer, if anything; to be asked once per call."""
        if not self._steps:
            return None
        with self._lock:
            if self._number >= len(self._steps):
                return None
            step = self._steps[self._number]
            if step.fault.path not in (path, ANY_PATH):
                return None
            return self._struck(step, now)

    def standing(self) -> dict[str, Any]:
        """Which step runs (its number from 0), how many there are, and how often it has struck."""
        with self._lock:
            return {"steps": len(self._steps), "step": self._number, "struck": self._hits}

    def _struck(self, step: Step, now: int) -> Fault | None:
        waited = self._passed >= step.after_calls and now - self._began_at >= step.after_s * SECOND
        if not waited or self._random.random() >= step.probability:
            self._passed += 1
            return None
        self._hits += 1
        if step.fault.times is not None and self._hits >= step.fault.times:
            self._begin_next(now)
        return step.fault

    def _begin_next(self, now: int) -> None:
        self._number += 1
        self._began_at, self._passed, self._hits = now, 0, 0
