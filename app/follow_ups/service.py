"""What people do with follow-up tasks."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.follow_ups.models import FollowUpTask
from app.follow_ups.queries import TaskView, get_task
from app.follow_ups.states import Channel, Evidence
from app.members.queries import is_contact_of
from app.members.service import lock_members
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

DONE_REASON = "done"
# WeCom's own confirmation may stand for a minute, and who the chat is with is asked before it. Real time.
CLAIM_LIFE = timedelta(seconds=75)
JUST_NOW = timedelta(0)


def claim_sending(session: Session, actor: Actor, task_id: int, key: str) -> datetime:
    """Say that this page is about to send; returns until when (real time) others are told to wait.

    `key` is the page's own, so asking again with it only prolongs. The claim is advice: completing never looks at it.
    Raises `Conflict` `sending_elsewhere` or `task_closed`, `NotFound` and `Forbidden` as completing does.
    """
    task, item = _lock(session, actor, task_id)
    if task.evidence is not None or item.state != WorkState.OPEN:
        raise Conflict("task_closed", place="task")
    now = clock.real_now(session)
    is_held = task.claimed_until is not None and task.claimed_until > now
    if is_held and task.claimed_by != key:
        raise Conflict("sending_elsewhere", place="task")
    task.claimed_by, task.claimed_until = key, now + CLAIM_LIFE
    session.flush()
    return task.claimed_until


def release_claim(session: Session, actor: Actor, task_id: int, key: str) -> None:
    """Nothing was sent after all; a claim of another page stands. Raises as claiming does."""
    task, _ = _lock(session, actor, task_id)
    if task.claimed_by == key:
        task.claimed_by = task.claimed_until = None
        session.flush()


def complete_task(
    session: Session,
    actor: Actor,
    task_id: int,
    *,
    external_userid: str | None,
    evidence: Evidence,
    sent_text: str | None,
    age: timedelta = JUST_NOW,
) -> TaskView:
    """Record that a task was done `age` ago; doing so again changes nothing and answers with the first time.

    A chat task takes what the page saw WeCom answer, for the chat of exactly this member; an invitation takes the
    associate's word. The time lies between the task's opening and now, whatever `age` says.
    Raises `NotFound` for a task the actor may not see, `Forbidden` where somebody else is to do it,
    `Invalid` for the wrong chat or evidence. Where the task was closed meanwhile (refunded, expired) it stays so, but
    what was sent is kept with it: the message is in the chat, whatever became of the task.
    """
    task, item = _lock(session, actor, task_id, mine=False)
    if task.evidence is not None:
        return get_task(session, actor, task_id)
    _check_mine(actor, item)
    _check_evidence(session, task, item, external_userid, evidence)
    now = clock.now(session)
    done_at = min(max(item.opened_at, now - age), now)
    close_items(session, [item.id], WorkState.DONE, DONE_REASON, done_at)
    task.evidence, task.sent_text, task.completed_by = evidence, sent_text, actor.associate_id
    session.flush()
    session.expire(item)
    return get_task(session, actor, task_id)


def _lock(
    session: Session, actor: Actor, task_id: int, *, mine: bool = True
) -> tuple[FollowUpTask, WorkItem]:
    view = get_task(session, actor, task_id)
    lock_members(session, [view.member_id])
    query = select(FollowUpTask).where(FollowUpTask.id == task_id).with_for_update()
    task = session.scalars(query.execution_options(populate_existing=True)).one()
    item = session.get_one(WorkItem, task.work_item_id, populate_existing=True)
    if mine:
        _check_mine(actor, item)
    return task, item


def _check_mine(actor: Actor, item: WorkItem) -> None:
    if item.assignee_id != actor.associate_id:
        raise Forbidden("not_your_task", place="task")


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
    if item.member_id is None or not is_contact_of(session, external_userid, item.member_id):
        raise NotFound("not_this_members_chat", place="external_userid")
