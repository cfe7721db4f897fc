"""Events that could not be applied: which they are, and applying them again once the cause is gone.

An edge, as importing is: what is tried again commits itself, batch by batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.inbound.events import Event
from app.inbound.models import BY_LANE, Inbound, InboundState
from app.inbound.service import put_back
from app.intake.service import MAX_BATCH, apply_events
from app.intake.sifting import EventResult, EventStatus

UNREADABLE = EventResult(EventStatus.QUARANTINED, "unreadable_event")
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """An event in quarantine; `since` is when it was tried last."""

    id: int
    source: str
    key: str
    reason: str
    since: datetime


def quarantined_events(session: Session, *, after: int = 0, limit: int = MAX_BATCH) -> list[QuarantinedEvent]:
    """Some of the events in quarantine, oldest first, from behind the id `after`."""
    query = (
        select(Inbound.id, Inbound.source, Inbound.event_key, Inbound.reason, Inbound.received_at)
        .where(Inbound.state == InboundState.QUARANTINED, Inbound.id > after)
        .order_by(Inbound.id)
        .limit(limit)
    )
    return [QuarantinedEvent(*row) for row in session.execute(query)]


def retry_events(
    database: Database, ids: Collection[int]
) -> Iterator[tuple[QuarantinedEvent, EventResult | None]]:
    """Apply events in quarantine as if they were reported anew; ids that are not in quarantine are passed over.

    What is applied leaves the quarantine and is never applied again; what is refused stays as it is; what fails again
    stays with its new reason, under a new id. What WeCom told us has no result yet: it leaves the quarantine for the
    inbox lane, under the same id.
    """
    wanted = sorted(ids)
    for start in range(0, len(wanted), MAX_BATCH):
        with database.reading() as session:
            rows = _load(session, wanted[start : start + MAX_BATCH])
        together: dict[tuple[str, bool], list[Inbound]] = defaultdict(list)
        for row in rows:
            together[row.source, row.enrolls].append(row)
        for row in [row for source in BY_LANE for row in together.pop((source, False), [])]:
            if database.in_transaction(partial(_put_back, row.id)):
                yield _described(row), None
        for (source, enrolls), same in together.items():
            yield from zip(map(_described, same), _apply(database, source, same, enrolls), strict=True)


def _put_back(inbound_id: int, session: Session) -> bool:
    return put_back(session, inbound_id, clock.real_now(session))


def _load(session: Session, ids: Sequence[int]) -> Sequence[Inbound]:
    query = select(Inbound).where(Inbound.id.in_(ids), Inbound.state == InboundState.QUARANTINED)
    return session.scalars(query.order_by(Inbound.id)).all()


def _apply(database: Database, source: str, rows: Sequence[Inbound], enrolls: bool) -> list[EventResult]:
    events = [_read(row) for row in rows]
    readable = [event for event in events if event is not None]
    results = iter(apply_events(database, source, readable, enrolls=enrolls))
    return [UNREADABLE if event is None else next(results) for event in events]


def _read(row: Inbound) -> Event | None:
    """The event as it was reported; None for a payload that is no event, e.g. with half a character in it."""
    try:
        return _decoder.decode(row.payload)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _described(row: Inbound) -> QuarantinedEvent:
    return QuarantinedEvent(row.id, row.source, row.event_key, row.reason, row.received_at)
