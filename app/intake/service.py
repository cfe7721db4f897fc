"""Applying reported events: the inbox row, the facts and the follow-ups they start, in one transaction.

An event counts once by (source, event key). A batch that fails is halved until the one event that cannot be applied
stands alone; that one is quarantined with its reason, everything else is applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import ids_by_userid
from app.db import Database, insert_rows
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
from app.intake.sifting import EventResult, EventStatus, Fresh, key_of, release, sift, storable
from app.members.service import NewMember, lock_members, register_members
from app.orders.facts import Return, Sale
from app.orders.queries import buyers_of, days_partly_returned
from app.orders.service import CameBack, record
from app.stores.queries import StoreFacts, stores_by_code

MAX_BATCH = 500

log = structlog.get_logger(__name__)


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
        prepared.append(Fresh(position, event, payload, content_hash(payload)))
    results = _apply_or_halve(database, source, prepared, enrolls)
    return [results[position] for position in range(len(events))]


def _apply_or_halve(
    database: Database, source: str, batch: Sequence[Fresh], enrolls: bool
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


def _apply(session: Session, source: str, batch: Sequence[Fresh], enrolls: bool) -> dict[int, EventResult]:
    now = clock.now(session)
    stores = stores_by_code(session, storable(item.event.store for item in batch))
    results, fresh = sift(session, source, batch, stores, now)
    if fresh:
        _store(session, source, fresh, stores, enrolls, now)
    return results


def _store(
    session: Session,
    source: str,
    fresh: Sequence[Fresh],
    stores: Mapping[str, StoreFacts],
    enrolls: bool,
    now: datetime,
) -> None:
    people = ids_by_userid(session, storable(item.event.seller.lower() for item in fresh))
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


def _name_of(event: Event) -> str:
    """The customer's name where it is told, else what the till calls them."""
    if isinstance(event, PurchaseReported | RefundReported):
        return event.customer
    return event.name or event.customer


def _inbound_row(event_id: int, item: Fresh, source: str, enrolls: bool, now: datetime) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": source,
        "event_key": key_of(item),
        "content_hash": item.digest,
        "payload": item.payload.decode(),
        "state": InboundState.APPLIED,
        "reason": "",
        "enrolls": enrolls,
        "received_at": now,
    }


def _quarantine(database: Database, source: str, item: Fresh, enrolls: bool, error: Exception) -> EventResult:
    reason = f"{type(error).__name__}: {getattr(error, 'orig', None) or error}"[:255]
    log.warning("event_quarantined", source=source, event_key=key_of(item), error=type(error).__name__)

    def keep(session: Session) -> None:
        release(session, source, [key_of(item)])
        row = _inbound_row(new_id(session), item, source, enrolls, clock.now(session))
        insert_rows(session, Inbound, [row | {"state": InboundState.QUARANTINED, "reason": reason}])

    database.in_transaction(keep)
    return EventResult(EventStatus.QUARANTINED, "not_applicable", item.event.ref)
