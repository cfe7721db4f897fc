"""Whether raw facts bear out the reason for which a step was not opened: True, False, or None where none of them tells.

A reason is only ever held to what must have been so whenever it is true, read plainly from work items, pauses, acts
and the plan; what is left (who was on duty, whether somebody could be reached) is taken on trust and counted as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.reconciling.limits import Limits
from app.follow_ups.reconciling.owed import Owed
from app.follow_ups.reconciling.written import Written
from app.follow_ups.states import StepOutcome, StepReason
from app.worklist.models import AttentionPause

GROUP_SEND, SMS = "group_send", "sms"
# The channel without which a step cannot have been left out for this.
OF_CHANNEL: Mapping[str, str] = {StepReason.QUOTA_FULL: GROUP_SEND, StepReason.NO_PHONE: SMS}
HOLD_OUTS: Mapping[str, str] = {
    StepReason.PLAN_HOLD_OUT: "plan_hold_out",
    StepReason.GLOBAL_HOLD_OUT: "global_hold_out",
}
# Nothing that is kept tells who could have been asked, or reached, then.
TRUSTED = frozenset(
    {
        *(StepReason.CONDITION, StepReason.OFF_DUTY, StepReason.NOBODY_TO_ASK, StepReason.QUIET_HOURS),
        *(StepReason.QUOTA_FULL, StepReason.NO_PHONE, StepReason.NO_CHANNEL),
    }
)


@dataclass(frozen=True, slots=True)
class Bearing:
    """What reasons are held to: the budget, and when headquarters had paused everything."""

    limits: Limits
    pauses: Sequence[Any]

    def of(self, owed: Owed, row: Any, record: Any, written: Written) -> bool | None:
        """Whether this record's reason is borne out."""
        reason = record.reason
        was_over = record.recorded_at >= owed.ends_at or owed.promise.minutes is not None
        if record.outcome == StepOutcome.EXPIRED and not was_over:
            return False
        if record.outcome == StepOutcome.MERGED and reason == StepReason.SAME_DAY:
            return _became_one(owed, row, record, written)
        if reason in HOLD_OUTS:
            return bool(row.arm == HOLD_OUTS[reason])
        if reason == StepReason.MEMBER_CAP:
            return self._was_over_cap(owed, record, written.items_of.get(row.member_id, []))
        if reason == StepReason.PAUSED:
            return any(
                one.began_at <= owed.ends_at and (one.ended_at or owed.ends_at) >= owed.ends_at
                for one in self.pauses
            )
        if reason == StepReason.OPTED_OUT:
            return StepReason.OPTED_OUT in owed.ended
        if reason == StepReason.CONDITION and not owed.promise.asks:
            return False
        if owed.promise.channel != OF_CHANNEL.get(reason, owed.promise.channel):
            return False
        return None if reason in TRUSTED else True

    def _was_over_cap(self, owed: Owed, record: Any, items: Sequence[Any]) -> bool | None:
        """At some instant between the step's falling due and its record as much had been sent as may be."""
        if owed.promise.is_service:
            return False
        if not self.limits.held_since(owed.due_at):
            return None
        instants = {owed.due_at, record.recorded_at}
        instants |= {item.opened_at for item in items if owed.due_at <= item.opened_at <= record.recorded_at}
        return any(self.limits.is_reached(items, at) for at in instants)


def read_bearing(session: Session, limits: Limits) -> Bearing:
    """With every pause there was: few."""
    table = table_of(AttentionPause)
    return Bearing(limits, session.execute(select(table)).all())


def _became_one(owed: Owed, row: Any, record: Any, written: Written) -> bool:
    """The task that serves it is there, is the member's, and of that day, unless it was put off since."""
    task = written.tasks.get(record.task_id or 0)
    item = written.items.get(task.work_item_id) if task is not None else None
    if item is None or item.member_id != row.member_id:
        return False
    day_of: Any = owed.series.shop.day_of
    was_put_off = item.postponed_until is not None or item.asked_at is not None
    return was_put_off or day_of(item.opened_at) == day_of(record.recorded_at)
