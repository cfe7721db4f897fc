"""When what is gathered goes to be ordered: in no quiet hours, and moments as fast as WeCom makes them.

WeCom makes ten moments a minute for a whole corp. Each call therefore has an instant of its own, its slot; associates
who are to publish the same words share one. All of it is business time, so that a fast-forward keeps the pace, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import Moment
from app.db import insert_rows
from app.follow_ups.channels.models import OrderState, SendOrder, SendPace
from app.follow_ups.channels.rules import MOST_TOGETHER, PACE_OF_MOMENTS, TOGETHER
from app.follow_ups.states import Channel
from app.stores.queries import stores_by_id
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.attention import read_budget

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def start(session: Session, orders: Sequence[SendOrder], moment: Moment) -> None:
    """Send gathered orders on whose timers went off, or let them wait for their time."""
    quiet = rings_from(session, orders, moment.business)
    wait_for(session, [(order, quiet[order.id]) for order in orders if order.id in quiet])
    loud = [order for order in orders if order.id not in quiet]
    moments = [order for order in loud if order.channel == Channel.MOMENT]
    if moments:
        _plan_slots(session, [order for order in moments if order.slot_at is None], moment.business)
    early = [order for order in moments if order.slot_at is not None and order.slot_at > moment.business]
    for order in early:
        order.next_due_at = order.slot_at
    session.flush()
    set_timers(session, [(TimerKey(Lane.CONFIRM, one.slot_at, one.id), None) for one in early if one.slot_at])
    ready = {order.id: order for order in loud if order not in early}
    for order in [order for order in ready.values() if order.channel == Channel.MOMENT]:
        ready |= {mate.id: mate for mate in _mates(session, order) if mate.id not in ready}
    for order in ready.values():
        order.state, order.next_due_at = OrderState.READY, moment.real
        order.open_key = order.open_key if order.channel == Channel.MOMENT else None
    session.flush()
    set_timers(session, [(TimerKey(Lane.ORDER, moment.real, order_id), None) for order_id in ready])


def rings_from(session: Session, orders: Iterable[SendOrder], now: datetime) -> dict[int, datetime]:
    """Of those whose associates may not be rung now, from when they may: the store opens, quiet hours end."""
    its = list(orders)
    budget, stores = read_budget(session), stores_by_id(session, {order.store_id for order in its})
    loud = {
        order.id: budget.askable_from(stores[order.store_id].hours, now, order.valid_until) for order in its
    }
    return {order_id: at for order_id, at in loud.items() if at > now}


def wait_for(session: Session, waits: Sequence[tuple[SendOrder, datetime]]) -> None:
    """Let orders that have no timer go on gathering until then; a slot they had is gone."""
    for order, at in waits:
        order.state, order.next_due_at, order.slot_at = OrderState.GATHERING, at, None
    session.flush()
    set_timers(session, [(TimerKey(Lane.CONFIRM, at, order.id), None) for order, at in waits])


def _plan_slots(session: Session, orders: Sequence[SendOrder], now: datetime) -> None:
    if not orders:
        return
    pace = _pace(session)
    for order in orders:
        order.slot_at = _slot_of_others(session, order, now)
        if order.slot_at is None:
            order.slot_at = max(now + TOGETHER, pace.free_from)
            pace.free_from = order.slot_at + PACE_OF_MOMENTS
        session.flush()


def _pace(session: Session) -> SendPace:
    """Held until the transaction ends; whoever loses the race to make the row tries again."""
    query = select(SendPace).where(SendPace.channel == Channel.MOMENT).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        insert_rows(session, SendPace, [{"channel": Channel.MOMENT, "free_from": NEVER}])
        row = session.scalars(query).one()
    return row


def _slot_of_others(session: Session, order: SendOrder, now: datetime) -> datetime | None:
    """The slot of associates who are to publish the same words, if one more goes into their call."""
    query = (
        select(SendOrder.slot_at)
        .where(
            SendOrder.same_key == order.same_key,
            SendOrder.slot_at > now,
            SendOrder.state == OrderState.GATHERING,
        )
        .group_by(SendOrder.slot_at)
        .having(func.count() < MOST_TOGETHER)
    )
    return session.scalar(query.order_by(SendOrder.slot_at).limit(1))


def _mates(session: Session, order: SendOrder) -> Sequence[SendOrder]:
    """Those of the same call, which go with the first of them; their timers are taken away."""
    query = select(SendOrder).where(
        SendOrder.same_key == order.same_key,
        SendOrder.slot_at == order.slot_at,
        SendOrder.state == OrderState.GATHERING,
        SendOrder.id != order.id,
    )
    locking = query.order_by(SendOrder.id).with_for_update().execution_options(populate_existing=True)
    mates = session.scalars(locking).all()
    timers = [TimerKey(Lane.CONFIRM, one.next_due_at, one.id) for one in mates if one.next_due_at]
    clear_timers(session, timers)
    return mates
