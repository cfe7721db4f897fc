"""What an associate says of a member: they answered, came in, bought elsewhere, are satisfied, want to be left alone.

What happened is a member event, kept on the associate's word; plans decide what follows. Opting out (勿扰) ends every
series and closes every follow-up task; opting in again lets new series begin and brings no old one back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.errors import NotFound
from app.follow_ups.acts.holding import Tap, check_same, find_done_before, find_same_act
from app.follow_ups.acts.kinds import Act
from app.follow_ups.models import CareAct
from app.follow_ups.series.happenings import happen
from app.follow_ups.series.opting_out import opt_out_members
from app.ids import new_id
from app.member_events.models import MemberEventKind
from app.member_events.service import NewEvent, as_kept, told_with
from app.members.models import ContactBinding, ExternalContact, Member, MemberCare
from app.members.queries import live_bindings, looks_after
from app.members.service import lock_members
from app.stores.queries import hours_of
from app.worklist.models import WorkItem, WorkState


@dataclass(frozen=True, slots=True)
class MemberStanding:
    """What is true of a member now."""

    opted_out_at: datetime | None


def note_event(
    session: Session, actor: Actor, member_id: int, tap: Tap, kind: MemberEventKind, data: Mapping[str, Any]
) -> MemberStanding:
    """Keep what the associate says happened, once by the tap's key, and let the plans act on it.

    Raises `ValueError` for data that is not of its kind (`member_events.rules`), `NotFound` for a member the
    actor has nothing to do with, `Invalid` `key_reused` where the key came with something else before.
    """
    member = _lock(session, actor, member_id)
    told = told_with(session, member_id, tap.key)
    check_same(all(one == (kind, as_kept(kind, data)) for one in told))
    check_same(find_done_before(session, actor, tap) is None)
    now = clock.now(session)
    happened_at = min(now, now - tap.age)
    event = NewEvent(
        member_id=member_id,
        kind=kind,
        key=tap.key,
        store_id=member.store_id,
        associate_id=actor.associate_id,
        happened_at=happened_at,
        happened_on=hours_of(session, [member.store_id])[member.store_id].local_date(happened_at),
        time_known=True,
        data=data,
    )
    happen(session, [event], now)
    return _standing(session, member_id)


def opt_out(session: Session, actor: Actor, member_id: int, tap: Tap) -> MemberStanding:
    """The member wants no follow-ups: their series end and their tasks are closed as `opted_out`. Again: no change.

    Raises as `note_event` does.
    """
    member = _lock(session, actor, member_id)
    care = session.get_one(MemberCare, member_id, populate_existing=True)
    is_new = _is_new(session, actor, member_id, tap, Act.OPTED_OUT)
    if care.opted_out_at is None and is_new:
        now = clock.now(session)
        _keep(session, actor, tap, member, Act.OPTED_OUT, now)
        opt_out_members(session, [member_id], now)
    return _standing(session, member_id)


def opt_in(session: Session, actor: Actor, member_id: int, tap: Tap) -> MemberStanding:
    """The member may be followed up again from what happens next. Again: no change. Raises as `note_event` does."""
    member = _lock(session, actor, member_id)
    care = session.get_one(MemberCare, member_id, populate_existing=True)
    is_new = _is_new(session, actor, member_id, tap, Act.OPTED_IN)
    if care.opted_out_at is not None and is_new:
        care.opted_out_at = None
        _keep(session, actor, tap, member, Act.OPTED_IN, clock.now(session))
    return _standing(session, member_id)


def may_act_for(session: Session, actor: Actor, member_id: int) -> bool:
    """True for who looks after the member, has them as a live contact, or is to do something for them."""
    if looks_after(session, actor, member_id):
        return True
    is_contact = exists(
        live_bindings(ContactBinding.id).where(
            ExternalContact.member_id == member_id, ContactBinding.associate_id == actor.associate_id
        )
    )
    is_asked = exists().where(
        WorkItem.member_id == member_id,
        WorkItem.assignee_id == actor.associate_id,
        WorkItem.state == WorkState.OPEN,
    )
    return bool(session.scalar(select(or_(is_contact, is_asked))))


def _lock(session: Session, actor: Actor, member_id: int) -> Member:
    member = session.get(Member, member_id)
    if member is None or not may_act_for(session, actor, member_id):
        raise NotFound("unknown_id", place="member")
    lock_members(session, [member_id])
    return member


def _is_new(session: Session, actor: Actor, member_id: int, tap: Tap, act: Act) -> bool:
    """False for a tap that was delivered before. Raises `Invalid` `key_reused` where that was another."""
    check_same(not told_with(session, member_id, tap.key))
    return find_same_act(session, actor, tap, act, member_id=member_id) is None


def _keep(session: Session, actor: Actor, tap: Tap, member: Member, act: Act, now: datetime) -> None:
    row = CareAct(
        id=new_id(session),
        associate_id=actor.associate_id,
        act_key=tap.key,
        member_id=member.id,
        task_id=None,
        act=act,
        acted_at=max(member.joined_at, now - tap.age),
        recorded_at=now,
    )
    session.add(row)
    session.flush()


def _standing(session: Session, member_id: int) -> MemberStanding:
    session.flush()
    return MemberStanding(session.get_one(MemberCare, member_id, populate_existing=True).opted_out_at)
