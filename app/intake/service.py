"""Applying reported events: the inbox row, the facts and the follow-ups they start, in one transaction.

An event counts once by (source, event key). A batch that fails is halved until the one event that cannot be applied
stands alone; that one is quarantined with its reason, everything else is applied.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import ids_by_userid
from app.db import Database, insert_rows, table_of
from app.errors import DomainError
from app.failpoints import failpoint
from app.follow_ups.finishing import Visit, finish_in_store
from app.follow_ups.measuring.attributing import Bought, attribute, attribute_new, touched_by
from app.follow_ups.rules import Anchor
from app.follow_ups.series.enrolling import AnchorPurchase, enroll
from app.follow_ups.series.stopping import stop_refunded
from app.ids import new_id, new_ids
from app.inbound.events import Event, OwnerNamed, PurchaseReported, RefundReported, content_hash, encode
from app.inbound.models import Inbound, InboundState
from app.intake.happened import Reported, keep_phones, tell_of_happenings, tell_of_refunds
from app.intake.naming import Named, name_owners
from app.members.service import NewMember, lock_members, register_members
from app.orders.facts import Return, Sale
from app.orders.queries import buyers_of, days_partly_returned
from app.orders.service import CameBack, record
from app.stores.queries import StoreFacts, stores_by_code

MAX_BATCH = 500
# Clocks of tills run ahead a little; what lies further in the future is a mistake.
CLOCK_SKEW = timedelta(minutes=10)
LONGEST_KEY = 190
SURROGATES = re.compile(
    "[\ud800-\udfff]"
)  # halves of characters, which JSON can escape and UTF-8 cannot hold

INBOUND = table_of(Inbound)
SEEN = select(INBOUND.c.event_key, INBOUND.c.content_hash, INBOUND.c.state).where(
    INBOUND.c.source == bindparam("source"), INBOUND.c.event_key.in_(bindparam("event_keys", expanding=True))
)

log = structlog.get_logger(__name__)


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
class _Fresh:
    """An event not seen before, on its way in."""

    position: int
    event: Event
    payload: bytes
    digest: str


def apply_events(
    database: Database, source: str, events: Sequence[Event], *, enrolls: bool
) -> list[EventResult]:
    """Apply at most 500 events; one result per event, in order. What is refused or repeated changes nothing.

    `enrolls` False stores purchases as facts only. Raises `ValueError` for more events than that.
    """
    if len(events) > MAX_BATCH:
        raise ValueError(f"at most {MAX_BATCH} events at a time, not {len(events)}")
    prepared = []
    for position, event in enumerate(events):
        payload = encode(event)
        prepared.append(_Fresh(position, event, payload, content_hash(payload)))
    results = _apply_or_halve(database, source, prepared, enrolls)
    return [results[position] for position in range(len(events))]


def _apply_or_halve(
    database: Database, source: str, batch: Sequence[_Fresh], enrolls: bool
) -> dict[int, EventResult]:
    if not batch:
        return {}
    try:
        return database.in_transaction(lambda session: _apply(session, source, batch, enrolls))
    except (StatementError, DomainError, ArithmeticError, ValueError) as error:
        if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
            raise  # the database is away, full or busy: that is no event's fault
        if len(batch) == 1:
            return {batch[0].position: _quarantine(database, source, batch[0], enrolls, error)}
    middle = len(batch) // 2
    return _apply_or_halve(database, source, batch[:middle], enrolls) | _apply_or_halve(
        database, source, batch[middle:], enrolls
    )


def _apply(session: Session, source: str, batch: Sequence[_Fresh], enrolls: bool) -> dict[int, EventResult]:
    now = clock.now(session)
    stores = stores_by_code(session, _storable(item.event.store for item in batch))
    results, fresh = _sift(session, source, batch, stores, now)
    if fresh:
        _store(session, source, fresh, stores, enrolls, now)
    return results


def _sift(
    session: Session, source: str, batch: Sequence[_Fresh], stores: Mapping[str, StoreFacts], now: datetime
) -> tuple[dict[int, EventResult], list[_Fresh]]:
    """Tell repeats and refusals from what is new; of the same key twice in a batch the first counts.

    What was quarantined is judged anew: the cause may be gone, or the report may have been corrected.
    """
    seen, quarantined = _seen(session, source, [_key(item) for item in batch])
    owners = {item.event.seller.lower() for item in batch if isinstance(item.event, OwnerNamed)} - {""}
    people = ids_by_userid(session, _storable(owners)).keys() if owners else ()
    results: dict[int, EventResult] = {}
    fresh = []
    for item in batch:
        known = seen.get(_key(item))
        if known is not None:
            results[item.position] = (
                EventResult(EventStatus.REPEATED)
                if known == item.digest
                else EventResult(EventStatus.REFUSED, "contradicts_stored", item.event.ref)
            )
            continue
        results[item.position] = _judge(item.event, stores, people, now)
        if results[item.position].status is EventStatus.APPLIED:
            seen[_key(item)] = item.digest
            fresh.append(item)
    _release(session, source, [key for key in map(_key, fresh) if key in quarantined])
    return results, fresh


def _seen(session: Session, source: str, event_keys: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """Content hashes of those events that were applied, by key, and the keys of those in quarantine."""
    asked = {"source": source, "event_keys": sorted(set(event_keys))}
    rows = session.connection().execute(SEEN, asked).all()
    applied = {row.event_key: row.content_hash for row in rows if row.state == InboundState.APPLIED}
    return applied, {row.event_key for row in rows} - applied.keys()


def _release(session: Session, source: str, event_keys: Sequence[str]) -> None:
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


def _store(
    session: Session,
    source: str,
    fresh: Sequence[_Fresh],
    stores: Mapping[str, StoreFacts],
    enrolls: bool,
    now: datetime,
) -> None:
    people = ids_by_userid(session, _storable(item.event.seller.lower() for item in fresh))
    ordered = sorted(fresh, key=lambda item: item.event.event_key)
    ids = new_ids(session, len(ordered))
    insert_rows(
        session,
        Inbound,
        [_inbound_row(*pair, source, enrolls, now) for pair in zip(ids, ordered, strict=True)],
    )
    members = _members_of(session, [item.event for item in ordered], stores, people, now)
    cancelled = {item.event.cancels for item in ordered if isinstance(item.event, RefundReported)} - {""}
    lock_members(session, {*members.values(), *buyers_of(session, source, cancelled)})
    sales, returns = [], []
    happened: list[Reported] = []
    named = []
    for event_id, item in zip(ids, ordered, strict=True):
        event, store, member_id = item.event, stores[item.event.store], members.get(item.event.customer)
        seller_id = people.get(event.seller.lower())
        if isinstance(event, PurchaseReported):
            sales.append(Sale(event_id, event, store, member_id, seller_id, enrolls))
        elif isinstance(event, RefundReported):
            returns.append(Return(event_id, event, store, member_id))
        elif member_id is None:
            continue
        elif isinstance(event, OwnerNamed):
            named.append(Named(event, member_id, seller_id))
        else:
            happened.append(Reported(event_id, event, store, member_id, seller_id))
    told = zip(ids, ordered, strict=True)
    keep_phones(
        session,
        [(one, members[item.event.customer], item.event) for one, item in told if item.event.customer],
    )
    came_back = record(session, source, sales, returns, now)
    failpoint("intake.recorded")
    attribute_new(session, [_bought(sale) for sale in sales if sale.event.goods_fen > 0], now)
    if came_back.purchases or returns:
        its = touched_by(session, [sale.id for sale in sales], [item.id for item in returns])
        attribute(session, its, now)
    _follow_up(session, sales, came_back, now)
    tell_of_refunds(session, source, returns, came_back, now, enrolls=enrolls)
    tell_of_happenings(session, source, happened, now, enrolls=enrolls)
    name_owners(session, source, named, now)


def _bought(sale: Sale) -> Bought:
    event = sale.event
    at = event.occurred_at, sale.purchased_on
    return Bought(sale.id, sale.member_id, sale.store.id, *at, event.goods_fen)


def _follow_up(session: Session, sales: Sequence[Sale], came_back: CameBack, now: datetime) -> None:
    anchors = [_anchor_purchase(sale) for sale in sales if sale.enrolls and sale.event.goods_fen > 0]
    bought = [anchor for anchor in anchors if anchor is not None]
    enroll(session, bought, now)
    timed = [one for one in bought if one.anchor.time_known]
    finish_in_store(session, [Visit(one.member_id, one.store.id, one.anchor.at) for one in timed])
    days = {(one.member_id, one.purchased_on) for one in came_back.purchases}
    wholly = {(one.member_id, one.purchased_on) for one in came_back.purchases if one.wholly}
    stop_refunded(
        session, wholly, now, in_part=days | days_partly_returned(session, {one.day for one in bought})
    )


def _anchor_purchase(sale: Sale) -> AnchorPurchase | None:
    if sale.member_id is None:
        return None
    event = sale.event
    return AnchorPurchase(
        sale.member_id, sale.store, Anchor(event.occurred_at, sale.purchased_on, event.time_known)
    )


def _members_of(
    session: Session,
    events: Sequence[Event],
    stores: Mapping[str, StoreFacts],
    people: Mapping[str, int],
    now: datetime,
) -> dict[str, int]:
    """Members by customer code; a customer first seen now is owned by whoever sold to them first."""
    first: dict[str, Event] = {}
    for event in events:
        if event.customer and (
            event.customer not in first or event.occurred_at < first[event.customer].occurred_at
        ):
            first[event.customer] = event
    newcomers = [
        NewMember(
            code,
            _name_of(event),
            stores[event.store].id,
            people.get(event.seller.lower()),
            min(event.occurred_at, now),
        )
        for code, event in first.items()
    ]
    return register_members(session, newcomers)


def _storable(texts: Iterable[str]) -> set[str]:
    """Those a database may be asked for: half a character is in none."""
    return {text for text in texts if not SURROGATES.search(text)}


def _name_of(event: Event) -> str:
    """The customer's name where it is told, else what the till calls them."""
    if isinstance(event, PurchaseReported | RefundReported):
        return event.customer
    return event.name or event.customer


def _key(item: _Fresh) -> str:
    """The event's key, or its fingerprint where no database could store the key itself."""
    key = item.event.event_key
    return key if len(key) <= LONGEST_KEY and not SURROGATES.search(key) else f"unstorable:{item.digest}"


def _inbound_row(event_id: int, item: _Fresh, source: str, enrolls: bool, now: datetime) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": source,
        "event_key": _key(item),
        "content_hash": item.digest,
        "payload": item.payload.decode(),
        "state": InboundState.APPLIED,
        "reason": "",
        "enrolls": enrolls,
        "received_at": now,
    }


def _quarantine(
    database: Database, source: str, item: _Fresh, enrolls: bool, error: Exception
) -> EventResult:
    reason = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"[:255]
    log.warning("event_quarantined", source=source, event_key=_key(item), error=type(error).__name__)

    def keep(session: Session) -> None:
        _release(session, source, [_key(item)])
        row = _inbound_row(new_id(session), item, source, enrolls, clock.now(session))
        insert_rows(session, Inbound, [row | {"state": InboundState.QUARANTINED, "reason": reason}])

    database.in_transaction(keep)
    return EventResult(EventStatus.QUARANTINED, "not_applicable", item.event.ref)
