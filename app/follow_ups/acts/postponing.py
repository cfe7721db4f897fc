"""Putting tasks off, within their validity, and taking that back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.db import table_of
from app.errors import Invalid
from app.follow_ups.acts.holding import May, Standing, Tap, find_done_before, hold, standing_after
from app.follow_ups.acts.kinds import Act, Until
from app.follow_ups.acts.waiting import instant_of, later, may_wait
from app.follow_ups.models import FollowUpTask
from app.members.service import lock_members
from app.stores.queries import stores_by_id
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import ask_anew, postpone_items


def postpone_task(session: Session, actor: Actor, task_id: int, tap: Tap, until: Until | date) -> Standing:
    """Put an open task off, as seen from when the page was tapped; by its assignee or the manager of its store.

    A tap that took so long to arrive that the time has come since changes nothing. Raises `NotFound`, `Forbidden`,
    `Conflict` for a closed task, `Invalid` `beyond_validity` where the task ends before or the store is closed then.
    """
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    instant = instant_of(until, held.hours, held.acted_at)
    if not may_wait(held.hours, held.acted_at, instant, held.item.valid_until):
        raise Invalid("beyond_validity", place="until", valid_until=held.item.valid_until.isoformat())
    postpone_items(session, {held.item.id: instant})
    held.keep(Act.POSTPONED, until=instant)
    return held.standing()


def recall_task(session: Session, actor: Actor, task_id: int, tap: Tap) -> Standing:
    """What was put off is to be done now after all; any other open task stays as it is. Raises as postponing."""
    if before := find_done_before(session, actor, tap):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    if held.item.postponed_until is not None:
        row = session.execute(select(table_of(WorkItem)).where(WorkItem.id == held.item.id)).one()
        ask_anew(session, [dict(row._mapping)], read_budget(session), held.now)
        held.keep(Act.RECALLED)
    return held.standing()


@dataclass(frozen=True, slots=True)
class PutOff:
    """What became of several tasks at once: `until` is the first to come back; None where none was put off."""

    postponed: int
    left: int  # still open, but their validity ends before
    until: datetime | None


def postpone_told(
    session: Session, associate_id: int, item_ids: Sequence[int], pressed_at: datetime
) -> PutOff:
    """Put off, by two hours from then, those of the work items that are still this person's open follow-ups.

    Where the store is closed then, until it opens; nothing is put off beyond its validity. Doing so again with the same
    instant changes nothing. Locks the members in ascending order.
    """
    mine = _mine(session, associate_id, item_ids)
    lock_members(session, [item.member_id for item in mine if item.member_id is not None])
    still_mine, stores = _mine(session, associate_id, [item.id for item in mine]), stores_by_id(session)
    instants = {
        item.id: later(stores[item.store_id].hours, pressed_at, item.valid_until) for item in still_mine
    }
    until = {item_id: instant for item_id, instant in instants.items() if instant is not None}
    postpone_items(session, until)
    session.expire_all()
    return PutOff(len(until), len(instants) - len(until), min(until.values(), default=None))


def _mine(session: Session, associate_id: int, item_ids: Sequence[int]) -> Sequence[WorkItem]:
    query = (
        select(WorkItem)
        .join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        .where(
            WorkItem.id.in_(item_ids), WorkItem.assignee_id == associate_id, WorkItem.state == WorkState.OPEN
        )
        .order_by(WorkItem.id)
    )
    return session.scalars(query.execution_options(populate_existing=True)).all()
