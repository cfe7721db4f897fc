"""Whether raw facts bear out the reason for which a step was not opened, or late: True, False, None where none tells.

A reason is only ever held to what must have been so whenever it is true, read plainly from work items, pauses, acts
and the plan; what is left (who was on duty, whether somebody could be reached) is taken on trust and counted as such.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.follow_ups.channels.settling import LONGEST_CAP
from app.follow_ups.reconciling.limits import Limits
from app.follow_ups.reconciling.owed import Owed
from app.follow_ups.reconciling.papers import BLUR
from app.follow_ups.reconciling.written import Written
from app.follow_ups.states import StepOutcome, StepReason
from app.worklist.models import AttentionPause, HoldOutShare

GROUP_SEND, MOMENT, SMS, PHONE = "group_send", "moment", "sms", "phone"
# The channels without which a step cannot have been left out for this; what a person says needs no finished words.
OF_CHANNEL: Mapping[str, Collection[str]] = {
    StepReason.QUOTA_FULL: (GROUP_SEND,),
    StepReason.NO_PHONE: (SMS, PHONE),
    StepReason.NO_WORDS: (GROUP_SEND, MOMENT, SMS),
}
HOLD_OUTS: Mapping[str, str] = {
    StepReason.PLAN_HOLD_OUT: "plan_hold_out",
    StepReason.GLOBAL_HOLD_OUT: "global_hold_out",
}
# What ends series: `owed` tells by raw facts which of these may have ended this one.
ENDINGS = frozenset(
    {
        *(StepReason.BOUGHT, StepReason.REPLIED, StepReason.UNFRIENDED, StepReason.HANDED_OVER),
        *(StepReason.OPTED_OUT, StepReason.PLAN_ENDED),
    }
)


@dataclass(frozen=True, slots=True)
class Bearing:
    """What reasons are held to: the budget, when headquarters had paused everything, and whom it held out when."""

    limits: Limits
    pauses: Sequence[Any]
    shares: Sequence[Any]
    seen_since: datetime

    def of(self, owed: Owed, row: Any, record: Any, written: Written) -> bool | None:
        """Whether this record's reason is borne out."""
        was_over = record.recorded_at >= owed.ends_at or owed.promise.minutes is not None
        if record.outcome == StepOutcome.EXPIRED and not was_over:
            return False
        if record.outcome == StepOutcome.MERGED and record.reason == StepReason.SAME_DAY:
            return _became_one(owed, row, record, written)
        if record.reason in HOLD_OUTS:
            return bool(row.arm == HOLD_OUTS[record.reason])
        if record.reason == StepReason.MEMBER_CAP:
            return self._was_over_cap(owed, record, written)
        if record.reason == StepReason.GAVE_WAY:
            return _gave_way(owed, record)
        told = self._by_headquarters(owed, record)
        return _by_the_plan(owed, row, record) if told is None else told

    def of_opened(self, owed: Owed, record: Any) -> bool:
        """False where a step is said to be late for headquarters' pause, and there was none before it was opened."""
        return record.reason != StepReason.AFTER_PAUSE or any(
            one.began_at <= record.recorded_at and (one.ended_at or record.recorded_at) >= owed.due_at
            for one in self.pauses
        )

    def _by_headquarters(self, owed: Owed, record: Any) -> bool | None:
        """What the pauses and shares that were in force say of reasons that are about them."""
        if record.reason == StepReason.PAUSED:
            ends = owed.ends_at
            return any(one.began_at <= ends and (one.ended_at or ends) >= ends for one in self.pauses)
        if record.reason == StepReason.SEEN_BY_ALL:
            return owed.promise.channel == MOMENT and self._held_out_at(record.recorded_at)
        return None

    def _held_out_at(self, at: datetime) -> bool:
        """Whether anybody was held out of everything then; who decides and who edits do so at the same time."""
        before = [one.per_mille for one in self.shares if one.began_at <= at - BLUR][-1:]
        about = [one.per_mille for one in self.shares if at - BLUR < one.began_at <= at + BLUR]
        return any((*before, *about))

    def _was_over_cap(self, owed: Owed, record: Any, written: Written) -> bool | None:
        """At some instant between the step's falling due and its record as much had been sent as may be.

        None where what was seen then may have been cleared away since.
        """
        if owed.promise.is_service:
            return False
        if not self.limits.held_since(owed.due_at):
            return None
        member_id = owed.series.claim.member_id
        items, seen = written.items_of.get(member_id, []), written.seen_by.get(member_id, [])
        instants = {owed.due_at, record.recorded_at}
        instants |= {
            at
            for at in (*seen, *(item.opened_at for item in items))
            if owed.due_at <= at <= record.recorded_at
        }
        if any(self.limits.is_reached(items, seen, at) for at in instants):
            return True
        return None if seen and owed.due_at - self.limits.window < self.seen_since else False


def _by_the_plan(owed: Owed, row: Any, record: Any) -> bool | None:
    """What the plan and what was reported of the member say; None of who could have been asked, or reached, then."""
    reason, promise, claim = record.reason, owed.promise, owed.series.claim
    if reason in ENDINGS:
        return reason in owed.ended
    if reason == StepReason.CONDITION and not promise.asks:
        return False
    if promise.channel not in OF_CHANNEL.get(reason, (promise.channel,)):
        return False
    if reason == StepReason.TIME_UNKNOWN:
        return promise.minutes is not None and not claim.time_known
    is_so = {
        StepReason.TOO_LATE: record.recorded_at >= owed.ends_at,
        StepReason.BEFORE_START: row.enrolled_at >= owed.ends_at,
        StepReason.REFUNDED: bool(claim.came_back),
        StepReason.NEW_PURCHASE: StepReason.NEW_PURCHASE in owed.expected,
        StepReason.KEPT_EARLIER: StepReason.KEPT_EARLIER in owed.expected,
    }
    return is_so.get(reason) or None


def _gave_way(owed: Owed, record: Any) -> bool:
    """A later step of its series had fallen due by then; promises give way to nothing."""
    dues = [owed.series.due(one) for one in owed.series.paper.promises if one.step_no > owed.step_no]
    return not owed.promise.is_service and any(due <= record.recorded_at for due in dues)


def read_bearing(session: Session, limits: Limits) -> Bearing:
    """With every pause and every share there was: few."""
    shares = table_of(HoldOutShare)
    return Bearing(
        limits,
        session.execute(select(table_of(AttentionPause))).all(),
        session.execute(select(shares).order_by(shares.c.id)).all(),
        clock.now(session) - LONGEST_CAP,
    )


def _became_one(owed: Owed, row: Any, record: Any, written: Written) -> bool:
    """The task that serves it is there, is the member's, and of that day, unless it was put off since."""
    task = written.tasks.get(record.task_id or 0)
    item = written.items.get(task.work_item_id) if task is not None else None
    if item is None or item.member_id != row.member_id:
        return False
    day_of: Any = owed.series.shop.day_of
    was_put_off = item.postponed_until is not None or item.asked_at is not None
    return was_put_off or day_of(item.opened_at) == day_of(record.recorded_at)
