"""Not doing a task, with a reason; and taking back a skip or a "done" that was a slip.

An undo brings the task back as it was: open, until the end of its own validity, with its assignee. What it may undo is
what only the associate said: a skip, or a task done on their word. A message that was sent stays sent. It must come
within minutes, from who did it, and only while the task would still be open had it not been closed: its validity has
not ended, its series was not stopped, no later purchase has started its step anew, the member has not opted out. The
record of acts keeps both, what was done and that it was undone.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Conflict, Forbidden, Invalid
from app.follow_ups.acts.holding import Held, May, Standing, Tap, find_done_before, hold, standing_after
from app.follow_ups.acts.kinds import Act, SkipReason
from app.follow_ups.models import CareAct, Enrollment
from app.follow_ups.plans.versions import get_version
from app.follow_ups.records import anchor_of
from app.follow_ups.rules import restarts
from app.follow_ups.states import EnrollmentState, Evidence, OnRepurchase
from app.members.models import MemberCare
from app.worklist.models import WorkState
from app.worklist.reopening import reopen_item
from app.worklist.service import close_items

UNDO_LIFE = timedelta(minutes=5)


def skip_task(
    session: Session, actor: Actor, task_id: int, tap: Tap, reason: SkipReason, note: str = ""
) -> Standing:
    """Close an open task undone, with the reason; by its assignee or the manager of its store.

    Raises `NotFound`, `Forbidden`, `Conflict` for a closed task, `Invalid` `note_missing` for another reason unsaid.
    """
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    if reason is SkipReason.OTHER and not note.strip():
        raise Invalid("note_missing", place="note")
    close_items(session, [held.item.id], WorkState.CANCELLED, reason, held.acted_at)
    held.task.note = note.strip() or held.task.note
    held.keep(Act.SKIPPED, reason=reason, note=note.strip())
    return held.standing()


def undo(session: Session, actor: Actor, task_id: int, tap: Tap) -> Standing:
    """Open again what the actor themselves closed minutes ago, see above.

    Raises `NotFound`, `Forbidden` for what somebody else closed, `Conflict` with the reason where it cannot be undone.
    """
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.ANYONE)
    _check_undoable(held)
    _check_still_owed(held)
    closed_as = held.item.close_reason
    held.task.evidence = held.task.sent_text = held.task.completed_by = None
    session.flush()
    reopen_item(session, held.item.id, held.now)
    held.keep(Act.UNDONE, reason=closed_as)
    return held.standing()


def _check_undoable(held: Held) -> None:
    item, task = held.item, held.task
    if item.state == WorkState.OPEN or item.closed_at is None:
        raise Conflict("nothing_to_undo", place="task")
    is_skip = item.close_reason in list(SkipReason)
    if item.state != WorkState.DONE and not is_skip:
        raise Conflict(f"task_{item.state}", place="task", reason=item.close_reason)
    if task.evidence not in (None, Evidence.SELF_DECLARED):
        raise Conflict("was_sent", place="task")
    if _closed_by(held, is_skip=is_skip) != held.actor.associate_id:
        raise Forbidden("not_your_task", place="task")
    if held.acted_at - item.closed_at > UNDO_LIFE:
        raise Conflict("too_late_to_undo", place="task")


def _closed_by(held: Held, *, is_skip: bool) -> int | None:
    if not is_skip:
        return held.task.completed_by
    query = select(CareAct.associate_id).where(CareAct.task_id == held.task.id, CareAct.act == Act.SKIPPED)
    return held.session.scalar(query.order_by(CareAct.id.desc()).limit(1))


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
