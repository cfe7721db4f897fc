"""Whatever WeCom is to have confirmed is ordered, and followed until it is known what came of everybody."""

from __future__ import annotations

from sqlalchemy import case, exists, select

from app.follow_ups.bookkeeping.checks import Check, Faults, Within
from app.follow_ups.channels.models import BEING_MADE, FINAL, SendOrder, SendTarget, TargetState
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import CONFIRMED_BY_WECOM
from app.timers import Lane, Timer
from app.worklist.models import WorkItem, WorkState


def _not_ordered(within: Within) -> Faults:
    """A task that has no order is closed as it is opened: its words could not be sent."""
    its = exists().where(SendTarget.task_id == FollowUpTask.id)
    query = select(FollowUpTask.id.label("task"), WorkItem.assignee_id.label("associate"))
    query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
    wanted = FollowUpTask.channel.in_(CONFIRMED_BY_WECOM)
    return query.where(within(FollowUpTask.id), wanted, WorkItem.state == WorkState.OPEN, ~its)


def _without_timer(within: Within) -> Faults:
    lane = case((SendOrder.state.in_(BEING_MADE), str(Lane.ORDER)), else_=str(Lane.CONFIRM))
    its = exists().where(
        Timer.lane == lane, Timer.due_at == SendOrder.next_due_at, Timer.subject_id == SendOrder.id
    )
    query = select(SendOrder.id.label("order"), SendOrder.state, SendOrder.next_due_at)
    return query.where(within(SendOrder.id), SendOrder.state.not_in(FINAL), ~its)


def _forgotten(within: Within) -> Faults:
    followed = exists().where(SendOrder.id == SendTarget.order_id, SendOrder.state.not_in(FINAL))
    query = select(SendTarget.task_id.label("task"), SendTarget.order_id.label("order"))
    waits = SendTarget.state == TargetState.WAITING
    return query.where(within(SendTarget.task_id), waits, ~followed)


CHECKS = (
    Check("open tasks for WeCom to confirm that nothing is ordered for", FollowUpTask.id, _not_ordered),
    Check("orders at WeCom without their timer", SendOrder.id, _without_timer),
    Check("members of orders that nobody asks about any more", SendTarget.task_id, _forgotten),
)
