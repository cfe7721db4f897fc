"""Not doing a task, with a reason. Taking that back is in `undoing`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Invalid
from app.follow_ups.acts.holding import May, Standing, Tap, find_same_act, hold, standing_after
from app.follow_ups.acts.kinds import OF_THE_MEMBER, Act, SkipReason
from app.follow_ups.acts.undoing import UNDO_LIFE
from app.follow_ups.series.resuming import ask_served_again
from app.worklist.models import WorkState
from app.worklist.service import close_items


def skip_task(
    session: Session, actor: Actor, task_id: int, tap: Tap, reason: SkipReason, note: str = ""
) -> Standing:
    """Close an open task undone, with the reason; by its assignee or the manager of its store.

    A reason that is the member's settles what the task served besides; else that is asked for by itself, once this can
    be undone no more. What the system was to send and has not handed over is not sent. Raises `NotFound`, `Forbidden`,
    `Conflict` for a closed task, `Invalid` `note_missing` for another reason unsaid.
    """
    told = {"task_id": task_id, "reason": reason, "note": note.strip()}
    if before := find_same_act(session, actor, tap, Act.SKIPPED, **told):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO, also_system=True)
    held.must_be_open()
    if reason is SkipReason.OTHER and not note.strip():
        raise Invalid("note_missing", place="note")
    closed = close_items(session, [held.item.id], WorkState.CANCELLED, reason, held.acted_at)
    if reason not in OF_THE_MEMBER:
        ask_served_again(session, closed, held.now, held.now + UNDO_LIFE)
    held.task.note = note.strip() or held.task.note
    held.keep(Act.SKIPPED, reason=reason, note=note.strip())
    return held.standing()
