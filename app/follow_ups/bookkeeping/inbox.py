"""Every applied event left its purchase, refund or member event, and no purchase or refund came from nowhere.

What WeCom tells leaves no fact of its own; what was received waits for its timer.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, or_, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.inbound.models import BY_LANE, Inbound, InboundState, ReceivedEvent
from app.member_events.models import MemberEvent
from app.orders.models import Order, Refund
from app.timers import Lane, Timer

PURCHASE, REFUND = "purchase:", "refund:"
SUPERSEDED = ("join:", "birthday:", "anniversary:", "owner:")


def _belongs(fact: Any, prefix: str) -> ColumnElement[bool]:
    """A fact has its event's id, source and key; a key no column can hold stands as a fingerprint."""
    same_key = Inbound.event_key == literal(prefix) + fact.ref
    unstorable = Inbound.event_key.startswith("unstorable:", autoescape=True)
    return and_(Inbound.id == fact.id, Inbound.source == fact.source, or_(same_key, unstorable))


def _without_fact(within: Within) -> Faults:
    return select(Inbound.id.label("event"), Inbound.source, Inbound.event_key.label("key")).where(
        within(Inbound.id),
        Inbound.state == InboundState.APPLIED,
        Inbound.source.not_in(BY_LANE),
        ~exists().where(_belongs(Order, PURCHASE)),
        ~exists().where(_belongs(Refund, REFUND)),
        ~exists().where(MemberEvent.id == Inbound.id),
        # Whoever joins does so once, whoever tells of it; of a yearly day and of an owner the newest report counts.
        ~or_(*(Inbound.event_key.startswith(prefix, autoescape=True) for prefix in SUPERSEDED)),
    )


def _without_event(fact: Any, prefix: str, within: Within) -> Faults:
    applied = exists().where(_belongs(fact, prefix), Inbound.state == InboundState.APPLIED)
    return select(fact.id, fact.source, fact.ref).where(within(fact.id), ~applied)


def _waiting_for_nothing(within: Within) -> Faults:
    """An event has its work and, until it is applied or set aside, its timer; afterwards it waits for nothing."""
    received = Inbound.state == InboundState.RECEIVED
    work = exists().where(
        ReceivedEvent.inbound_id == Inbound.id, ReceivedEvent.next_due_at.is_not(None) == received
    )
    its = exists().where(
        ReceivedEvent.inbound_id == Inbound.id,
        Timer.lane == str(Lane.INBOX),
        Timer.due_at == ReceivedEvent.next_due_at,
        Timer.subject_id == Inbound.id,
    )
    query = select(Inbound.id.label("event"), Inbound.event_key.label("key"), Inbound.state)
    return query.where(within(Inbound.id), Inbound.source.in_(BY_LANE), or_(~work, and_(received, ~its)))


def _of_no_event(within: Within) -> Faults:
    its = exists().where(Inbound.id == ReceivedEvent.inbound_id, Inbound.source.in_(BY_LANE))
    return select(ReceivedEvent.inbound_id.label("event")).where(within(ReceivedEvent.inbound_id), ~its)


CHECKS = (
    Check("applied events without their purchase or refund", Inbound.id, _without_fact),
    Check("purchases without their event", Order.id, lambda within: _without_event(Order, PURCHASE, within)),
    Check("events from WeCom without their timer, or with one too many", Inbound.id, _waiting_for_nothing),
    Check("work on events there are not", ReceivedEvent.inbound_id, _of_no_event),
    Check("refunds without their event", Refund.id, lambda within: _without_event(Refund, REFUND, within)),
)
