"""Sending a task and having done it. What else people do with tasks is in `acts`."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.follow_ups.acts.holding import (
    JUST_NOW,
    Held,
    May,
    Standing,
    Tap,
    check_same,
    find_done_before,
    hold,
)
from app.follow_ups.acts.kinds import Act
from app.follow_ups.acts.telling import CHAT_OR_INVITE, keep_told
from app.follow_ups.states import Channel, Evidence
from app.members.queries import is_contact_of
from app.worklist.models import WorkState
from app.worklist.service import is_being_sent

# WeCom's own confirmation may stand for a minute, and who the chat is with is asked before it. Real time.
CLAIM_LIFE = timedelta(seconds=75)
# What a page may say of a task, by channel. The others are confirmed by WeCom, or done by the system.
WANTED = {
    Channel.CHAT: Evidence.CLIENT_REPORTED,
    Channel.INVITE: Evidence.SELF_DECLARED,
    Channel.PHONE: Evidence.SELF_DECLARED,
    Channel.IN_STORE: Evidence.SELF_DECLARED,
}
# What a chat, or an invitation, may have become when it went to somebody else.
CHANGING = (Channel.CHAT, Channel.INVITE, Channel.PHONE)


def claim_sending(session: Session, actor: Actor, task_id: int, key: str) -> datetime:
    """Say that this page is about to send; returns until when (real time) it stays this person's, and others wait.

    `key` is the page's own, so asking again with it only prolongs. Completing never looks at it.
    Raises `Conflict` `sending_elsewhere` or `task_closed`, `NotFound` and `Forbidden` as the acts do.
    """
    held = hold(session, actor, task_id, Tap(key), May.ASSIGNEE)
    item = held.item
    if held.task.evidence is not None or item.state != WorkState.OPEN:
        raise Conflict("task_closed", place="task")
    now = clock.real_now(session)
    if is_being_sent(item, now) and item.claimed_by != key:
        raise Conflict("sending_elsewhere", place="task")
    item.claimed_by, item.claimed_until = key, now + CLAIM_LIFE
    session.flush()
    return item.claimed_until


def release_claim(session: Session, actor: Actor, task_id: int, key: str) -> None:
    """Nothing was sent after all; a claim of another page stands. Raises as claiming does."""
    item = hold(session, actor, task_id, Tap(key), May.ASSIGNEE).item
    if item.claimed_by == key:
        item.claimed_by = item.claimed_until = None
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
    key: str = "",
) -> Standing:
    """Record that a task was done `age` ago; doing so again changes nothing and answers with the first time.

    A chat task takes what the page saw WeCom answer, for the chat of exactly this member; an invitation, a call and
    what is done in the store take the associate's word. The time lies between the task's opening and now, whatever
    `age` says.
    What was sent is in the chat, whatever became of the task meanwhile. Where it went to somebody else it is done, and
    theirs who sent it, so that nobody sends it again; a mere word counts only for when it was still theirs who says so.
    Where it was closed (refunded, expired) it stays so, and what was sent is kept with it. Where somebody else has done
    it, that stands: what was sent as well is kept beside it, and counts as one more touch.
    Raises `NotFound` for a task the actor neither sees nor had, `Forbidden` where somebody else is to do it, `Invalid`
    for the wrong chat or evidence, and `key_reused` where what was claimed with this `key` was recorded otherwise.
    """
    tap = Tap(f"sent:{task_id}", age)
    held = hold(session, actor, task_id, tap, May.WHO_HAD_IT)
    if _is_known(held, evidence):
        _check_same(held, key, evidence, sent_text)
        return held.standing()
    _check_evidence(held, external_userid, evidence)
    if not keep_told(held, evidence, sent_text):
        held.keep(Act.SENT_TOO, note=sent_text or "")
    return held.standing()


def _is_known(held: Held, evidence: Evidence) -> bool:
    """It was told before, or is a mere word about what was done."""
    if held.task.evidence is None:
        return False
    is_theirs = held.task.completed_by == held.actor.associate_id
    is_word = evidence is not Evidence.CLIENT_REPORTED
    return is_theirs or is_word or find_done_before(held.session, held.actor, held.tap) is not None


def _check_same(held: Held, key: str, evidence: Evidence, sent_text: str | None) -> None:
    """A sending keeps its key only as its claim; without one the first word counts, whatever comes after it."""
    task = held.task
    if key and held.item.claimed_by == key and task.completed_by == held.actor.associate_id:
        check_same((task.evidence, task.sent_text) == (evidence, sent_text))


def _check_evidence(held: Held, external_userid: str | None, evidence: Evidence) -> None:
    channel = Channel(held.task.channel)
    wanted = WANTED.get(channel, Evidence.WECOM_CONFIRMED)
    if wanted is Evidence.WECOM_CONFIRMED or not (
        evidence is wanted or _was_another(held, channel, evidence)
    ):
        raise Invalid("wrong_evidence", place="evidence", wanted=wanted)
    if evidence is not Evidence.CLIENT_REPORTED:
        if not held.was_theirs_to_do:
            raise Forbidden("not_your_task", place="task")
        return
    if external_userid is None:
        raise Invalid("chat_missing", place="external_userid")
    if not is_contact_of(held.session, external_userid, held.member_id):
        raise NotFound("not_this_members_chat", place="external_userid")


def _was_another(held: Held, channel: Channel, evidence: Evidence) -> bool:
    """The task was on the channel this proves while it was the actor's, or is done on theirs who took it over."""
    if channel not in CHANGING:
        return False
    if evidence is Evidence.CLIENT_REPORTED and held.was_mine():
        return True
    return not held.is_mine and evidence in CHAT_OR_INVITE
