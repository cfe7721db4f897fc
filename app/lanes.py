"""What working off a lane reports back to whoever rang."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` units were finished; `more` says that the lane still has due work."""

    done: int
    more: bool

    def __add__(self, other: Progress) -> Progress:
        return Progress(self.done + other.done, other.more)


class Deadline:
    """Real time after which a lane should return; batches are small, so it is kept closely."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def has_passed(self) -> bool:
        """True once the time is up."""
        return time.monotonic() >= self._ends_at
