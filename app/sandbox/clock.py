"""The sandbox's own time: the machine's clock plus an offset that outlives a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from app.sandbox.store import Store

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def real_time() -> int:
    """The machine's clock in microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def iso(instant: int) -> str:
    """A time of ours as ISO 8601 in UTC, with microseconds."""
    return (_EPOCH + timedelta(microseconds=instant)).isoformat(timespec="microseconds")


class VirtualClock:
    """Virtual now = real now + offset. Every limit and life of the sandbox is measured by it."""

    def __init__(self, store: Store, real: Callable[[], int] = real_time) -> None:
        self._store = store
        self.real_now = real
        with store.reading() as connection:
            row = connection.execute("SELECT value FROM setting WHERE name = 'offset_us'").fetchone()
        self._offset = int(row["value"]) if row else 0

    @property
    def offset(self) -> int:
        """Microseconds added to the machine's clock; negative when the past is being lived again."""
        return self._offset

    def now(self) -> int:
        """The virtual time in microseconds since 1970, UTC."""
        return self.real_now() + self._offset

    def adopt(self, offset: int) -> None:
        """Take this offset and remember it; taking the present one again writes nothing."""
        if offset == self._offset:
            return
        with self._store.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES ('offset_us', ?)", (str(offset),))
        self._offset = offset
