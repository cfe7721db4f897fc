"""Taking back a skip or a "done" that was a slip.

An undo opens the task again, to be done now, until the end of its own validity, by its assignee; urging begins anew.
What it may undo is what only the associate said: a skip, or a task done on their word. A message that was sent stays
sent. It must come within minutes, from who did it, and only while the task could still be open: its validity has not
ended, nothing has stopped its series, also where that had run out, no later purchase has started its step anew, the
member has not opted out, WeCom has not taken its send back; and only where nobody else has done it, nothing was opened
for the member in its place and the cap still holds. A text message that was not handed over is sent after all. What was
credited to it is taken back. The record of acts keeps both, what was done and that it was undone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.db import table_of
from app.errors import Conflict, Forbidden
from app.follow_ups.acts.holding import Held, May, Standing, Tap, find_same_act, hold, standing_after
from app.follow_ups.acts.kinds import Act, CallOutcome, SkipReason
from app.follow_ups.channels.models import FINAL, SendOrder, SendTarget, TargetState
from app.follow_ups.measuring.withdrawing import check_withdrawable, withdraw
from app.follow_ups.models import CareAct, Enrollment
from app.follow_ups.plans.versions import get_version
from app.follow_ups.records import anchor_of
from app.follow_ups.rules import restarts
from app.follow_ups.series.ending import ended_by
from app.follow_ups.states import (
    BY_THE_SYSTEM,
    CONFIRMED_BY_WECOM,
    EnrollmentState,
    Evidence,
    OnRepurchase,
)
from app.follow_ups.texting.resuming import may_resume_text, resume_text
from app.members.models import MemberCare
from app.worklist.attention import read_budget
from app.worklist.loads import lock_schedules
from app.worklist.models import WorkItem, WorkState
from app.worklist.reopening import reopen_item
from app.worklist.touches import TOUCHING, recent_touches

# From when what was done was known here to when the page was tapped, as far as its word for that is taken.
UNDO_LIFE = timedelta(minutes=5)
LONGEST_WAY = timedelta(minutes=5)
# What is opened is dated by the beginning of its transaction, which may have had to wait for the member so long.
LONGEST_BEGUN = timedelta(seconds=10)


def undo(session: Session, actor: Actor, task_id: int, tap: Tap) -> Standing:
    """Open again what the actor themselves closed minutes ago, see above.

    Raises `NotFound`, `Forbidden` for what somebody else closed, `Conflict` with the reason where it cannot be undone.
    """
    if before := find_same_act(session, actor, tap, Act.UNDONE, task_id=task_id):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.ANYONE, also_system=True)
    told_at = _told_at(held)
    _check_still_owed(held)
    _check_room(held, told_at)
    _check_not_stopped(held)
    _check_still_ordered(held)
    check_withdrawable(session, task_id, held.now)
    _reopen(held)
    return held.standing()


def _reopen(held: Held) -> None:
    """Everything has been looked at, and nothing written yet."""
    session, closed_as = held.session, held.item.close_reason
    held.task.evidence = held.task.sent_text = held.task.completed_by = None
    session.flush()
    reopen_item(session, held.item.id, held.now, is_urged=held.task.channel not in BY_THE_SYSTEM)
    if held.task.channel in BY_THE_SYSTEM:
        resume_text(session, held.task.id, held.now)
    withdraw(session, held.task.id, held.now)
    held.keep(Act.UNDONE, reason=closed_as)


def _told_at(held: Held) -> datetime:
    """When what is to be undone was known here."""
    item, task = held.item, held.task
    if item.state == WorkState.OPEN:
        raise Conflict("nothing_to_undo", place="task")
    is_skip = item.close_reason in list(SkipReason)
    if item.state != WorkState.DONE and not is_skip:
        raise Conflict(f"task_{item.state}", place="task", reason=item.close_reason)
    if task.evidence is not None and (is_skip or task.evidence != Evidence.SELF_DECLARED):
        raise Conflict("was_sent", place="task")
    if held.session.scalar(select(_done_by_another(held))):
        raise Conflict("was_sent", place="task")
    by, told_at = _skipped(held) if is_skip else (task.completed_by, item.done_told_at)
    if by != held.actor.associate_id or told_at is None:
        raise Forbidden("not_your_task", place="task")
    if held.now - min(held.tap.age, LONGEST_WAY) - told_at > UNDO_LIFE:
        raise Conflict("too_late_to_undo", place="task")
    return told_at


def _done_by_another(held: Held) -> ColumnElement[bool]:
    """Somebody else reached the member as well, whose word came later."""
    reached = and_(CareAct.act == Act.CALLED, CareAct.reason == CallOutcome.REACHED)
    return exists().where(
        CareAct.task_id == held.task.id,
        CareAct.associate_id != held.actor.associate_id,
        or_(CareAct.act == Act.SENT_TOO, reached),
    )


def _skipped(held: Held) -> tuple[int | None, datetime | None]:
    query = select(CareAct.associate_id, CareAct.recorded_at).where(
        CareAct.task_id == held.task.id, CareAct.act == Act.SKIPPED
    )
    row = held.session.execute(query.order_by(CareAct.id.desc()).limit(1)).first()
    return (row.associate_id, row.recorded_at) if row else (None, None)


def _check_still_owed(held: Held) -> None:
    """What would have closed the task had it stayed open."""
    if held.item.valid_until <= held.now:
        raise Conflict("task_expired", place="task")
    if held.session.get_one(MemberCare, held.member_id, populate_existing=True).opted_out_at is not None:
        raise Conflict("opted_out", place="member")
    series = held.session.get(Enrollment, held.task.enrollment_id, populate_existing=True)
    if series is not None and (series.state == EnrollmentState.CANCELLED or _is_restarted(held, series)):
        raise Conflict("task_cancelled", place="task", reason=series.ended_reason)


def _is_restarted(held: Held, series: Enrollment) -> bool:
    step = get_version(held.session, series.plan_version_id).step(held.task.step_no)
    if step.on_repurchase is not OnRepurchase.RESTART:
        return False
    query = select(Enrollment).where(
        Enrollment.member_id == held.member_id,
        Enrollment.plan_id == series.plan_id,
        Enrollment.anchor_on > series.anchor_on,
        Enrollment.state != EnrollmentState.CANCELLED,
    )
    return any(restarts(step, anchor_of(series), anchor_of(other)) for other in held.session.scalars(query))


def _check_room(held: Held, told_at: datetime) -> None:
    """Nothing was opened in its place, whatever became of that, and one more touch keeps within the cap."""
    session, item = held.session, held.item
    others = exists().where(
        WorkItem.member_id == held.member_id,
        WorkItem.id != item.id,
        WorkItem.kind.in_(TOUCHING),
        WorkItem.opened_at >= told_at - LONGEST_BEGUN,
    )
    if session.scalar(select(others)):
        raise Conflict("another_opened", place="member")
    if item.is_service:
        return
    budget = read_budget(session)
    touches = recent_touches(session, [held.member_id], budget, held.now)[held.member_id]
    others_of_it = [touch for touch in touches if touch.work_item_id != item.id]
    if budget.may_touch_from(others_of_it, held.now) != held.now:
        raise Conflict("cap_reached", place="member")


def _check_not_stopped(held: Held) -> None:
    """What stops series ends those under way: of one that had run out it would have closed the task, had that been
    open.
    """
    series = select(table_of(Enrollment)).where(Enrollment.id == held.task.enrollment_id)
    if reasons := ended_by(held.session, held.session.execute(series).all()):
        raise Conflict("task_cancelled", place="task", reason=reasons[held.task.enrollment_id])


def _check_still_ordered(held: Held) -> None:
    """Of what WeCom is to have done: the member is still in an order, which can reach them; of a text message: it was
    not handed over, or is on its way.

    The order is locked, so nobody leaves them out of it meanwhile because their task was closed; whose task it is
    before it, as firing does. One that is being taken back at WeCom at this moment is ordered anew for whom it is still
    wanted.
    """
    session = held.session
    if held.task.channel in BY_THE_SYSTEM and not may_resume_text(session, held.task.id):
        raise Conflict("taken_back", place="task")
    if held.task.channel not in CONFIRMED_BY_WECOM:
        return
    mine = select(SendTarget).where(SendTarget.task_id == held.task.id)
    target = session.scalars(mine).first()
    if target is not None:
        lock_schedules(session, {held.item.assignee_id: 0})
        order = session.get(SendOrder, target.order_id, with_for_update=True, populate_existing=True)
        session.refresh(target)
        if order is not None and order.state not in FINAL and target.state == TargetState.WAITING:
            return
    raise Conflict("taken_back", place="task")
