"""The lane of confirmations: what is gathered goes to be ordered, and WeCom is asked what became of what was.

Asking changes nothing, so it is repeated as often as need be; reminding is written down before it is done, for WeCom
counts three a day. An order nobody waits for any more is taken back. WeCom takes back a whole order only: where one of
several members is out of it, it is taken back, and the others get a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database, insert_rows, table_of
from app.failpoints import failpoint
from app.follow_ups.channels.carriers import CARRIERS, Glances, Seen
from app.follow_ups.channels.models import (
    ASKED_ABOUT,
    FINAL,
    OrderState,
    SendOrder,
    SendReason,
    SendTarget,
    TargetState,
)
from app.follow_ups.channels.rules import PATIENCE, REMIND_AFTER, next_look
from app.follow_ups.channels.settling import count_touches, give_up, lock_targets, settle
from app.follow_ups.channels.starting import start
from app.follow_ups.states import Channel
from app.ids import new_id
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.messaging.claiming import claim_due
from app.stores.queries import stores_by_id
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.apis import moments
from app.wecom.apis.group_sends import DISPATCHING
from app.wecom.errors import WeComError, WeComRejected
from app.wecom.port import WeComPort
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem, WorkState

BATCH = 16
REASON = 255
NOT_YET = (DISPATCHING, moments.DISPATCHING)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """An order to ask about; whoever asks next does so later, under a higher fence."""

    order_id: int
    fence: int
    channel: str
    wecom_id: str
    job_id: str
    wecom_userid: str
    external_userids: tuple[str, ...]
    reminds: bool


class Todo(StrEnum):
    """What is left to do after what was seen is written down."""

    NOTHING = "nothing"
    TAKE_BACK = "take_back"


@dataclass(frozen=True, slots=True)
class Sight:
    """What WeCom showed; `others` it reached, too; `refusal`: it will never be made, or is unknown to it."""

    seen: tuple[Seen, ...] = ()
    others: tuple[str, ...] = ()
    wecom_id: str = ""
    refusal: str = ""


def follow_due(database: Database, port: WeComPort, deadline: Deadline) -> Progress:
    """Send on what is gathered and ask about what was ordered; safe in any number of processes."""
    done, glances = 0, Glances(port)
    while not deadline.has_passed():
        handled, claims = database.in_transaction(lambda session: claim(session, BATCH))
        with ThreadPoolExecutor(BATCH) as hands:
            list(hands.map(lambda one: _follow(database, glances, one), claims))
        done += handled
        if handled < BATCH:
            return Progress(done, more=False)
    return Progress(done, more=True)


def claim(session: Session, most: int) -> tuple[int, list[Claim]]:
    """Take at most `most` due orders: how many, and those to ask about. Each has its next timer already."""
    moment = clock.moment(session)
    table = table_of(SendOrder)
    due = claim_due(session, Lane.CONFIRM, moment.business, select(table), table.c.id, most)
    orders = [session.get_one(SendOrder, row.id, populate_existing=True) for row in due]
    start(session, [order for order in orders if order.state == OrderState.GATHERING], moment)
    claims = [_claim(session, order, moment) for order in orders if order.state in ASKED_ABOUT]
    session.flush()
    return len(due), claims


def _claim(session: Session, order: SendOrder, moment: clock.Moment) -> Claim:
    assert order.ordered_at is not None
    order.fence += 1
    order.next_due_at = next_look(order.ordered_at, order.valid_until, moment.business)
    set_timers(session, [(TimerKey(Lane.CONFIRM, order.next_due_at, order.id), None)])
    reminds = _is_to_be_reminded(session, order, moment.business)
    order.reminded_at = moment.business if reminds else order.reminded_at
    names = select(SendTarget.external_userid).where(
        SendTarget.order_id == order.id, SendTarget.state == TargetState.WAITING
    )
    wanted = tuple(session.scalars(names.order_by(SendTarget.task_id)))
    who = session.get_one(Associate, order.associate_id).wecom_userid
    return Claim(order.id, order.fence, order.channel, order.wecom_id, order.job_id, who, wanted, reminds)


def record(session: Session, claim: Claim, sight: Sight, *, is_back: bool = False) -> Todo:
    """Write down what was seen; `is_back`: nobody can confirm it any more."""
    now = clock.now(session)
    targets = lock_targets(session, [claim.order_id])[claim.order_id]
    order = session.get_one(SendOrder, claim.order_id, populate_existing=True)
    if order.state in FINAL:
        return Todo.NOTHING
    if sight.refusal:
        give_up(session, targets, SendReason.REFUSED, now)
        _end(session, claim, order, OrderState.REFUSED, sight.refusal)
        return Todo.NOTHING
    if sight.wecom_id and not order.wecom_id:
        order.wecom_id, order.state = sight.wecom_id, OrderState.ORDERED
        session.flush()
    settle(session, order, targets, sight.seen, now)
    count_touches(session, order, sight.others, now)
    waiting = [target for target in targets if target.state == TargetState.WAITING]
    if not waiting:
        _end(session, claim, order, OrderState.OVER)
        return Todo.NOTHING
    there = _still_wanted(session, waiting) if now < order.valid_until else set()
    if is_back:
        for target in waiting:  # of who is out of it the task is closed, or its validity just ends
            target.state = target.state if target.task_id in there else TargetState.FAILED
        _order_anew(session, order, [one for one in waiting if one.task_id in there], now)
        _end(session, claim, order, OrderState.TAKEN_BACK)
        return Todo.NOTHING
    gone = [one for one in waiting if one.task_id not in there]
    # What everybody sees is not taken back because of one.
    is_over = _is_over_for_all(session, order, there, now) if order.channel == Channel.MOMENT else bool(gone)
    return Todo.TAKE_BACK if is_over and order.wecom_id else Todo.NOTHING


def lose_patience(session: Session, claim: Claim, reason: str) -> None:
    """Long after its end nothing is asked any more: WeCom does not know the order, or will not say."""
    targets = lock_targets(session, [claim.order_id])[claim.order_id]
    order = session.get_one(SendOrder, claim.order_id, populate_existing=True)
    if order.state in FINAL or clock.now(session) < order.valid_until + PATIENCE:
        return
    give_up(session, targets, SendReason.UNKNOWN, clock.now(session))
    _end(session, claim, order, OrderState.UNKNOWN, reason)


def _follow(database: Database, glances: Glances, claim: Claim) -> None:
    """Ask, write down, and take back where that is to be; what WeCom does not answer is asked again later."""
    carrier, port = CARRIERS[claim.channel], glances.port
    try:
        sight = _look(glances, claim)
        failpoint("confirm.seen")
        todo = database.in_transaction(lambda session: record(session, claim, sight))
        if todo is Todo.TAKE_BACK:
            wecom_id = claim.wecom_id or sight.wecom_id
            carrier.take_back(port, wecom_id)
            failpoint("confirm.taken_back")
            last = _see(Glances(port), claim, wecom_id)
            database.in_transaction(lambda session: record(session, claim, last, is_back=True))
        elif claim.reminds and any(one.state is TargetState.WAITING for one in sight.seen):
            carrier.remind(port, claim.wecom_id)
    except WeComError as error:
        reason, not_yet = str(error), isinstance(error, WeComRejected) and error.errcode in NOT_YET
        if not not_yet:
            log.warning("order_not_followed", order_id=claim.order_id, reason=reason)
            database.in_transaction(lambda session: lose_patience(session, claim, reason))


def _look(glances: Glances, claim: Claim) -> Sight:
    wecom_id = claim.wecom_id
    if not wecom_id:
        try:
            made = glances.moment_of_job(claim.job_id, claim.wecom_userid)
        except WeComRejected as error:
            return Sight(refusal=str(error))
        if made is None:
            return Sight()
        wecom_id = made
    return _see(glances, claim, wecom_id)


def _see(glances: Glances, claim: Claim, wecom_id: str) -> Sight:
    sighted = CARRIERS[claim.channel].see(glances, wecom_id, claim.wecom_userid, claim.external_userids)
    return Sight(sighted.seen, sighted.others, wecom_id)


def _is_to_be_reminded(session: Session, order: SendOrder, now: datetime) -> bool:
    """Once, when it has been with the associate for a while and people may be asked something."""
    if order.reminded_at is not None or order.ordered_at is None or now < order.ordered_at + REMIND_AFTER:
        return False
    budget, hours = read_budget(session), stores_by_id(session)[order.store_id].hours
    return budget.paused_at is None and budget.askable_from(hours, now, order.valid_until) == now


def _is_over_for_all(session: Session, order: SendOrder, there: Collection[int], now: datetime) -> bool:
    """Whether nobody waits for a moment any more, whichever associate is to publish it: it is taken back as a whole."""
    if there:
        return False
    others = (
        select(SendTarget.task_id)
        .join(SendOrder, SendOrder.id == SendTarget.order_id)
        .join(WorkItem, WorkItem.id == SendTarget.work_item_id)
        .where(
            SendOrder.call_id == order.call_id,
            SendOrder.id != order.id,
            SendOrder.valid_until > now,
            SendTarget.state == TargetState.WAITING,
            WorkItem.state == WorkState.OPEN,
        )
    )
    return session.scalar(others.limit(1)) is None


def _still_wanted(session: Session, targets: Sequence[SendTarget]) -> set[int]:
    """The tasks that are open, of members who may be written to."""
    query = (
        select(SendTarget.task_id)
        .join(WorkItem, WorkItem.id == SendTarget.work_item_id)
        .join(MemberCare, MemberCare.member_id == SendTarget.member_id)
        .where(
            SendTarget.task_id.in_([target.task_id for target in targets]),
            WorkItem.state == WorkState.OPEN,
            MemberCare.opted_out_at.is_(None),
        )
    )
    return set(session.scalars(query))


def _order_anew(session: Session, order: SendOrder, targets: Sequence[SendTarget], now: datetime) -> None:
    """Another order for whom the one that was taken back still was to reach."""
    if not targets:
        return
    order_id, at = new_id(session), clock.real_now(session)
    fresh: dict[str, Any] = {
        **{column.name: getattr(order, column.name) for column in table_of(SendOrder).columns},
        "id": order_id,
        "open_key": None,
        "size": len(targets),
        "state": OrderState.READY,
        "opened_at": now,
        "next_due_at": at,
    }
    fresh |= dict.fromkeys(("fence", "attempts", "looks"), 0)
    fresh |= dict.fromkeys(("wecom_id", "job_id", "reason"), "")
    fresh |= dict.fromkeys(("claimed_at", "ordered_at", "reminded_at", "call_id"))
    insert_rows(session, SendOrder, [fresh])
    set_timers(session, [(TimerKey(Lane.ORDER, at, order_id), None)])
    for target in targets:
        target.order_id = order_id
    session.flush()


def _end(session: Session, claim: Claim, order: SendOrder, state: OrderState, reason: str = "") -> None:
    """Final, unless somebody joined, or asked, since: then it is asked about once more."""
    table = table_of(SendOrder)
    keeps_key = state is OrderState.OVER and order.channel == Channel.MOMENT
    its = (table.c.id == order.id) & (table.c.fence == claim.fence)
    values: dict[str, Any] = {"state": state, "reason": reason[:REASON], "next_due_at": None}
    values |= {} if keeps_key else {"open_key": None}
    timer, session_changes = order.next_due_at, session.connection()
    if session_changes.execute(update(table).where(its).values(**values)).rowcount and timer is not None:
        clear_timers(session, [TimerKey(Lane.CONFIRM, timer, order.id)])
    session.expire(order)
