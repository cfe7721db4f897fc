"""Outages of minutes: what nobody heard meanwhile is found by a comparison.

WeCom tells of an event for some seconds only. So each kind of process says once a minute that it runs, and whoever
finds a gap when it goes on, or a database that was away, asks for a sync; one gap is one request.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.ids import NoNodeFree
from app.intake.wecom.syncs import OUTAGE, ensure_nightly, request_sync
from app.members.models import Heartbeat

EVERY = timedelta(minutes=1)
GAP = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class Beating(StrEnum):
    """Whose running matters: who hears of events, and who works on them."""

    CLOCK = "clock"
    WEB = "web"


def keep_beating(database: Database, who: Beating) -> None:
    """Say that such a process runs; asked often, it writes once a minute. Raises what the database raises."""
    with database.reading() as session:
        beat = session.get(Heartbeat, who)
        if beat is not None and clock.real_now(session) - beat.beaten_at < EVERY:
            return
    database.in_transaction(lambda session: _beat(session, who))


def beat_until(database: Database, who: Beating, stop: threading.Event) -> None:
    """Say so until told to stop; a database that is away is met again."""
    while True:
        try:
            keep_beating(database, who)
        except (SQLAlchemyError, NoNodeFree, OSError) as error:
            log.warning("heart_does_not_beat", who=who, error=type(error).__name__)
        if stop.wait(EVERY.total_seconds()):
            return


def _beat(session: Session, who: Beating) -> None:
    """Real time counts: a fast-forward is no outage. The first beat of all comes after nothing that was missed."""
    ensure_nightly(session)
    now = clock.real_now(session)
    locking = select(Heartbeat).where(Heartbeat.name == who).with_for_update()
    beat = session.scalar(locking.execution_options(populate_existing=True))
    if beat is None:
        session.add(Heartbeat(name=who, beaten_at=now))
        session.flush()
        return
    gap, beat.beaten_at = now - beat.beaten_at, now
    if gap > GAP:
        beat.back_at = clock.now(session)
        log.warning("outage_over", who=who, seconds=round(gap.total_seconds()))
        request_sync(session, OUTAGE)
