"""What people do with follow-up tasks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.errors import Forbidden, Invalid, NotFound
from app.follow_ups.models import FollowUpTask
from app.follow_ups.queries import TaskView, get_task
from app.follow_ups.states import Channel, Evidence
from app.members.queries import is_contact_of
from app.members.service import lock_members
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

DONE_REASON = "done"


def complete_task(
    session: Session,
    actor: Actor,
    task_id: int,
    *,
    external_userid: str | None,
    evidence: Evidence,
    sent_text: str | None,
) -> TaskView:
    """Record that a task was done; doing so again changes nothing and answers with the first time.

    A chat task takes what the page saw WeCom answer, for the chat of exactly this member; an invitation takes the
    associate's word. Raises `NotFound` for a task the actor may not see, `Forbidden` where somebody else is to do it,
    `Invalid` for the wrong chat or evidence. Where the task was closed meanwhile (refunded, expired) it stays so, but
    what was sent is kept with it: the message is in the chat, whatever became of the task.
    """
    view = get_task(session, actor, task_id)
    lock_members(session, [view.member_id])
    task = session.scalars(select(FollowUpTask).where(FollowUpTask.id == task_id).with_for_update()).one()
    item = session.get_one(WorkItem, task.work_item_id, populate_existing=True)
    if task.evidence is not None:
        return get_task(session, actor, task_id)
    if item.assignee_id != actor.associate_id:
        raise Forbidden("not_your_task", place=str(task_id))
    _check_evidence(session, task, item, external_userid, evidence)
    close_items(session, [item.id], WorkState.DONE, DONE_REASON, clock.now(session))
    task.evidence, task.sent_text, task.completed_by = evidence, sent_text, actor.associate_id
    session.flush()
    session.expire(item)
    return get_task(session, actor, task_id)


def _check_evidence(
    session: Session, task: FollowUpTask, item: WorkItem, external_userid: str | None, evidence: Evidence
) -> None:
    wanted = Evidence.CLIENT_REPORTED if task.channel == Channel.CHAT else Evidence.SELF_DECLARED
    if evidence is not wanted:
        raise Invalid("wrong_evidence", place="evidence", wanted=wanted)
    if task.channel == Channel.INVITE:
        return
    if external_userid is None:
        raise Invalid("chat_missing", place="external_userid")
    if not is_contact_of(session, external_userid, item.member_id):
        raise NotFound("not_this_members_chat", place="external_userid")
