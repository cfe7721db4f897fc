"""What a task asks for was done: the proof is kept with who did it, whatever the task was closed as."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.measuring.attributing import attribute_since
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence
from app.worklist.models import WorkItem
from app.worklist.service import finish_item


def keep_done(
    session: Session,
    task: FollowUpTask,
    item: WorkItem,
    evidence: Evidence,
    by: int,
    done_at: datetime,
    sent_text: str | None = None,
) -> None:
    """Keep that it was done then, once: the first word stands. An open task is done; a closed one stays closed.

    Purchases since then may be its merit. Callers hold the member's `member_care` row; `item` is to be read again.
    """
    if task.evidence is not None:
        return
    task.evidence, task.completed_by, task.sent_text = evidence, by, sent_text
    session.flush()
    finish_item(session, item.id, done_at)
    session.expire(item)
    now = clock.now(session)
    if done_at < now and item.member_id is not None:
        attribute_since(session, item.member_id, done_at, now)
