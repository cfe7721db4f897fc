"""Sending a task and having done it. What else people do with tasks is in `acts`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.follow_ups.acts.holding import JUST_NOW, May, Tap, hold
from app.follow_ups.measuring.attributing import attribute_since
from app.follow_ups.models import FollowUpTask
from app.follow_ups.queries import TaskView, get_task
from app.follow_ups.states import Channel, Evidence
from app.members.queries import is_contact_of
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

DONE_REASON = "done"
# WeCom's own confirmation may stand for a minute, and who the chat is with is asked before it. Real time.
CLAIM_LIFE = timedelta(seconds=75)
# What a page may say of a task, by channel. The others are confirmed by WeCom, or done by the system.
WANTED = {
    Channel.CHAT: Evidence.CLIENT_REPORTED,
    Channel.INVITE: Evidence.SELF_DECLARED,
    Channel.PHONE: Evidence.SELF_DECLARED,
    Channel.IN_STORE: Evidence.SELF_DECLARED,
}


def claim_sending(session: Session, actor: Actor, task_id: int, key: str) -> datetime:
    """Say that this page is about to send; returns until when (real time) others are told to wait.

    `key` is the page's own, so asking again with it only prolongs. The claim is advice: completing never looks at it.
    Raises `Conflict` `sending_elsewhere` or `task_closed`, `NotFound` and `Forbidden` as completing does.
    """
    held = hold(session, actor, task_id, Tap(key), May.ASSIGNEE)
    task, item = held.task, held.item
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
    task = hold(session, actor, task_id, Tap(key), May.ASSIGNEE).task
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

    A chat task takes what the page saw WeCom answer, for the chat of exactly this member; an invitation, a call and
    what is done in the store take the associate's word. The time lies between the task's opening and now, whatever
    `age` says.
    Raises `NotFound` for a task the actor may not see, `Forbidden` where somebody else is to do it,
    `Invalid` for the wrong chat or evidence. Where the task was closed meanwhile (refunded, expired) it stays so, but
    what was sent is kept with it: the message is in the chat, whatever became of the task.
    """
    held = hold(session, actor, task_id, Tap("", age), May.ANYONE)
    task, item = held.task, held.item
    if task.evidence is not None:
        return get_task(session, actor, task_id)
    if item.assignee_id != actor.associate_id:
        raise Forbidden("not_your_task", place="task")
    _check_evidence(session, task, item, external_userid, evidence)
    close_items(session, [item.id], WorkState.DONE, DONE_REASON, held.acted_at)
    task.evidence, task.sent_text, task.completed_by = evidence, sent_text, actor.associate_id
    session.flush()
    if held.acted_at < held.now:  # what was bought in between may be its merit
        attribute_since(session, held.member_id, held.acted_at, held.now)
    session.expire(item)
    return get_task(session, actor, task_id)


def _check_evidence(
    session: Session, task: FollowUpTask, item: WorkItem, external_userid: str | None, evidence: Evidence
) -> None:
    wanted = WANTED.get(Channel(task.channel), Evidence.WECOM_CONFIRMED)
    if evidence is not wanted or wanted is Evidence.WECOM_CONFIRMED:
        raise Invalid("wrong_evidence", place="evidence", wanted=wanted)
    if task.channel != Channel.CHAT:
        return
    if external_userid is None:
        raise Invalid("chat_missing", place="external_userid")
    if item.member_id is None or not is_contact_of(session, external_userid, item.member_id):
        raise NotFound("not_this_members_chat", place="external_userid")
