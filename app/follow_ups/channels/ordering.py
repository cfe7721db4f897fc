"""The lane of orders: claim (commit) → make it at WeCom → record (commit). Made at most once, ever.

A second group send would be a second message to everybody in it, so where nobody knows whether one was made, the answer
lost or the process dead, it is only looked for: WeCom lists what was ordered. What is found is ours; what is not found
for long enough is given up with that reason, and no more is made. An order that turns up after all is adopted, so that
it can still be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database, table_of
from app.failpoints import failpoint
from app.follow_ups.channels.calling import Came, Claim, Outcome, call
from app.follow_ups.channels.carriers import Made, Wish
from app.follow_ups.channels.models import (
    OrderState,
    SendOrder,
    SendReason,
    SendTarget,
    TargetState,
)
from app.follow_ups.channels.rules import LEASE, LOOKS, next_look
from app.follow_ups.channels.settling import give_up, give_up_unreached
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.members.service import lock_members
from app.messaging.claiming import claim_due
from app.messaging.rules import wait_after
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.port import WeComPort
from app.worklist.models import WorkItem, WorkState

BATCH = 8
REASON = 255
MEAN = 0.5  # of the spread of waits: orders are few

log = structlog.get_logger(__name__)


def order_due(database: Database, port: WeComPort, deadline: Deadline) -> Progress:
    """Make, or look for, what is due; safe in any number of processes. `done` counts orders."""
    done = 0
    while not deadline.has_passed():
        handled, claims = database.in_transaction(lambda session: claim(session, BATCH))
        if claims:
            failpoint("order.claimed")
            with ThreadPoolExecutor(len(claims)) as hands:
                outcomes = list(hands.map(lambda one: call(port, one), claims))
            failpoint("order.called")
            for outcome in outcomes:
                database.in_transaction(lambda session: record(session, outcome))  # noqa: B023 - runs now
            failpoint("order.recorded")
        done += handled
        if handled < BATCH:
            return Progress(done, more=False)
    return Progress(done, more=True)


def claim(session: Session, most: int) -> tuple[int, list[Claim]]:
    """Lease at most `most` due orders: how many were taken, and those there is something to call for.

    Whoever is out of an order before it is made is left out of it; where nobody is left, it is not made.
    """
    moment = clock.moment(session)
    table = table_of(SendOrder)
    due = claim_due(session, Lane.ORDER, moment.real, select(table), table.c.id, most)
    claims = []
    for row in due:
        order = session.get_one(SendOrder, row.id, populate_existing=True)
        wish = _wish(session, order, moment.business)
        if wish is None:
            order.state, order.next_due_at, order.open_key = OrderState.TAKEN_BACK, None, None
            continue
        order.fence += 1
        order.attempts += 1
        order.claimed_at = order.claimed_at or moment.business
        order.next_due_at = moment.real + LEASE
        is_doubtful = order.state != OrderState.READY
        order.state = OrderState.DOUBTFUL if is_doubtful else OrderState.CLAIMED
        set_timers(session, [(TimerKey(Lane.ORDER, order.next_due_at, order.id), None)])
        claims.append(
            Claim(
                order.id,
                order.fence,
                order.attempts,
                order.looks,
                order.channel,
                wish,
                is_doubtful,
                order.next_due_at,
                order.claimed_at,
                moment.business,
            )
        )
    session.flush()
    return len(due), claims


def record(session: Session, outcome: Outcome) -> None:
    """Write down what came of a claim. What was made is always kept; else only the latest claim may say."""
    claim, moment = outcome.claim, clock.moment(session)
    targets = _lock_targets(session, claim.order_id)
    query = select(SendOrder).where(SendOrder.id == claim.order_id).with_for_update()
    order = session.scalars(query.execution_options(populate_existing=True)).one()
    found = _found(session, outcome)
    if found is not None and not (order.wecom_id or order.job_id):
        _stop_timer(session, order)
        if (
            order.state == OrderState.UNKNOWN
        ):  # given up, and there after all: to be taken back where it still can be
            for target in _given_up(session, order.id):
                target.state = TargetState.WAITING
        _keep_made(session, order, found, targets, moment)
    elif (
        found is None
        and order.fence == claim.fence
        and order.state in (OrderState.CLAIMED, OrderState.DOUBTFUL)
    ):
        _stop_timer(session, order)
        _keep_trouble(session, order, outcome, targets, moment)
    session.flush()


def _wish(session: Session, order: SendOrder, now: datetime) -> Wish | None:
    """What is to be made; None for nobody left. One in doubt stays as it was when it was claimed."""
    query = (
        select(SendTarget, WorkItem.state, MemberCare.opted_out_at)
        .join(WorkItem, WorkItem.id == SendTarget.work_item_id)
        .join(MemberCare, MemberCare.member_id == SendTarget.member_id)
        .where(SendTarget.order_id == order.id, SendTarget.state == TargetState.WAITING)
        .order_by(SendTarget.task_id)
    )
    stay = []
    for target, state, opted_out_at in session.execute(query):
        if order.state == OrderState.READY and (
            state != WorkState.OPEN or opted_out_at is not None or order.valid_until <= now
        ):
            target.state = TargetState.RELEASED
        else:
            stay.append(target.external_userid)
    session.flush()
    if not stay:
        return None
    userid = session.scalar(select(Associate.wecom_userid).where(Associate.id == order.associate_id))
    return Wish(order.text, userid or "", order.speaks_for, tuple(dict.fromkeys(stay)))


def _lock_targets(session: Session, order_id: int) -> Sequence[SendTarget]:
    """The targets still waiting, their members locked."""
    query = select(SendTarget).where(SendTarget.order_id == order_id, SendTarget.state == TargetState.WAITING)
    members = select(SendTarget.member_id).where(SendTarget.order_id == order_id)
    lock_members(session, session.scalars(members))
    return session.scalars(
        query.order_by(SendTarget.member_id, SendTarget.task_id).execution_options(populate_existing=True)
    ).all()


def _given_up(session: Session, order_id: int) -> Sequence[SendTarget]:
    query = select(SendTarget).where(SendTarget.order_id == order_id, SendTarget.state == TargetState.FAILED)
    return session.scalars(query).all()


def _found(session: Session, outcome: Outcome) -> Made | None:
    """What was made, or found and is no other order's."""
    if outcome.came is Came.MADE:
        return outcome.made
    ids = [each.wecom_id for each in outcome.candidates]
    query = select(SendOrder.wecom_id).where(SendOrder.wecom_id.in_(ids))
    taken = set(session.scalars(query)) if ids else set()
    return next((Made(one) for one in ids if one not in taken), None)


