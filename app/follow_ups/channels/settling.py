"""What WeCom says of members' parts becomes what is known of their tasks. Callers hold the members' `member_care`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import insert_rows
from app.follow_ups.channels.carriers import Seen
from app.follow_ups.channels.models import SendOrder, SendTarget, TargetState
from app.follow_ups.channels.rules import month_of
from app.follow_ups.finishing import keep_done
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence, StepReason
from app.members.contacts import people_by_userid
from app.members.models import ExternalContact, Member
from app.members.queries import live_bindings
from app.members.service import lock_members
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.worklist.models import SeenTouch, WorkItem, WorkState
from app.worklist.service import close_items, move_items

CHUNK = 500
LONGEST_CAP = timedelta(days=90)  # a cap looks back no further


def lock_targets(session: Session, order_ids: Collection[int]) -> dict[int, list[SendTarget]]:
    """By order, the targets still waiting; the members of all its targets are locked."""
    of_these = SendTarget.order_id.in_(sorted(order_ids))
    lock_members(session, session.scalars(select(SendTarget.member_id).where(of_these)))
    query = select(SendTarget).where(of_these, SendTarget.state == TargetState.WAITING)
    query = query.order_by(SendTarget.member_id, SendTarget.task_id)
    found: dict[int, list[SendTarget]] = {order_id: [] for order_id in order_ids}
    for target in session.scalars(query.execution_options(populate_existing=True)):
        found[target.order_id].append(target)
    return found


def settle(
    session: Session, order: SendOrder, targets: Sequence[SendTarget], seen: Iterable[Seen], now: datetime
) -> None:
    """Write down what became of these targets, those that still wait: sent ones are done, with WeCom's confirmation.

    Done is credited to whom WeCom says sent it, and the task is theirs. A task that was closed meanwhile stays so, but
    what was sent is kept with it.
    """
    by_name = {one.external_userid: one for one in seen}
    found = [
        (target, by_name[target.external_userid]) for target in targets if target.external_userid in by_name
    ]
    people = people_by_userid(session, {one.wecom_userid for _, one in found})
    _move(session, [(target, people.get(one.wecom_userid)) for target, one in found], now)
    for target, one in found:
        if one.state is TargetState.SENT:
            _done(session, order, target, people.get(one.wecom_userid), one.sent_at or now, now)
        elif one.state is TargetState.FAILED:
            give_up(session, [target], one.why, now)


def count_touches(session: Session, order: SendOrder, external_userids: Iterable[str], now: datetime) -> None:
    """Whom a moment reached beside those it was for: each of them was touched once. What is too old to count goes."""
    names = sorted(external_userids)
    source_id = order.call_id or order.id
    for start in range(0, len(names), CHUNK):
        its = ExternalContact.external_userid.in_(names[start : start + CHUNK])
        members = select(ExternalContact.member_id).where(its, ExternalContact.member_id.is_not(None))
        target_of = select(SendTarget.member_id).where(SendTarget.order_id == order.id)
        seen = select(SeenTouch.member_id).where(SeenTouch.source_id == source_id)
        fresh = members.where(
            ExternalContact.member_id.not_in(target_of), ExternalContact.member_id.not_in(seen)
        )
        reached = sorted({member_id for member_id in session.scalars(fresh) if member_id})
        is_old = SeenTouch.member_id.in_(reached) & (SeenTouch.seen_at < now - LONGEST_CAP)
        session.execute(delete(SeenTouch).where(is_old).execution_options(synchronize_session=False))
        rows = [{"member_id": member_id, "source_id": source_id, "seen_at": now} for member_id in reached]
        insert_rows(session, SeenTouch, rows)


def give_up(session: Session, targets: Sequence[SendTarget], reason: str, now: datetime) -> None:
    """Nothing reaches these any more: their tasks, where still open, close with the reason."""
    close_items(session, [target.work_item_id for target in targets], WorkState.CANCELLED, reason, now)
    for target in targets:
        target.state = TargetState.FAILED
    session.flush()


def give_up_unreached(session: Session, targets: Sequence[SendTarget], now: datetime) -> None:
    """Of whom WeCom says that nobody can send to them: no contact of anybody's, or they had what they may get."""
    names = {target.external_userid for target in targets}
    live = live_bindings(ExternalContact.external_userid)
    known = set(session.scalars(live.where(ExternalContact.external_userid.in_(sorted(names)))))
    for reason, is_contact in ((StepReason.QUOTA_FULL, True), (StepReason.NO_CHANNEL, False)):
        its = [target for target in targets if (target.external_userid in known) is is_contact]
        give_up(session, its, reason, now)


def _done(
    session: Session, order: SendOrder, target: SendTarget, who: int | None, sent_at: datetime, now: datetime
) -> None:
    task = session.get_one(FollowUpTask, target.task_id, populate_existing=True)
    item = session.get_one(WorkItem, target.work_item_id, populate_existing=True)
    at = min(max(sent_at, item.opened_at), now)
    by = who if who is not None else item.assignee_id
    keep_done(session, task, item, Evidence.WECOM_CONFIRMED, by, at, order.text)
    target.state, target.sent_by, target.sent_at = TargetState.SENT, who, at
    target.month = month_of(at) if target.month else ""
    session.flush()


def _move(session: Session, holders: Sequence[tuple[SendTarget, int | None]], now: datetime) -> None:
    """Tasks that WeCom gave to somebody else are theirs here too, and they are told."""
    wanted = {target.work_item_id: who for target, who in holders if who is not None}
    working = select(Associate.id).where(
        Associate.id.in_(sorted(set(wanted.values()))), Associate.ended_at.is_(None)
    )
    there = set(session.scalars(working))
    moves = {item_id: who for item_id, who in wanted.items() if who in there}
    moved = move_items(session, moves, now) if moves else []
    write_notices(session, [_notice(row, moves, now) for row in _titles(session, moved)], now)


def _titles(session: Session, item_ids: Sequence[int]) -> Sequence[Any]:
    if not item_ids:
        return []
    query = select(WorkItem.id, WorkItem.title, Member.name).join(Member, Member.id == WorkItem.member_id)
    return session.execute(query.where(WorkItem.id.in_(item_ids)).order_by(WorkItem.id)).all()


def _notice(row: Any, moves: Mapping[int, int], now: datetime) -> NewNotice:
    return NewNotice(moves[row.id], row.id, f"{row.title} · {row.name}", now + UNHURRIED)
