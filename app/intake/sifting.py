"""Telling what is new among reported events from what is repeated or cannot be right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from app.associates.queries import ids_by_userid
from app.db import table_of
from app.inbound.events import Event, OwnerNamed, PurchaseReported, RefundReported
from app.inbound.models import Inbound, InboundState
from app.stores.queries import StoreFacts

# Clocks of tills run ahead a little; what lies further in the future is a mistake.
CLOCK_SKEW = timedelta(minutes=10)
LONGEST_KEY = 190
# Halves of characters, which JSON can escape and UTF-8 cannot hold.
SURROGATES = re.compile("[\ud800-\udfff]")

INBOUND = table_of(Inbound)
SEEN = select(INBOUND.c.event_key, INBOUND.c.content_hash, INBOUND.c.state).where(
    INBOUND.c.source == bindparam("source"), INBOUND.c.event_key.in_(bindparam("event_keys", expanding=True))
)


class EventStatus(StrEnum):
    """What became of a reported event."""

    APPLIED = "applied"
    REPEATED = "repeated"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class EventResult:
    """The outcome for one event; `code` and `place` say what is wrong with one that was refused."""

    status: EventStatus
    code: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Fresh:
    """An event not seen before, on its way in."""

    position: int
    event: Event
    payload: bytes
    digest: str


def sift(
    session: Session, source: str, batch: Sequence[Fresh], stores: Mapping[str, StoreFacts], now: datetime
) -> tuple[dict[int, EventResult], list[Fresh]]:
    """Tell repeats and refusals from what is new; of the same key twice in a batch the first counts.

    What was quarantined is judged anew: the cause may be gone, or the report may have been corrected.
    """
    seen, quarantined = _seen(session, source, [key_of(item) for item in batch])
    owners = {item.event.seller.lower() for item in batch if isinstance(item.event, OwnerNamed)} - {""}
    people = ids_by_userid(session, storable(owners)).keys() if owners else ()
    results: dict[int, EventResult] = {}
    fresh = []
    for item in batch:
        known = seen.get(key_of(item))
        if known is not None:
            results[item.position] = (
                EventResult(EventStatus.REPEATED)
                if known == item.digest
                else EventResult(EventStatus.REFUSED, "contradicts_stored", item.event.ref)
            )
            continue
        results[item.position] = _judge(item.event, stores, people, now)
        if results[item.position].status is EventStatus.APPLIED:
            seen[key_of(item)] = item.digest
            fresh.append(item)
    release(session, source, [key for key in map(key_of, fresh) if key in quarantined])
    return results, fresh


def _seen(session: Session, source: str, event_keys: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Content hashes of those events that were applied, by key, and the keys of those in quarantine."""
    asked = {"source": source, "event_keys": sorted(set(event_keys))}
    rows = session.connection().execute(SEEN, asked).all()
    applied = {row.event_key: row.content_hash for row in rows if row.state == InboundState.APPLIED}
    return applied, {row.event_key for row in rows} - applied.keys()


def release(session: Session, source: str, event_keys: Sequence[str]) -> None:
    """Forget that these events were quarantined: they are about to be applied, or quarantined anew."""
    if not event_keys:
        return
    quarantined = delete(Inbound).where(
        Inbound.source == source, Inbound.event_key.in_(event_keys), Inbound.state == InboundState.QUARANTINED
    )
    session.execute(quarantined.execution_options(synchronize_session=False))


def _judge(
    event: Event, stores: Mapping[str, StoreFacts], people: Collection[str], now: datetime
) -> EventResult:
    """`people`: accounts of those named as owners who work here."""
    store = stores.get(event.store)
    if store is None:
        return EventResult(EventStatus.REFUSED, "unknown_store", event.store)
    if isinstance(event, PurchaseReported | RefundReported) and event.currency != store.currency:
        return EventResult(EventStatus.REFUSED, "wrong_currency", event.currency)
    if isinstance(event, OwnerNamed) and event.seller and event.seller.lower() not in people:
        return EventResult(EventStatus.REFUSED, "unknown_associate", event.seller)
    # A day without a time stands for noon: it is in the future only when the day is.
    in_future = (
        event.occurred_at > now + CLOCK_SKEW
        if event.time_known
        else store.hours.local_date(event.occurred_at) > store.hours.local_date(now)
    )
    if in_future:
        return EventResult(EventStatus.REFUSED, "in_future", event.occurred_at.isoformat())
    return EventResult(EventStatus.APPLIED)


def storable(texts: Iterable[str]) -> set[str]:
    """Those a database may be asked for: half a character is in none."""
    return {text for text in texts if not SURROGATES.search(text)}


def key_of(item: Fresh) -> str:
    """The event's key, or its fingerprint where no database could store the key itself."""
    key = item.event.event_key
    return key if len(key) <= LONGEST_KEY and not SURROGATES.search(key) else f"unstorable:{item.digest}"
