"""A refund cannot be older than the purchase it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.inbound.events import Event, PurchaseReported, RefundReported
from app.inbound.models import Inbound, InboundState
from app.orders.models import Order
from app.stores.queries import StoreFacts


class _When(NamedTuple):
    """When something happened: an instant, and the day on the store's calendar, which alone may be known."""

    at: datetime
    on: date
    time_known: bool

    def precedes(self, other: _When) -> bool:
        """By the instants where both are known, otherwise by the days."""
        if self.time_known and other.time_known:
            return self.at < other.at
        return self.on < other.on


def refunds_before_purchase(
    session: Session, source: str, events: Sequence[Event], stores: Mapping[str, StoreFacts]
) -> set[str]:
    """Numbers of the refunds dated before the purchase they name, be it stored or among `events`.

    Of those that are stored already none: they are repeats. A purchase nobody knows yet is no reason to refuse.
    """
    refunds = [event for event in events if isinstance(event, RefundReported) and event.cancels]
    if not refunds:
        return set()
    bought = {
        event.ref: _when(event, stores) for event in reversed(events) if isinstance(event, PurchaseReported)
    }
    bought |= _stored(session, source, {refund.cancels for refund in refunds})
    early = {
        refund.ref
        for refund in refunds
        if refund.cancels in bought and _when(refund, stores).precedes(bought[refund.cancels])
    }
    return early - _applied(session, source, early)


def _when(event: Event, stores: Mapping[str, StoreFacts]) -> _When:
    on = stores[event.store].hours.local_date(event.occurred_at)
    return _When(event.occurred_at, on, event.time_known)


def _stored(session: Session, source: str, refs: set[str]) -> dict[str, _When]:
    query = select(Order.ref, Order.purchased_at, Order.purchased_on, Order.time_known)
    rows = session.execute(query.where(Order.source == source, Order.ref.in_(sorted(refs))))
    return {ref: _When(at, on, time_known) for ref, at, on, time_known in rows}


def _applied(session: Session, source: str, refs: set[str]) -> set[str]:
    keys = {f"refund:{ref}": ref for ref in refs}
    query = select(Inbound.event_key).where(
        Inbound.source == source, Inbound.event_key.in_(sorted(keys)), Inbound.state == InboundState.APPLIED
    )
    return {keys[key] for key in session.scalars(query) if key in keys} if keys else set()
