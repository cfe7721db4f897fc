"""What WeCom tells of a member's contact and the follow-ups must know: that it was ended, which tags it gained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.series.happenings import happen
from app.member_events.models import MemberEventKind
from app.member_events.rules import Ender, short_key
from app.member_events.service import NewEvent
from app.members.models import ExternalContact, Member
from app.members.rules import Told
from app.members.service import lock_members
from app.stores.queries import StoreFacts, stores_by_id
from app.tagging.service import tag_names


def hold_members(session: Session, external_userids: Collection[str]) -> dict[str, int]:
    """The members whom these contacts are, their `member_care` rows taken: before the contacts' own, as everywhere."""
    query = select(ExternalContact.external_userid, ExternalContact.member_id).where(
        ExternalContact.external_userid.in_(sorted(external_userids)), ExternalContact.member_id.is_not(None)
    )
    found = {userid: member_id for userid, member_id in session.execute(query) if member_id is not None}
    lock_members(session, found.values())
    return found


def tell_of_contact(
    session: Session, member_id: int, told: Mapping[int, Told], gained: Collection[str], now: datetime
) -> None:
    """Make events of it; a repeat of what WeCom said makes none. A tag is gained once a day, whoever put it on."""
    if not told and not gained:
        return
    store = stores_by_id(session)[session.get_one(Member, member_id).store_id]
    events = [
        _event(member_id, MemberEventKind.UNFRIENDED, key, store, at, associate_id, {"by": by})
        for associate_id, its in told.items()
        for by, at in ((Ender.MEMBER, its.lost_at), (Ender.ASSOCIATE, its.deleted_at))
        if at is not None
        for key in [short_key(str(associate_id), by, at.isoformat())]
    ]
    today, names = store.hours.local_date(now).isoformat(), tag_names(session, gained)
    events += [
        _event(
            member_id,
            MemberEventKind.TAG_GAINED,
            short_key(tag_id, today),
            store,
            now,
            None,
            {"tag": names.get(tag_id, ""), "tag_id": tag_id},
        )
        for tag_id in sorted(gained)
    ]
    happen(session, events, now)


def _event(
    member_id: int,
    kind: MemberEventKind,
    key: str,
    store: StoreFacts,
    at: datetime,
    associate_id: int | None,
    data: Mapping[str, str],
) -> NewEvent:
    on = store.hours.local_date(at)
    return NewEvent(member_id, kind, key, store.id, associate_id, at, on, time_known=True, data=data)
