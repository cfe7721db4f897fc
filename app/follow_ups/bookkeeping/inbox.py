"""Every applied event left its purchase or refund, and none of these came from nowhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.inbound.models import Inbound, InboundState
from app.orders.models import Order, Refund

PURCHASE, REFUND = "purchase:", "refund:"


def _belongs(fact: Any, prefix: str) -> ColumnElement[bool]:
    """A fact has its event's id, source and key; a key no column can hold stands as a fingerprint."""
    same_key = Inbound.event_key == literal(prefix) + fact.ref
    unstorable = Inbound.event_key.startswith("unstorable:", autoescape=True)
    return and_(Inbound.id == fact.id, Inbound.source == fact.source, or_(same_key, unstorable))


def _without_fact(within: Within) -> Faults:
    return select(Inbound.id.label("event"), Inbound.source, Inbound.event_key.label("key")).where(
        within(Inbound.id),
        Inbound.state == InboundState.APPLIED,
        ~exists().where(_belongs(Order, PURCHASE)),
        ~exists().where(_belongs(Refund, REFUND)),
    )


def _without_event(fact: Any, prefix: str, within: Within) -> Faults:
    applied = exists().where(_belongs(fact, prefix), Inbound.state == InboundState.APPLIED)
    return select(fact.id, fact.source, fact.ref).where(within(fact.id), ~applied)


CHECKS = (
    Check("applied events without their purchase or refund", Inbound.id, _without_fact),
    Check("purchases without their event", Order.id, lambda within: _without_event(Order, PURCHASE, within)),
    Check("refunds without their event", Refund.id, lambda within: _without_event(Refund, REFUND, within)),
)
