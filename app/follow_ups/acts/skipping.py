"""Not doing a task, with a reason. Taking that back is in `undoing`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.errors import Invalid
from app.follow_ups.acts.holding import May, Standing, Tap, find_done_before, hold, standing_after
from app.follow_ups.acts.kinds import Act, SkipReason
from app.worklist.models import WorkState
from app.worklist.service import close_items


def skip_task(
    session: Session, actor: Actor, task_id: int, tap: Tap, reason: SkipReason, note: str = ""
) -> Standing:
    """Close an open task undone, with the reason; by its assignee or the manager of its store.

    What the system was to send and has not handed over is not sent. Raises `NotFound`, `Forbidden`, `Conflict` for a
    closed task, `Invalid` `note_missing` for another reason unsaid.
    """
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO, also_system=True)
    held.must_be_open()
    if reason is SkipReason.OTHER and not note.strip():
        raise Invalid("note_missing", place="note")
    close_items(session, [held.item.id], WorkState.CANCELLED, reason, held.acted_at)
    held.task.note = note.strip() or held.task.note
    held.keep(Act.SKIPPED, reason=reason, note=note.strip())
    return held.standing()
