"""Writing down what came of a call of WeCom for orders: it was made, or surely not, or nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.channels.calling import Came, Outcome
from app.follow_ups.channels.carriers import Made
from app.follow_ups.channels.models import UNTOLD, OrderState, SendOrder, SendReason, SendTarget, TargetState
from app.follow_ups.channels.rules import LOOKS, next_look
from app.follow_ups.channels.settling import give_up, give_up_unreached, lock_targets
from app.messaging.rules import wait_after
from app.timers import Lane, TimerKey, clear_timers, set_timers

REASON = 255
MEAN = 0.5  # of the spread of waits: orders are few

log = structlog.get_logger(__name__)


def record(session: Session, outcome: Outcome) -> None:
    """Write down what came of a claim. What was made is always kept; else only the latest claim may say."""
    claim, moment = outcome.claim, clock.moment(session)
    targets = lock_targets(session, claim.fences)
    query = select(SendOrder).where(SendOrder.id.in_(sorted(claim.fences))).order_by(SendOrder.id)
    locking = query.with_for_update().execution_options(populate_existing=True)
    orders = session.scalars(locking).all()
    found = _found(session, outcome)
    for order in orders:
        if found is not None and not (order.wecom_id or order.job_id):
            _stop_timer(session, order)
            if order.state == OrderState.UNKNOWN:
                _revive(session, order)
            _keep_made(session, order, found, targets[order.id], moment)
        elif found is None and order.fence == claim.fences[order.id] and order.state in UNTOLD:
            _stop_timer(session, order)
            _keep_trouble(session, order, outcome, targets[order.id], moment)
    session.flush()


def _found(session: Session, outcome: Outcome) -> Made | None:
    """What was made, or found and is of no other call."""
    if outcome.came is Came.MADE:
        return outcome.made
    ids = [each.wecom_id for each in outcome.candidates]
    others = SendOrder.call_id.is_distinct_from(outcome.claim.call_id)
    query = select(SendOrder.wecom_id).where(SendOrder.wecom_id.in_(ids), others)
    taken = set(session.scalars(query)) if ids else set()
    return next((Made(one) for one in ids if one not in taken), None)


def _revive(session: Session, order: SendOrder) -> None:
    """Given up, and there after all: to be taken back where it still can be."""
    its = (SendTarget.order_id == order.id) & (SendTarget.state == TargetState.FAILED)
    for target in session.scalars(select(SendTarget).where(its)):
        target.state = TargetState.WAITING


def _stop_timer(session: Session, order: SendOrder) -> None:
    if order.next_due_at is not None:
        lane = Lane.ORDER if order.state in UNTOLD else Lane.CONFIRM
        clear_timers(session, [TimerKey(lane, order.next_due_at, order.id)])


def _keep_made(
    session: Session, order: SendOrder, made: Made, targets: Sequence[SendTarget], moment: clock.Moment
) -> None:
    order.wecom_id, order.job_id, order.reason = made.wecom_id, made.job_id, ""
    order.state = OrderState.ORDERED if made.wecom_id else OrderState.PENDING
    order.ordered_at = moment.business
    order.next_due_at = next_look(moment.business, order.valid_until, moment.business)
    set_timers(session, [(TimerKey(Lane.CONFIRM, order.next_due_at, order.id), None)])
    unreached = set(made.unreached)
    give_up_unreached(session, [one for one in targets if one.external_userid in unreached], moment.business)


def _keep_trouble(
    session: Session, order: SendOrder, outcome: Outcome, targets: Sequence[SendTarget], moment: clock.Moment
) -> None:
    order.reason = outcome.reason[:REASON]
    wait = wait_after(outcome.claim.attempt, MEAN, outcome.wait_s)
    match outcome.came:
        case Came.NOBODY | Came.REFUSED:
            _keep_refusal(session, order, outcome, targets, moment.business)
        case Came.NOT_MADE:
            order.attempts -= 0 if outcome.counts else 1
            _again(session, order, OrderState.READY, moment.real + wait)
        case Came.DOUBTFUL:
            _again(session, order, OrderState.DOUBTFUL, moment.real + LOOKS[0])
        case Came.AWAY if moment.business < order.valid_until:
            _again(session, order, OrderState.DOUBTFUL, moment.real + wait)
        case came:
            _look_again(session, order, came, targets, moment)


def _keep_refusal(
    session: Session, order: SendOrder, outcome: Outcome, targets: Sequence[SendTarget], now: datetime
) -> None:
    _end(order, OrderState.REFUSED)
    if outcome.came is Came.NOBODY:
        give_up_unreached(session, targets, now)
    else:
        log.error("order_refused", order_id=order.id, reason=outcome.reason)
        give_up(session, targets, SendReason.REFUSED, now)


def _look_again(
    session: Session, order: SendOrder, came: Came, targets: Sequence[SendTarget], moment: clock.Moment
) -> None:
    """It was not there: look later, but not for ever."""
    if came is Came.LOOKED and order.looks + 1 < len(LOOKS):
        order.looks += 1
        _again(session, order, OrderState.DOUBTFUL, moment.real + LOOKS[order.looks])
        return
    _end(order, OrderState.UNKNOWN)
    log.warning("order_unknown", order_id=order.id, reason=order.reason)
    give_up(session, targets, SendReason.UNKNOWN, moment.business)


def _again(session: Session, order: SendOrder, state: OrderState, at: datetime) -> None:
    order.state, order.next_due_at = state, at
    set_timers(session, [(TimerKey(Lane.ORDER, at, order.id), None)])


def _end(order: SendOrder, state: OrderState) -> None:
    order.state, order.next_due_at, order.open_key = state, None, None
