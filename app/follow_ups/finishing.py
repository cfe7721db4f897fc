"""What a task asks for was done: the proof is kept with who did it, whatever the task was closed as."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.measuring.attributing import attribute_since
from app.follow_ups.models import FollowUpTask
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import versions
from app.follow_ups.states import Channel, Evidence
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import finish_item


class Visit(NamedTuple):
    """A member bought something in a store."""

    member_id: int
    store_id: int
    at: datetime


def keep_done(
    session: Session,
    task: FollowUpTask,
    item: WorkItem,
    evidence: Evidence,
    by: int | None,
    done_at: datetime,
    sent_text: str | None = None,
) -> None:
    """Keep that it was done then, once: the first word stands. An open task is done; a closed one stays closed.

    Purchases since then may be its merit, where somebody did it (`by`). Callers hold the member's `member_care` row;
    `item` is to be read again.
    """
    if task.evidence is not None:
        return
    task.evidence, task.completed_by, task.sent_text = evidence, by, sent_text
    session.flush()
    member_id, now = item.member_id, clock.now(session)
    finish_item(session, item.id, done_at)
    session.expire(item)
    if done_at < now and member_id is not None:
        attribute_since(session, member_id, done_at, now)


def finish_in_store(session: Session, visits: Iterable[Visit]) -> None:
    """Who bought in a store while something was to be done with them there was there for it: it is done then.

    Only what is still open: what a purchase ended, as its plan says, stays ended, and what had expired by the time the
    purchase was told stays so. Nobody is credited. Callers hold the members' `member_care` rows.
    """
    first_come = sorted(visits, key=lambda visit: visit.at)
    known = versions(session, in_force(session).ever).values() if first_come else ()
    if not any(step.channel is Channel.IN_STORE for version in known for step in version.steps):
        return
    query = select(FollowUpTask, WorkItem).join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
    query = query.where(
        WorkItem.member_id.in_(sorted({visit.member_id for visit in first_come})),
        WorkItem.state == WorkState.OPEN,
        FollowUpTask.channel == Channel.IN_STORE,
    )
    for task, item in session.execute(query.order_by(WorkItem.id)).all():
        its = (visit.at for visit in first_come if visit[:2] == (item.member_id, item.store_id))
        at = next((at for at in its if item.opened_at <= at < item.valid_until), None)
        if at is not None:
            keep_done(session, task, item, Evidence.PURCHASE, None, at)
