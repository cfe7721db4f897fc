"""Whoever has something to do was told, or will be: task, notice, digest, message, push."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from sqlalchemy import and_, exists, or_, select, true
from sqlalchemy.orm import Session

from app.follow_ups.bookkeeping.checks import Check, Faults, Finding, Within, spans
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM
from app.messaging.models import DigestSchedule, MessageState, Notice, NoticeState, OutboundMessage
from app.timers import Lane, Timer
from app.worklist.models import WorkItem, WorkState

IS_OPEN = WorkItem.state == WorkState.OPEN


def _untold(within: Within) -> Faults:
    """Notices have no index by work item, but are younger than theirs: few are younger than the oldest open one."""
    told = select(Notice.work_item_id).where(within(Notice.work_item_id), Notice.id > _oldest_open())
    query = select(WorkItem.id.label("work_item"), WorkItem.assignee_id.label("associate"))
    # Of what the system does by itself nobody is told.
    by_itself = exists().where(
        FollowUpTask.work_item_id == WorkItem.id, FollowUpTask.channel.in_(sorted(BY_THE_SYSTEM))
    )
    return query.where(within(WorkItem.id), IS_OPEN, WorkItem.id.not_in(told), ~by_itself)


def _oldest_open() -> Any:
    return select(WorkItem.id).where(IS_OPEN).order_by(WorkItem.id).limit(1).scalar_subquery()


def _waiting_for_nothing(within: Within) -> Faults:
    coming = exists().where(
        DigestSchedule.associate_id == Notice.associate_id, DigestSchedule.next_due_at.is_not(None)
    )
    query = select(Notice.id.label("notice"), Notice.associate_id.label("associate"))
    return query.where(within(Notice.id), Notice.state == NoticeState.WAITING, ~coming)


def _without_schedule(within: Within) -> Faults:
    """Made with an associate's first notice, never deleted."""
    its = exists().where(DigestSchedule.associate_id == Notice.associate_id)
    query = select(Notice.associate_id.label("associate")).distinct()
    return query.where(within(Notice.associate_id), ~its)


def _digests_without_timer(within: Within) -> Faults:
    its = exists().where(
        Timer.lane == str(Lane.DIGEST),
        Timer.due_at == DigestSchedule.next_due_at,
        Timer.subject_id == DigestSchedule.associate_id,
    )
    query = select(DigestSchedule.associate_id.label("associate"), DigestSchedule.next_due_at)
    return query.where(within(DigestSchedule.associate_id), DigestSchedule.next_due_at.is_not(None), ~its)


def _in_no_message(within: Within) -> Faults:
    """A gathered notice is in a message to its associate; any other is in none."""
    gathered = Notice.state == NoticeState.GATHERED
    its = exists().where(
        OutboundMessage.id == Notice.message_id, OutboundMessage.associate_id == Notice.associate_id
    )
    wrong = or_(and_(gathered, ~its), and_(~gathered, Notice.message_id.is_not(None)))
    query = select(Notice.id.label("notice"), Notice.state, Notice.message_id.label("message"))
    return query.where(within(Notice.id), wrong)


def _of_nothing(within: Within) -> Faults:
    its = exists().where(Notice.message_id == OutboundMessage.id)
    query = select(OutboundMessage.id.label("message"), OutboundMessage.associate_id.label("associate"))
    return query.where(within(OutboundMessage.id), ~its)


def _without_push(within: Within) -> Faults:
    """An enqueued message has its timer; one that is settled waits for nothing."""
    enqueued = OutboundMessage.state == MessageState.ENQUEUED
    its = exists().where(
        Timer.lane == str(Lane.PUSH),
        Timer.due_at == OutboundMessage.next_due_at,
        Timer.subject_id == OutboundMessage.id,
    )
    wrong = or_(and_(enqueued, ~its), and_(~enqueued, OutboundMessage.next_due_at.is_not(None)))
    query = select(OutboundMessage.id.label("message"), OutboundMessage.state, OutboundMessage.next_due_at)
    return query.where(within(OutboundMessage.id), wrong)


def find_incomplete(session: Session, most: int) -> Finding:
    """A message's key is made of its notices' ids, so one that was taken out of it shows.

    Messages are read before their notices, with which they were written: while others write, none lacks one.
    """
    finding = Finding("messages that lost a notice")
    for within in spans(session, OutboundMessage.id, true()):
        messages = session.execute(
            select(OutboundMessage.id, OutboundMessage.dedupe_key).where(within(OutboundMessage.id))
        ).all()
        notices: dict[int | None, list[int]] = defaultdict(list)
        query = select(Notice.message_id, Notice.id).where(within(Notice.message_id)).order_by(Notice.id)
        for message_id, notice_id in session.execute(query):
            notices[message_id].append(notice_id)
        for message_id, key in messages:
            told = ",".join(map(str, notices[message_id]))
            if hashlib.sha256(told.encode()).hexdigest() != key:
                finding.add({"message": message_id, "notices": told}, most)
    return finding


CHECKS = (
    Check("open tasks nobody was told of", WorkItem.id, _untold, IS_OPEN),
    Check("notices that wait for no digest", Notice.id, _waiting_for_nothing),
    Check("associates with notices and no digest schedule", Notice.associate_id, _without_schedule),
    Check("digests without their timer", DigestSchedule.associate_id, _digests_without_timer),
    Check("notices whose message is not there", Notice.id, _in_no_message),
    Check("messages that tell of nothing", OutboundMessage.id, _of_nothing),
    Check("messages without their push timer", OutboundMessage.id, _without_push),
)
