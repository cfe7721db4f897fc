"""Putting tasks off, within their validity, and taking that back."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.queries import Actor
from app.db import table_of
from app.errors import Invalid
from app.follow_ups.acts.holding import (
    May,
    Standing,
    Tap,
    check_same,
    find_same_act,
    hold,
    standing_after,
    until_of,
)
from app.follow_ups.acts.kinds import Act, Until
from app.follow_ups.acts.waiting import instant_of, may_wait
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem
from app.worklist.service import ask_anew, postpone_items


def postpone_task(session: Session, actor: Actor, task_id: int, tap: Tap, until: Until | date) -> Standing:
    """Put an open task off, as seen from when the page was tapped; by its assignee or the manager of its store.

    A tap that took so long to arrive that the time has come since changes nothing. Raises `NotFound`, `Forbidden`,
    `Conflict` for a closed task, `Invalid` `beyond_validity` where the task ends before or the store is closed then.
    """
    if before := find_same_act(session, actor, tap, Act.POSTPONED, task_id=task_id):
        check_same(until_of(session, before, until) == before.until)
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
    if before := find_same_act(session, actor, tap, Act.RECALLED, task_id=task_id):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    if held.item.postponed_until is not None:
        row = session.execute(select(table_of(WorkItem)).where(WorkItem.id == held.item.id)).one()
        ask_anew(session, [dict(row._mapping)], read_budget(session), held.now)
        held.keep(Act.RECALLED)
    return held.standing()