def _stop_timer(session: Session, order: SendOrder) -> None:
    if order.next_due_at is not None:
        lane = Lane.ORDER if order.state in (OrderState.CLAIMED, OrderState.DOUBTFUL) else Lane.CONFIRM
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
    session: Session,
    order: SendOrder,
    outcome: Outcome,
    targets: Sequence[SendTarget],
    moment: clock.Moment,
) -> None:
    claim = outcome.claim
    order.reason = outcome.reason[:REASON]
    wait = wait_after(claim.attempt, MEAN, outcome.wait_s)
    match outcome.came:
        case Came.NOBODY:
            _end(order, OrderState.REFUSED)
            give_up_unreached(session, targets, moment.business)
        case Came.REFUSED:
            _end(order, OrderState.REFUSED)
            log.error("order_refused", order_id=order.id, reason=outcome.reason)
            give_up(session, targets, SendReason.REFUSED, moment.business)
        case Came.NOT_MADE:
            order.attempts -= 0 if outcome.counts else 1
            _again(session, order, OrderState.READY, moment.real + wait)
        case Came.DOUBTFUL:
            _again(session, order, OrderState.DOUBTFUL, moment.real + LOOKS[0])
        case Came.AWAY if moment.business < order.valid_until:
            _again(session, order, OrderState.DOUBTFUL, moment.real + wait)
        case _ if claim.looks + 1 < len(LOOKS) and outcome.came is Came.LOOKED:
            order.looks += 1
            _again(session, order, OrderState.DOUBTFUL, moment.real + LOOKS[order.looks])
        case _:
            _end(order, OrderState.UNKNOWN)
            log.warning("order_unknown", order_id=order.id, reason=outcome.reason)
            give_up(session, targets, SendReason.UNKNOWN, moment.business)


def _again(session: Session, order: SendOrder, state: OrderState, at: datetime) -> None:
    order.state, order.next_due_at = state, at
    set_timers(session, [(TimerKey(Lane.ORDER, at, order.id), None)])


def _end(order: SendOrder, state: OrderState) -> None:
    order.state, order.next_due_at, order.open_key = state, None, None
