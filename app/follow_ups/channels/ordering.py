"""The lane of orders: claim (commit) → make it at WeCom → record (commit). Made at most once, ever.

A second group send would be a second message to everybody in it, so where nobody knows whether one was made, the answer
lost or the process dead, it is only looked for: WeCom lists what was ordered. What is found is ours; what is not found
for long enough is given up with that reason, and no more is made. An order that turns up after all is adopted, so that
it can still be taken back.

WeCom rings the associate as soon as it has an order, so none is made in quiet hours or before the store opens: one that
became late goes back to wait for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database, table_of
from app.failpoints import failpoint
from app.follow_ups.channels.calling import Claim, call
from app.follow_ups.channels.carriers import Wish
from app.follow_ups.channels.models import UNTOLD, OrderState, SendOrder, SendTarget, TargetState
from app.follow_ups.channels.outcomes import record
from app.follow_ups.channels.rules import LEASE
from app.follow_ups.channels.starting import rings_from, wait_for
from app.follow_ups.states import Channel
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.messaging.claiming import claim_due
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.port import WeComPort
from app.worklist.models import WorkItem, WorkState

BATCH = 8


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
    """Lease at most `most` due calls: how many were taken, and those that are to be made.

    Whoever is out of an order before it is made is left out of it; where nobody is left, it is not made.
    """
    moment = clock.moment(session)
    table = table_of(SendOrder)
    due = claim_due(session, Lane.ORDER, moment.real, select(table), table.c.id, most)
    claims, taken = [], set[int]()
    for row in due:
        if row.id not in taken:
            group = _group(session, session.get_one(SendOrder, row.id, populate_existing=True))
            taken |= {order.id for order in group}
            its = _lease(session, group, moment)
            claims += [its] if its else []
    session.flush()
    return len(due), claims


def _group(session: Session, order: SendOrder) -> list[SendOrder]:
    """The order, and for a moment those that the same call makes, or made; of these the timers are taken away.

    The order's own is gone already. Those that somebody else is busy with are left to them.
    """
    if order.channel != Channel.MOMENT:
        return [order]
    if order.state == OrderState.READY:
        same = (SendOrder.same_key == order.same_key) & (SendOrder.slot_at == order.slot_at)
        same &= SendOrder.state == OrderState.READY
    else:
        same = (SendOrder.call_id == order.call_id) & SendOrder.state.in_(UNTOLD)
    query = select(SendOrder).where(same, SendOrder.id != order.id).order_by(SendOrder.id)
    locking = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    others = session.scalars(locking).all()
    timers = [TimerKey(Lane.ORDER, one.next_due_at, one.id) for one in others if one.next_due_at]
    clear_timers(session, timers)
    return [order, *others]


def _lease(session: Session, group: Sequence[SendOrder], moment: clock.Moment) -> Claim | None:
    """Take them for one call; None where none is left to make, or where it is no time for it."""
    is_doubtful = group[0].state != OrderState.READY
    group = group if is_doubtful else _in_time(session, group, moment.business)
    wanted = _wanted(session, group, moment.business)
    group = _with_somebody(group, wanted)
    if not group:
        return None
    lease_until, first = moment.real + LEASE, group[0]
    for order in group:
        order.fence += 1
        order.attempts += 1
        order.claimed_at = order.claimed_at or moment.business
        order.next_due_at = lease_until
        order.state = OrderState.DOUBTFUL if is_doubtful else OrderState.CLAIMED
        order.call_id = order.call_id if is_doubtful else first.id
    session.flush()
    set_timers(session, [(TimerKey(Lane.ORDER, lease_until, order.id), None) for order in group])
    assert first.call_id is not None
    assert first.claimed_at is not None
    return Claim(
        {order.id: order.fence for order in group},
        first.call_id,
        first.attempts,
        first.looks,
        first.channel,
        _wish(session, group, wanted),
        is_doubtful,
        lease_until,
        first.claimed_at,
        moment.business,
    )


def _in_time(session: Session, group: Sequence[SendOrder], now: datetime) -> list[SendOrder]:
    """Those whose associates may be rung now; the others go back to wait for that."""
    rings = rings_from(session, group, now)
    wait_for(session, [(order, rings[order.id]) for order in group if order.id in rings])
    return [order for order in group if order.id not in rings]


def _with_somebody(group: Sequence[SendOrder], wanted: Mapping[int, Sequence[str]]) -> list[SendOrder]:
    """Those that are for anybody yet; the others end."""
    for order in group:
        if order.id not in wanted:
            order.state, order.next_due_at, order.open_key = OrderState.TAKEN_BACK, None, None
    return [order for order in group if order.id in wanted]


def _wanted(session: Session, group: Sequence[SendOrder], now: datetime) -> dict[int, list[str]]:
    """By order, whom it is for, orders without anybody left out. One in doubt stays as it was when it was claimed."""
    orders = {order.id: order for order in group}
    query = (
        select(SendTarget, WorkItem.state, MemberCare.opted_out_at)
        .join(WorkItem, WorkItem.id == SendTarget.work_item_id)
        .join(MemberCare, MemberCare.member_id == SendTarget.member_id)
        .where(SendTarget.order_id.in_(sorted(orders)), SendTarget.state == TargetState.WAITING)
        .order_by(SendTarget.task_id)
    )
    stay: dict[int, list[str]] = {}
    for target, state, opted_out_at in session.execute(query):
        order = orders[target.order_id]
        is_out = state != WorkState.OPEN or opted_out_at is not None or order.valid_until <= now
        if order.state == OrderState.READY and is_out:
            target.state = TargetState.RELEASED
        else:
            stay.setdefault(order.id, []).append(target.external_userid)
    session.flush()
    return stay


def _wish(session: Session, group: Sequence[SendOrder], wanted: Mapping[int, Sequence[str]]) -> Wish:
    """What is to be made, or, of one in doubt, what may have been."""
    first = group[0]
    query = select(Associate.wecom_userid).join(SendOrder, SendOrder.associate_id == Associate.id)
    names = session.scalars(query.where(SendOrder.call_id == first.call_id).order_by(Associate.id))
    contacts = dict.fromkeys(name for order in group for name in wanted[order.id])
    return Wish(first.text, tuple(dict.fromkeys(names)), first.speaks_for, tuple(contacts))
