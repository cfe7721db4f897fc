"""Keeping a callback within a second: in the inbox, else in the spool."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.callbacks.spool import Envelope, Spool
from app.db import Database
from app.ids import NoNodeFree
from app.inbound.models import WECOM
from app.inbound.service import receive_all
from app.wecom.callbacks import WeComEvent

PATIENCE_S = 0.3  # of each single wait for the database
IN_ALL_S = 0.5  # of all of them together; the spool needs the rest of the second
REST_S = 1.0  # how long a database that failed is left alone: threads do not pile up before one that hangs
HANDS = 4
AWAY = (SQLAlchemyError, NoNodeFree, OSError)  # TimeoutError is an OSError

log = structlog.get_logger(__name__)


class Keeper:
    """One per web process, with connections of its own: pages that are busy take none from it."""

    def __init__(self, database_url: str, spool: Spool) -> None:
        """Connects to nothing yet."""
        self._database = Database(database_url, patience_s=PATIENCE_S)
        self._spool = spool
        self._hands = ThreadPoolExecutor(HANDS, "callbacks")
        self._leave_alone_until = 0.0

    def keep(self, events: Sequence[WeComEvent], envelope: Envelope, source: str = WECOM) -> None:
        """Returns when events are in the inbox or their envelope in the spool. Raises OSError where neither takes it.

        A database that answered too late may have them as well: the spool's are repeats then, and change nothing.
        """
        if time.monotonic() < self._leave_alone_until or not self._store(events, source):
            self._spool.put(envelope)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._hands.shutdown(wait=True, cancel_futures=True)
        self._database.close()

    def _store(self, events: Sequence[WeComEvent], source: str) -> bool:
        storing: Future[Any] = self._hands.submit(self._receive, events, source)
        try:
            storing.result(IN_ALL_S)
        except AWAY as error:
            storing.cancel()
            self._leave_alone_until = time.monotonic() + REST_S
            cause = getattr(error, "orig", None) or error
            log.warning("callback_spooled", error=type(cause).__name__)
            return False
        return True

    def _receive(self, events: Sequence[WeComEvent], source: str) -> int:
        return self._database.in_transaction(
            lambda session: receive_all(session, events, clock.real_now(session), source)
        )
