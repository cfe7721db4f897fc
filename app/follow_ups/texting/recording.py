"""What the gateway says of a message becomes what is known of its task."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.finishing import keep_done
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence
from app.follow_ups.texting.calling import Came, Outcome
from app.follow_ups.texting.models import FINAL, SmsMessage, SmsReason, SmsState
from app.follow_ups.texting.rules import LOOKS, MOST_ATTEMPTS, next_receipt
from app.members.service import lock_members
from app.messaging.rules import wait_after
from app.sms.port import Arrival, Receipt
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items, count_as_done, count_as_undone

MEAN = 0.5  # of the spread of waits: messages are few at a time
REASON = 255

log = structlog.get_logger(__name__)


def record(session: Session, outcome: Outcome) -> None:
    """Write down what came of a claim. That the gateway has it is always kept; else only the latest claim may say."""
    claim, now = outcome.claim, clock.now(session)
    member_id = session.scalars(select(SmsMessage.member_id).where(SmsMessage.task_id == claim.task_id)).one()
    lock_members(session, [member_id])
    row = session.get_one(SmsMessage, claim.task_id, populate_existing=True)
    has_it = outcome.came is Came.HAS_IT and row.state != SmsState.TAKEN_BACK
    if row.state in FINAL and not (has_it and row.state == SmsState.UNKNOWN):
        return
    if row.fence != claim.fence and not (has_it and not row.gateway_id):
        return
    _stop_timer(session, row)
    row.reason = outcome.reason[:REASON]
    if outcome.receipt is not None:
        _keep_receipt(session, row, outcome.receipt, now)
    elif row.state == SmsState.ACCEPTED:
        _ask_again(session, row, now)
    else:
        _keep_trouble(session, row, outcome, now)
    session.flush()


def _stop_timer(session: Session, row: SmsMessage) -> None:
    if row.next_due_at is not None:
        clear_timers(session, [TimerKey(Lane.SMS, row.next_due_at, row.task_id)])
    row.next_due_at = None


def _keep_receipt(session: Session, row: SmsMessage, receipt: Receipt, now: datetime) -> None:
    if not row.gateway_id:
        row.gateway_id, row.sent_at, row.looks = receipt.gateway_id or "?", row.claimed_at or now, 0
        row.state = SmsState.ACCEPTED
        count_as_done(session, row.work_item_id, _handed_over_at(session, row, now))
    match receipt.arrival:
        case Arrival.DELIVERED:
            row.state = SmsState.DELIVERED
            _done(session, row, Evidence.GATEWAY_CONFIRMED, now)
        case Arrival.FAILED:
            row.state, row.reason = SmsState.FAILED, receipt.reason[:REASON]
            count_as_undone(session, row.work_item_id)
            _give_up(session, row, SmsReason.FAILED, now)
        case Arrival.WAITING:
            _ask_again(session, row, now)


def _ask_again(session: Session, row: SmsMessage, now: datetime) -> None:
    """Ask later whether it arrived; whoever asked long enough takes it for done, proven no better than that."""
    at = next_receipt(row.looks, row.valid_until, now)
    row.looks += 1
    if at is None:
        row.state = SmsState.UNTOLD
        _done(session, row, Evidence.GATEWAY_UNKNOWN, now)
    else:
        _wait(session, row, SmsState.ACCEPTED, at)


def _keep_trouble(session: Session, row: SmsMessage, outcome: Outcome, now: datetime) -> None:
    match outcome.came:
        case Came.NOT_TAKEN if row.attempts < MOST_ATTEMPTS:
            _wait(session, row, SmsState.READY, now + wait_after(row.attempts, MEAN, outcome.wait_s))
        case Came.NOT_TAKEN | Came.REFUSED:
            row.state = SmsState.REFUSED
            log.warning("sms_refused", task_id=row.task_id, reason=outcome.reason)
            _give_up(session, row, SmsReason.REFUSED, now)
        case Came.DOUBTFUL:
            _wait(session, row, SmsState.DOUBTFUL, now + LOOKS[0])
        case Came.AWAY if now < row.valid_until:
            _wait(session, row, SmsState.DOUBTFUL, now + max(LOOKS[1], timedelta(seconds=outcome.wait_s)))
        case Came.NOT_THERE if row.looks + 1 < len(LOOKS):
            row.looks += 1
            _wait(session, row, SmsState.DOUBTFUL, now + LOOKS[row.looks])
        case _:
            row.state = SmsState.UNKNOWN
            log.warning("sms_unknown", task_id=row.task_id, reason=outcome.reason)
            _give_up(session, row, SmsReason.UNKNOWN, now)


def _wait(session: Session, row: SmsMessage, state: SmsState, at: datetime) -> None:
    row.state, row.next_due_at = state, at
    set_timers(session, [(TimerKey(Lane.SMS, at, row.task_id), row.member_id)])


def _give_up(session: Session, row: SmsMessage, reason: SmsReason, now: datetime) -> None:
    close_items(session, [row.work_item_id], WorkState.CANCELLED, reason, now)


def _done(session: Session, row: SmsMessage, evidence: Evidence, now: datetime) -> None:
    """The task was done when the message was handed over, by nobody of ours; it counts for whose member it is."""
    task = session.get_one(FollowUpTask, row.task_id, populate_existing=True)
    item = session.get_one(WorkItem, row.work_item_id, populate_existing=True)
    at = _handed_over_at(session, row, now)
    keep_done(session, task, item, evidence, item.assignee_id, at, row.text)


def _handed_over_at(session: Session, row: SmsMessage, now: datetime) -> datetime:
    opened_at = session.scalars(select(WorkItem.opened_at).where(WorkItem.id == row.work_item_id)).one()
    return min(max(row.sent_at or now, opened_at), now)
