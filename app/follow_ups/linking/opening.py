"""That a tracked link was opened: where it leads, who it was as far as can be told, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.linking.addresses import is_target
from app.follow_ups.linking.models import LinkOpening
from app.follow_ups.models import FollowUpTask
from app.follow_ups.series.happenings import happen
from app.follow_ups.texting.models import SmsMessage, SmsState
from app.member_events.models import MemberEventKind
from app.member_events.rules import ReplyWay, short_key
from app.member_events.service import NewEvent
from app.members.service import lock_members
from app.sales_scripts.models import SalesScript
from app.stores.queries import hours_of
from app.worklist.models import WorkItem

# Text messages of which the gateway surely has none.
NOT_SENT = (SmsState.READY, SmsState.REFUSED, SmsState.TAKEN_BACK)
# Openings beyond that are counted no more: an address anybody may call must not write for ever.
MOST = 1_000


def find_target(session: Session, task_id: int) -> str | None:
    """Where the link of a task leads: what headquarters wrote into its script, nothing else; None for no such link."""
    query = (
        select(SalesScript.link)
        .join(FollowUpTask, FollowUpTask.script_code == SalesScript.code)
        .where(FollowUpTask.id == task_id)
    )
    target = session.scalar(query)
    return target if target and is_target(target) else None


def linked_tasks(session: Session, task_ids: Collection[int]) -> set[int]:
    """Those of the tasks whose script has a link."""
    if not task_ids:
        return set()
    query = (
        select(FollowUpTask.id)
        .join(SalesScript, SalesScript.code == FollowUpTask.script_code)
        .where(FollowUpTask.id.in_(sorted(task_ids)), SalesScript.link != "")
    )
    return set(session.scalars(query))


def keep_opening(session: Session, task_id: int, *, looks_like_member: bool) -> bool:
    """Count that the link of a task was opened; True where that was the member's first time, which is a reply.

    Nobody but who is to send it has seen a link that was not sent: what is opened before that is known is a look at it,
    also by who began to send it and did not.
    """
    query = select(WorkItem, FollowUpTask.evidence).join(
        FollowUpTask, FollowUpTask.work_item_id == WorkItem.id
    )
    item, evidence = session.execute(query.where(FollowUpTask.id == task_id)).one()
    if item.member_id is None:
        return False
    lock_members(session, [item.member_id])
    now = clock.now(session)
    known = session.get(LinkOpening, task_id, populate_existing=True)
    if known is not None and known.times + known.others >= MOST:
        return False
    was_sent = evidence is not None or item.done_at is not None or _was_texted(session, task_id)
    is_member = looks_like_member and was_sent
    is_first = is_member and (known is None or not known.times)
    _count(session, task_id, known, now, is_member=is_member)
    if is_first:
        happen(session, [_reply(session, item, task_id, now)], now)
    return is_first


def _was_texted(session: Session, task_id: int) -> bool:
    message = session.get(SmsMessage, task_id)
    return message is not None and message.state not in NOT_SENT


def _count(
    session: Session, task_id: int, known: LinkOpening | None, now: datetime, *, is_member: bool
) -> None:
    row = known or LinkOpening(task_id=task_id, times=0, others=0, first_at=None, last_at=None)
    if is_member:
        row.times, row.first_at, row.last_at = row.times + 1, row.first_at or now, now
    else:
        row.others += 1
    session.add(row)
    session.flush()


def _reply(session: Session, item: WorkItem, task_id: int, now: datetime) -> NewEvent:
    assert item.member_id is not None
    hours = hours_of(session, {item.store_id})[item.store_id]
    return NewEvent(
        member_id=item.member_id,
        kind=MemberEventKind.REPLY,
        key=short_key("link", str(task_id)),
        store_id=item.store_id,
        associate_id=item.assignee_id,
        happened_at=now,
        happened_on=hours.local_date(now),
        time_known=True,
        data={"how": ReplyWay.LINK},
    )
