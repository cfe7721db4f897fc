"""Putting off at one stroke what a digest told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.acts.kinds import Act
from app.follow_ups.acts.waiting import later
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM
from app.ids import new_ids
from app.members.service import lock_members
from app.stores.queries import hours_of
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import postpone_items

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class PutOff:
    """What became of a digest's tasks: the first comes back at `until`, in `zone`; None where none was put off."""

    until: datetime | None = None
    zone: ZoneInfo | None = None
    left: int = 0  # still to be done now: their validity ends before


@dataclass(frozen=True, slots=True)
class _Mine:
    """An open follow-up of the person's, and until when it would be put off."""

    task_id: int
    item: WorkItem
    key: str
    until: datetime | None
    zone: ZoneInfo


def put_off_told(
    session: Session, associate_id: int, item_ids: Sequence[int], key: str, pressed_at: datetime
) -> PutOff:
    """Put off, by two hours from then, those of the work items that are still this person's open follow-ups.

    Where the store is closed then, until it opens; nothing beyond its validity. Each is put off once for a `key`: doing
    it again answers the same and changes nothing. Locks the members in ascending order.
    """
    seen = _read(session, associate_id, item_ids, key, pressed_at)
    lock_members(session, [one.item.member_id for one in seen if one.item.member_id is not None])
    mine = _read(session, associate_id, [one.item.id for one in seen], key, pressed_at)
    now = clock.now(session)
    fresh = [one for one in mine if one.until is not None and one.until > now]
    before = _kept(session, associate_id, [one.key for one in mine])
    _put_off(session, associate_id, [one for one in fresh if one.key not in before], pressed_at, now)
    if not fresh:
        return PutOff(left=len(mine))
    first = min(fresh, key=lambda one: one.until or now)
    return PutOff(first.until, first.zone, len(mine) - len(fresh))


def _read(
    session: Session, associate_id: int, item_ids: Iterable[int], key: str, pressed_at: datetime
) -> list[_Mine]:
    query = (
        select(FollowUpTask.id, WorkItem)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(
            WorkItem.id.in_(list(item_ids)),
            WorkItem.assignee_id == associate_id,
            WorkItem.state == WorkState.OPEN,
            FollowUpTask.channel.not_in(sorted(BY_THE_SYSTEM)),
        )
        .order_by(WorkItem.id)
    )
    rows = session.execute(query.execution_options(populate_existing=True)).all()
    stores, found = hours_of(session, {item.store_id for _, item in rows}), []
    for task_id, item in rows:
        hours = stores[item.store_id]
        its_key = blake2b(f"{key}:{item.id}".encode(), digest_size=KEY_BYTES).hexdigest()
        found.append(_Mine(task_id, item, its_key, later(hours, pressed_at, item.valid_until), hours.zone))
    return found


def _kept(session: Session, associate_id: int, keys: Sequence[str]) -> set[str]:
    query = select(CareAct.act_key).where(CareAct.associate_id == associate_id, CareAct.act_key.in_(keys))
    return set(session.scalars(query))


def _put_off(
    session: Session, associate_id: int, mine: Sequence[_Mine], pressed_at: datetime, now: datetime
) -> None:
    for act_id, one in zip(new_ids(session, len(mine)), mine, strict=True):
        session.add(
            CareAct(
                id=act_id,
                associate_id=associate_id,
                act_key=one.key,
                member_id=one.item.member_id,
                task_id=one.task_id,
                act=Act.POSTPONED,
                until=one.until,
                acted_at=min(pressed_at, now),
                recorded_at=now,
            )
        )
    session.flush()
    postpone_items(session, {one.item.id: one.until for one in mine if one.until is not None})
