"""Writing down what a look at WeCom shows of an external contact and of who follows them.

Events and the nightly sync write through here, so what one of them missed the other mends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Base
from app.ids import new_id
from app.members.models import ContactBinding, ExternalContact
from app.members.rules import Told, settle
from app.wecom.apis.contacts import Binding, Contact, Profile
from app.wecom.errors import WeComRetryable

Row = TypeVar("Row", bound=Base)


class Change(StrEnum):
    """What a look changed in a binding of ours."""

    NONE = "none"
    ADDED = "added"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Sight:
    """A look at one external contact: what WeCom showed (None: nobody has them).

    `asked`: the associates for whom a binding that is not shown is no more; others may merely be out of the app's
    sight. `told`: what an event says beside. `version` is the contact's before the look, 0 where we had none; None
    where the writer has made sure by other means that nobody wrote since.
    """

    external_userid: str
    contact: Contact | None
    asked: Collection[int] = ()
    told: Mapping[int, Told] = field(default_factory=dict)
    version: int | None = None


class StaleSight(WeComRetryable):
    """Somebody wrote the contact after we had looked at it: what we saw may be the older. Look again."""

    def __init__(self) -> None:
        super().__init__("externalcontact/get", "written by another look meanwhile")


@dataclass(frozen=True, slots=True)
class WrittenBinding:
    """A binding after the writing, with the corp tags WeCom shows on it; None where it does not show the binding."""

    id: int
    change: Change
    tag_ids: frozenset[str] | None


def people_by_userid(session: Session, userids: Iterable[str]) -> dict[str, int]:
    """Associate ids of these accounts, of those we know: those who left too, whose contacts may still be theirs."""
    wanted = sorted({userid.lower() for userid in userids})
    query = select(Associate.wecom_userid, Associate.id).where(Associate.wecom_userid.in_(wanted))
    return dict(session.execute(query).all())


def contact_versions(session: Session, external_userids: Collection[str]) -> dict[str, int]:
    """The versions of these contacts, of those we have."""
    query = select(ExternalContact.external_userid, ExternalContact.version)
    return dict(session.execute(query.where(ExternalContact.external_userid.in_(external_userids))).all())


def write_sight(session: Session, sight: Sight, now: datetime) -> list[WrittenBinding]:
    """Bring the contact and its bindings to what was seen; writing the same again changes nothing.

    A contact that none of our people has, or was told of, is not kept. Locks the contact's row. Raises `StaleSight`.
    """
    shown = _shown(session, sight.contact)
    row = _lock(session, sight.external_userid)
    if sight.version not in (None, row.version if row else 0):
        raise StaleSight
    if row is None and not shown and not sight.told:
        return []
    if row is None:
        row = _new_contact(session, sight.external_userid)
    if sight.contact is not None:
        _update(row, _columns(sight.contact.profile))
    row.version += 1
    session.flush()
    mine = select(ContactBinding).where(ContactBinding.external_contact_id == row.id)
    bindings = {each.associate_id: each for each in session.scalars(mine)}
    concerned = sorted(shown.keys() | set(sight.told) | (set(sight.asked) & bindings.keys()))
    written = []
    for associate_id in concerned:
        known, told = bindings.get(associate_id), sight.told.get(associate_id, Told())
        binding = known or _new_binding(session, row.id, associate_id)
        change = _write(binding, shown.get(associate_id), told, now, is_new=known is None)
        its = shown.get(associate_id)
        written.append(WrittenBinding(binding.id, change, its.tag_ids if its else None))
    session.flush()
    return written


def _shown(session: Session, contact: Contact | None) -> dict[int, Binding]:
    by_userid = {each.wecom_userid: each for each in contact.bindings} if contact else {}
    people = people_by_userid(session, by_userid)
    return {people[userid]: binding for userid, binding in by_userid.items() if userid in people}


def _lock(session: Session, external_userid: str) -> ExternalContact | None:
    query = select(ExternalContact).where(ExternalContact.external_userid == external_userid)
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _new_contact(session: Session, external_userid: str) -> ExternalContact:
    row = ExternalContact(id=new_id(session), external_userid=external_userid, name="", avatar="", version=0)
    session.add(row)
    return row


def _new_binding(session: Session, contact_id: int, associate_id: int) -> ContactBinding:
    row = ContactBinding(
        id=new_id(session),
        associate_id=associate_id,
        external_contact_id=contact_id,
        remark="",
        state="",
        add_way=0,
        is_half=False,
    )
    session.add(row)
    return row


def _columns(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name[:128],
        "avatar": profile.avatar[:512],
        "unionid": profile.unionid[:64] if profile.unionid else None,
        "is_wechat": profile.is_wechat,
    }


def _write(row: ContactBinding, shown: Binding | None, told: Told, now: datetime, *, is_new: bool) -> Change:
    since = Told(bound_at=_instant(shown.bound_at_s)) if shown else Told()
    all_told = Told(row.bound_at, row.half_at, row.lost_at, row.deleted_at) | told | since
    standing = settle(all_told, shown is not None, row.ended_at, now)
    was_there = not is_new and row.ended_at is None
    wanted: dict[str, object] = {
        "bound_at": all_told.bound_at,
        "half_at": all_told.half_at,
        "lost_at": all_told.lost_at,
        "deleted_at": all_told.deleted_at,
        "is_half": standing.is_half,
        "ended_at": standing.ended_at,
    }
    if shown is not None:
        noted = {"remark": shown.remark[:64], "state": shown.state[:64], "add_way": shown.add_way}
        wanted |= noted
    has_changed = _update(row, wanted)
    if standing.ended_at is not None:
        return Change.ENDED if was_there else Change.NONE
    if not was_there:
        return Change.ADDED
    return Change.CHANGED if has_changed else Change.NONE


def _update(row: Base, wanted: Mapping[str, object]) -> bool:
    """Set what differs; True where anything did."""
    differs = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    for name, value in differs.items():
        setattr(row, name, value)
    return bool(differs)


def _instant(seconds: int) -> datetime | None:
    return clock.instant_of(seconds) if seconds > 0 else None
