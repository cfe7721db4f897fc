"""What working off a lane reports back to whoever rang."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` units were finished; `more` says that the lane still has due work."""

    done: int
    more: bool

    def __add__(self, other: Progress) -> Progress:
        return Progress(self.done + other.done, other.more)


class Deadline:
    """Real time after which a lane should return, or sooner once `is_over` says so.

    Batches are small, so it is kept closely.
    """

    def __init__(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        self._ends_at = time.monotonic() + seconds
        self._is_over = is_over

    def has_passed(self) -> bool:
        """True once the time is up."""
        return time.monotonic() >= self._ends_at or self._is_over()

    def or_once(self, is_over: Callable[[], bool]) -> Deadline:
        """The same end, or sooner once this says so as well."""
        sooner = Deadline(0, lambda: self._is_over() or is_over())
        sooner._ends_at = self._ends_at
        return sooner
