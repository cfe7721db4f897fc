"""Whatever the system is to do by text message is on its way, and what it did is known of its task."""

from __future__ import annotations

from sqlalchemy import exists, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM
from app.follow_ups.texting.models import FINAL, SmsMessage, SmsState
from app.worklist.models import WorkItem, WorkState

# What is left to expire has one that was taken back.
SETTLED = FINAL - {SmsState.TAKEN_BACK}


def _with_nothing_on_its_way(within: Within) -> Faults:
    its = exists().where(SmsMessage.task_id == FollowUpTask.id, SmsMessage.state.not_in(sorted(SETTLED)))
    query = select(FollowUpTask.id.label("task"), WorkItem.member_id.label("member"))
    query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
    wanted = FollowUpTask.channel.in_(sorted(BY_THE_SYSTEM))
    return query.where(within(FollowUpTask.id), wanted, WorkItem.state == WorkState.OPEN, ~its)


CHECKS = (
    Check(
        "open tasks of the system's that no text message is under way for",
        FollowUpTask.id,
        _with_nothing_on_its_way,
    ),
)
