"""Handing a task to a colleague: somebody of the same store who can reach the member, or its manager."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.associates.queries import Actor
from app.errors import Conflict, Invalid
from app.follow_ups.acts.holding import May, Standing, Tap, find_same_act, hold, standing_after
from app.follow_ups.acts.kinds import Act
from app.follow_ups.queries import get_task
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM
from app.follow_ups.wording import reword_moved
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.queries import live_bindings
from app.messaging.service import UNHURRIED, NewNotice, write_notices
from app.worklist.models import WorkState
from app.worklist.service import is_being_sent, move_items


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may take a task over; who is no contact of the member's can only invite them."""

    id: int
    name: str
    is_manager: bool
    is_contact: bool


def colleagues_for(session: Session, actor: Actor, task_id: int) -> list[Colleague]:
    """Who may take an open task over, contacts of the member first. Raises `NotFound` as reading the task does."""
    view = get_task(session, actor, task_id)
    if view.state is not WorkState.OPEN or view.channel in CONFIRMED_BY_WECOM | BY_THE_SYSTEM:
        return []
    found = _eligible(session, view.store_id, view.member_id, without=view.assignee_id)
    return sorted(found, key=lambda one: (not one.is_contact, one.id))


def hand_task(session: Session, actor: Actor, task_id: int, tap: Tap, to: int) -> Standing:
    """Give an open task to a colleague, in their words and on the channel they have.

    They are told of it; what was put off stays so, and they are told once it is back. By its assignee or the manager of
    its store. Raises `NotFound`, `Forbidden`, `Invalid` `cannot_take` for somebody who may not have it, `Conflict` for
    a closed task or one that a page is sending just now.
    """
    if before := find_same_act(session, actor, tap, Act.HANDED, task_id=task_id, to_id=to):
        return standing_after(session, before)
    held = hold(session, actor, task_id, tap, May.MANAGER_TOO)
    held.must_be_open()
    if is_being_sent(held.item, clock.real_now(session)):
        raise Conflict("sending_elsewhere", place="task")
    eligible = _eligible(session, held.item.store_id, held.member_id, without=held.item.assignee_id)
    colleague = next((one for one in eligible if one.id == to), None)
    if colleague is None or held.task.channel in CONFIRMED_BY_WECOM:  # WeCom itself says whose those are
        raise Invalid("cannot_take", place="to")
    member = session.get_one(Member, held.member_id)
    held.keep(Act.HANDED, to=to)
    move_items(session, {held.item.id: to}, held.now)
    reword_moved(session, {held.item.id: to})
    if held.item.postponed_until is not None and held.item.postponed_until > held.now:
        return held.standing()  # they are told once it is back
    text = f"{held.item.title} · {member.name}"
    write_notices(session, [NewNotice(to, held.item.id, text, held.now + UNHURRIED)], held.now)
    return held.standing()


def _eligible(session: Session, store_id: int, member_id: int, *, without: int) -> list[Colleague]:
    is_contact = _is_contact(member_id)
    query = select(Associate.id, Associate.name, Associate.role, is_contact).where(
        Associate.store_id == store_id,
        Associate.ended_at.is_(None),
        Associate.id != without,
        or_(Associate.role == Role.STORE_MANAGER, is_contact),
    )
    return [
        Colleague(row[0], row[1], row[2] == Role.STORE_MANAGER, bool(row[3]))
        for row in session.execute(query)
    ]


def _is_contact(member_id: int) -> ColumnElement[bool]:
    its = live_bindings(ContactBinding.id).where(
        ContactBinding.associate_id == Associate.id, ExternalContact.member_id == member_id
    )
    return exists(its.correlate(Associate))
