"""Rows that wait for a timer, in every lane: who they are, which of them lost theirs, and setting it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, exists, literal, select, true
from sqlalchemy.orm import Session

from app.associates.models import HandoverSchedule
from app.follow_ups.bookkeeping.checks import Faults, Within
from app.follow_ups.channels.models import BEING_MADE, FINAL, SendOrder
from app.follow_ups.models import Enrollment, PlanSweep
from app.follow_ups.states import EnrollmentState
from app.follow_ups.texting.models import SmsMessage
from app.inbound.models import ReceivedEvent
from app.members.models import Sync
from app.members.service import lock_members
from app.messaging.models import DigestSchedule, MessageState, OutboundMessage, Welcome
from app.nightly import NightlyJob
from app.organisation.models import OrganisationSync
from app.timers import Lane, Timer, TimerKey, set_timers
from app.worklist.models import BalanceSchedule, WorkItem, WorkState

IS_OPEN = WorkItem.state == WorkState.OPEN


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of one table that wait in a lane: while `waits` each owns a timer of `lane` at `due`.

    `member` is whose mutex guards the row; without one the row itself does.
    """

    name: str
    lane: ColumnElement[str]
    key: Any
    due: Any
    waits: ColumnElement[bool]
    member: Any = None

    def lost(self, within: Within | None = None) -> Faults:
        """Those that wait and have no timer."""
        its = exists().where(Timer.lane == self.lane, Timer.due_at == self.due, Timer.subject_id == self.key)
        query = select(self.key.label("row"), self.due.label("due_at"))
        return query.where(within(self.key) if within else true(), self.waits, ~its)


def _in(
    lane: Lane, key: Any, due: Any, waits: ColumnElement[bool] | None = None, member: Any = None
) -> Waiting:
    return Waiting(
        str(lane), literal(str(lane)), key, due, due.is_not(None) if waits is None else waits, member
    )


SERIES = Waiting(
    "minutes, days",
    Enrollment.next_lane,  # type: ignore[arg-type]  # never null while it is active
    Enrollment.id,
    Enrollment.next_due_at,
    Enrollment.state == EnrollmentState.ACTIVE,
    Enrollment.member_id,
)
ORDERS = Waiting(
    "order, confirm",
    case((SendOrder.state.in_(BEING_MADE), str(Lane.ORDER)), else_=str(Lane.CONFIRM)),
    SendOrder.id,
    SendOrder.next_due_at,
    SendOrder.state.not_in(FINAL),
)
WAITING: Sequence[Waiting] = (
    SERIES,
    ORDERS,
    _in(Lane.EXPIRY, WorkItem.id, WorkItem.valid_until, IS_OPEN, WorkItem.member_id),
    _in(
        Lane.URGE,
        WorkItem.id,
        WorkItem.next_urge_at,
        IS_OPEN & WorkItem.next_urge_at.is_not(None),
        WorkItem.member_id,
    ),
    _in(Lane.SWEEP, PlanSweep.id, PlanSweep.next_due_at),
    _in(Lane.BALANCE, BalanceSchedule.associate_id, BalanceSchedule.next_due_at),
    _in(Lane.HANDOVER, HandoverSchedule.associate_id, HandoverSchedule.next_due_at),
    _in(Lane.NIGHTLY, NightlyJob.id, NightlyJob.next_due_at),
    _in(Lane.DIGEST, DigestSchedule.associate_id, DigestSchedule.next_due_at),
    _in(
        Lane.PUSH,
        OutboundMessage.id,
        OutboundMessage.next_due_at,
        OutboundMessage.state == MessageState.ENQUEUED,
    ),
    _in(Lane.SMS, SmsMessage.task_id, SmsMessage.next_due_at, member=SmsMessage.member_id),
    _in(Lane.INBOX, ReceivedEvent.inbound_id, ReceivedEvent.next_due_at),
    replace(
        _in(Lane.WELCOME, ReceivedEvent.inbound_id, ReceivedEvent.welcome_due_at),
        name="new contacts to welcome",
    ),
    _in(Lane.WELCOME, Welcome.inbound_id, Welcome.next_due_at),
    _in(Lane.SYNC, Sync.id, Sync.next_due_at),
    _in(Lane.ORGANISATION, OrganisationSync.id, OrganisationSync.next_due_at),
)


class Place(NamedTuple):
    """How far a look for lost timers has come: the kind of row, by its place in `WAITING`, and the last key of it."""

    kind: int
    after: int


START = Place(0, 0)


def set_lost_timers(session: Session, most: int, place: Place = START) -> tuple[int, Place | None]:
    """Set timers that were lost again, of at most so many rows of one kind; how many, and where to go on, if at all.

    Each row is looked at once more while its mutex is held, so whoever moves it meanwhile is not interfered with. One
    kind a transaction: members are locked before anything else, and once. Rows that wait and do not know for when are
    left to whoever looks at the checks.
    """
    for kind in range(place.kind, len(WAITING)):
        waiting, after = WAITING[kind], place.after if kind == place.kind else 0
        lost = waiting.lost().where(waiting.due.is_not(None), waiting.key > after)
        keys = [row.row for row in session.execute(lost.order_by(waiting.key).limit(most))]
        if keys:
            return _set_anew(session, waiting, keys), Place(kind, keys[-1])
    return 0, None


def _set_anew(session: Session, waiting: Waiting, keys: Sequence[int]) -> int:
    if waiting.member is not None:
        members = session.scalars(select(waiting.member).where(waiting.key.in_(keys)))
        lock_members(session, sorted({member_id for member_id in members if member_id is not None}))
    session.execute(select(waiting.key).where(waiting.key.in_(keys)).order_by(waiting.key).with_for_update())
    member = literal(None) if waiting.member is None else waiting.member
    rows = session.execute(
        waiting.lost()
        .add_columns(waiting.lane.label("lane"), member.label("member"))
        .where(waiting.key.in_(keys), waiting.due.is_not(None))
    ).all()
    set_timers(session, [(TimerKey(row.lane, row.due_at, row.row), row.member) for row in rows])
    return len(rows)
