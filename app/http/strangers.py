"""Bodies from people nobody knows: few are read at a time.

Whoever sends a body slowly holds the thread that reads it. Sent to a route that anybody may call, a handful of such
bodies would hold them all, and the pages of those we know with them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

SEATS = 3  # of the eight threads a web process has by default
PATIENCE_S = 0.3
AGAIN_AFTER_S = 1

_seats = threading.BoundedSemaphore(SEATS)


@contextmanager
def reading_a_strangers_body() -> Iterator[None]:
    """Read the body inside; an ordinary one is there at once. Raises `ServiceUnavailable` while too many are read."""
    if not _seats.acquire(timeout=PATIENCE_S):
        raise ServiceUnavailable(retry_after=AGAIN_AFTER_S)
    try:
        yield
    finally:
        _seats.release()
