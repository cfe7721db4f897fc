"""Exact places at which a fault test ends the process, as a power cut would. Without effect unless armed."""

from __future__ import annotations

import os
from collections.abc import Iterable

KILLED = 137  # what a shell reports of a process killed with -9
_armed: set[str] = set()


def arm(names: Iterable[str], *, is_sandbox: bool) -> None:
    """Make the named places deadly, in this process, from now on; what was armed before no longer is.

    Raises ValueError where there is a name and this is not a sandbox: production has no failpoints.
    """
    wanted = {name for name in names if name}
    if wanted and not is_sandbox:
        raise ValueError("failpoints are armed outside the sandbox")
    _armed.clear()
    _armed.update(wanted)


def failpoint(name: str) -> None:
    """End the process here and now if this place is armed: no clean-up, nothing flushed."""
    if name in _armed:
        os._exit(KILLED)
