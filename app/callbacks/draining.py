"""Draining the spool into the inbox: in every web process, one of a machine at a time, for as long as it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.callbacks.answers import answers_in
from app.callbacks.spool import Envelope, Spool, written_at
from app.db import Database
from app.failpoints import failpoint
from app.ids import NoNodeFree
from app.inbound.models import SMS_GATEWAY, WECOM
from app.inbound.service import receive_all
from app.wecom.callbacks import BadCallback, CallbackCipher, WeComEvent

BATCH = 50
EVERY_S = 1.0
# A lock that was waited for in vain is no outage.
OUTAGE = timedelta(seconds=10)

# Asks for a comparison with WeCom, in the transaction that stores what waited through an outage.
AskForSync = Callable[[Session, str], object]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Spooled:
    file: Path
    source: str
    events: Sequence[WeComEvent]


class Drain:
    """Patient, unlike the door: its transactions wait as long as any other's."""

    def __init__(
        self, database: Database, cipher: CallbackCipher, spool: Spool, ask_for_sync: AskForSync
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._spool = spool
        self._ask_for_sync = ask_for_sync

    def drain(self) -> int:
        """Move what waits into the inbox; returns how many files. 0 where another process is at it.

        Raises what the database raises while it is away; files not yet moved stay.
        """
        done = 0
        with self._spool.turn() as ours:
            if not ours:
                return 0
            self._spool.sweep()
            files = self._spool.waiting()
            for start in range(0, len(files), BATCH):
                batch = [one for one in map(self._read, files[start : start + BATCH]) if one is not None]
                self._store(batch)
                done += len(batch)
        if done:
            log.info("spool_drained", callbacks=done)
        return done

    def run(self, stop: threading.Event) -> None:
        """Drain every second until told to stop; a database or a disk that is away is met again."""
        while not stop.wait(EVERY_S):
            try:
                if not self._spool.is_empty():
                    self.drain()
            except (SQLAlchemyError, NoNodeFree, OSError) as error:
                cause = getattr(error, "orig", None) or error
                log.warning("spool_waits", error=type(cause).__name__)
            except Exception:
                # A bug; but a thread that ended here would leave what was answered with 200 where it is, in silence.
                log.exception("spool_drain_failed")

    def _read(self, file: Path) -> _Spooled | None:
        """Checked again in everything but its age; a file that fails is set aside, one the disk does not give waits."""
        try:
            envelope = Envelope.unpack(file.read_bytes())
            answers = answers_in(envelope)
            if answers is not None:
                return _Spooled(file, SMS_GATEWAY, answers)
            event = self._cipher.open(envelope.signature, envelope.timestamp, envelope.nonce, envelope.body)
        except BadCallback as error:
            self._spool.set_aside(file, error.reason)
            return None
        except OSError as error:
            log.error("spooled_callback_unreadable", file=file.name, error=type(error).__name__)
            return None
        return _Spooled(file, WECOM, [event])

    def _store(self, batch: Sequence[_Spooled]) -> None:
        """All at once, else by halves down to the one that no database can take."""
        if not batch:
            return
        try:
            self._database.in_transaction(lambda session: self._receive(session, batch))
        except (DataError, IntegrityError) as error:
            if len(batch) == 1:
                self._spool.set_aside(batch[0].file, type(error.orig).__name__)
                return
            middle = len(batch) // 2
            self._store(batch[:middle])
            self._store(batch[middle:])
            return
        failpoint("callbacks.drained")
        self._spool.remove([one.file for one in batch])

    def _receive(self, session: Session, batch: Sequence[_Spooled]) -> None:
        now, new = clock.real_now(session), 0
        for source in (SMS_GATEWAY, WECOM):
            theirs = [event for one in batch if one.source == source for event in one.events]
            new = receive_all(session, theirs, now, source)
        waited = clock.machine_now() - min(written_at(one.file) for one in batch)
        if new and waited > OUTAGE:
            self._ask_for_sync(session, "outage")
