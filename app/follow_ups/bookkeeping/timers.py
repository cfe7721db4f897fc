"""Every timer belongs to a row that waits for exactly it, and every row that waits has its timer."""

from __future__ import annotations

from functools import partial

from sqlalchemy import ColumnElement, and_, exists, or_, select

from app.associates.models import HandoverSchedule
from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.follow_ups.bookkeeping.waiting import WAITING
from app.follow_ups.channels.models import BEING_MADE, FINAL, SendOrder
from app.follow_ups.models import Enrollment, PlanSweep
from app.follow_ups.states import EnrollmentState
from app.follow_ups.texting.models import SmsMessage
from app.inbound.models import ReceivedEvent
from app.members.models import Sync
from app.messaging.models import DigestSchedule, MessageState, OutboundMessage, Welcome
from app.nightly import NightlyJob
from app.organisation.models import OrganisationSync
from app.timers import Lane, Timer
from app.worklist.models import BalanceSchedule, WorkItem, WorkState

OF_SERIES = (
    (Enrollment.id == Timer.subject_id)
    & (Enrollment.state == EnrollmentState.ACTIVE)
    & (Enrollment.next_lane == Timer.lane)
    & (Enrollment.next_due_at == Timer.due_at)
    & (Enrollment.member_id == Timer.member_id)
)
OWNERS: dict[Lane, ColumnElement[bool]] = {
    Lane.MINUTES: OF_SERIES,
    Lane.DAYS: OF_SERIES,
    Lane.EXPIRY: (WorkItem.id == Timer.subject_id)
    & (WorkItem.state == WorkState.OPEN)
    & (WorkItem.valid_until == Timer.due_at)
    & or_(
        WorkItem.member_id == Timer.member_id,
        and_(WorkItem.member_id.is_(None), Timer.member_id.is_(None)),
    ),
    Lane.SWEEP: (PlanSweep.id == Timer.subject_id) & (PlanSweep.next_due_at == Timer.due_at),
    Lane.URGE: (WorkItem.id == Timer.subject_id)
    & (WorkItem.state == WorkState.OPEN)
    & (WorkItem.next_urge_at == Timer.due_at),
    Lane.BALANCE: (BalanceSchedule.associate_id == Timer.subject_id)
    & (BalanceSchedule.next_due_at == Timer.due_at),
    Lane.HANDOVER: (HandoverSchedule.associate_id == Timer.subject_id)
    & (HandoverSchedule.next_due_at == Timer.due_at),
    Lane.NIGHTLY: (NightlyJob.id == Timer.subject_id) & (NightlyJob.next_due_at == Timer.due_at),
    Lane.DIGEST: (DigestSchedule.associate_id == Timer.subject_id)
    & (DigestSchedule.next_due_at == Timer.due_at),
    Lane.PUSH: (OutboundMessage.id == Timer.subject_id)
    & (OutboundMessage.state == MessageState.ENQUEUED)
    & (OutboundMessage.next_due_at == Timer.due_at),
    Lane.ORDER: (SendOrder.id == Timer.subject_id)
    & SendOrder.state.in_(BEING_MADE)
    & (SendOrder.next_due_at == Timer.due_at),
    Lane.SMS: (SmsMessage.task_id == Timer.subject_id) & (SmsMessage.next_due_at == Timer.due_at),
    Lane.CONFIRM: (SendOrder.id == Timer.subject_id)
    & SendOrder.state.not_in(BEING_MADE | FINAL)
    & (SendOrder.next_due_at == Timer.due_at),
    Lane.INBOX: (ReceivedEvent.inbound_id == Timer.subject_id) & (ReceivedEvent.next_due_at == Timer.due_at),
    Lane.SYNC: (Sync.id == Timer.subject_id) & (Sync.next_due_at == Timer.due_at),
    Lane.ORGANISATION: (OrganisationSync.id == Timer.subject_id)
    & (OrganisationSync.next_due_at == Timer.due_at),
}
# Until it is claimed the received event owns the timer of its welcome message, afterwards the welcome itself.
WELCOME_OWNERS = (
    (ReceivedEvent.inbound_id == Timer.subject_id) & (ReceivedEvent.welcome_due_at == Timer.due_at),
    (Welcome.inbound_id == Timer.subject_id) & (Welcome.next_due_at == Timer.due_at),
)


def _of_nobody(lane: Lane, within: Within) -> Faults:
    owners = WELCOME_OWNERS if lane is Lane.WELCOME else (OWNERS[lane],)
    query = select(Timer.due_at, Timer.subject_id.label("subject"))
    nobody = [~exists().where(owner) for owner in owners]
    return query.where(Timer.lane == str(lane), within(Timer.due_at), *nobody)


# Of these the checks of messages, of orders at WeCom and of the inbox tell more.
TOLD_ELSEWHERE = frozenset({str(Lane.DIGEST), str(Lane.PUSH), str(Lane.INBOX), "order, confirm"})
CHECKS = (
    *(
        Check(f"timers of nobody: {lane}", Timer.due_at, partial(_of_nobody, lane), Timer.lane == str(lane))
        for lane in Lane
    ),
    *(
        Check(f"waiting for a timer that is not there: {one.name}", one.key, one.lost, one.waits)
        for one in WAITING
        if one.name not in TOLD_ELSEWHERE
    ),
)
