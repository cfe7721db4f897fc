"""Reading members, within what the asking person may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.associates.models import Associate, Role
from app.associates.queries import Actor
from app.db import any_of, read_rows, table_of
from app.members.models import ContactBinding, ExternalContact, Member
from app.stores.models import Store


@dataclass(frozen=True, slots=True)
class MemberProfile:
    """Who a member is."""

    id: int
    name: str
    store_id: int
    store_name: str
    currency: str
    owner_name: str | None
    joined_at: datetime
    external_userid: str | None


class Bond(StrEnum):
    """How an associate and a contact stand, the best first; only `LIVE` ones may chat (`is_live`)."""

    LIVE = "live"
    HALF = "half"  # the customer asks, the associate has not accepted
    LOST = "lost"  # the customer deleted the associate
    NONE = "none"  # the associate deleted the customer, or WeCom no longer shows the two


BEST_FIRST = list(Bond)


@dataclass(frozen=True, slots=True)
class ContactBond:
    """How a contact stands with the reader, or with `associate_name`, whose contacts the reader sees."""

    bond: Bond
    associate_name: str | None


def is_live() -> ColumnElement[bool]:
    """Of a `ContactBinding`: the two may chat. Neither ended, nor half added, nor lost since they were last added."""
    is_kept = or_(ContactBinding.lost_at.is_(None), ContactBinding.lost_at < ContactBinding.bound_at)
    return and_(ContactBinding.ended_at.is_(None), ContactBinding.is_half.is_(False), is_kept)


def live_bindings(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Columns of bindings (`ContactBinding`) through which one may chat, and of their `ExternalContact`."""
    joined = ContactBinding.external_contact_id == ExternalContact.id
    return select(*columns).select_from(ExternalContact).join(ContactBinding, joined).where(is_live())


MAY_CHAT = live_bindings(ExternalContact.member_id, ContactBinding.associate_id).where(
    any_of(table_of(ExternalContact).c.member_id, "members")
)


def contacts_of(session: Session, member_ids: Collection[int]) -> dict[int, set[int]]:
    """By member, the associates who can chat with them, those who left too; one query for any number of members."""
    bound: dict[int, set[int]] = defaultdict(set)
    if member_ids:
        for member_id, associate_id in read_rows(session, MAY_CHAT, {"members": set(member_ids)}):
            bound[member_id].add(associate_id)
    return bound


def find_member_by_contact(session: Session, actor: Actor, external_userid: str) -> MemberProfile | None:
    """The member behind a WeCom chat; None unless the actor, or for a manager somebody of their store, follows them."""
    query = (
        _profiles()
        .join(ExternalContact, ExternalContact.member_id == Member.id)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .join(Associate, Associate.id == ContactBinding.associate_id)
        .where(
            ExternalContact.external_userid == external_userid,
            is_live(),
            _followed_by(actor),
        )
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return _profile(row, external_userid) if row else None


def find_bonds(session: Session, actor: Actor, external_userids: Collection[str]) -> dict[str, ContactBond]:
    """How these contacts stand with the actor, or else with whom it stands best among those whose contacts they see.

    Contacts that none of them was ever told to have are left out.
    """
    query = (
        select(ExternalContact.external_userid, ContactBinding, Associate.name, is_live())
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .join(Associate, Associate.id == ContactBinding.associate_id)
        .where(ExternalContact.external_userid.in_(external_userids), _followed_by(actor))
        .order_by(ContactBinding.id)
    )
    found: dict[str, list[ContactBond]] = {}
    for external_userid, row, name, live in session.execute(query):
        is_own = row.associate_id == actor.associate_id
        bond = ContactBond(_bond(row, bool(live)), None if is_own else name)
        found.setdefault(external_userid, []).append(bond)
    return {external_userid: min(bonds, key=_nearest) for external_userid, bonds in found.items()}


def _nearest(bond: ContactBond) -> tuple[bool, int]:
    """The reader's own chat is what they look at, unless they themselves ended it."""
    is_own = bond.associate_name is None and bond.bond is not Bond.NONE
    return not is_own, BEST_FIRST.index(bond.bond)


def _bond(row: ContactBinding, is_live: bool) -> Bond:
    """The reason follows from what was told last: who left may have come back, who was left may have left too."""
    if is_live:
        return Bond.LIVE
    has_asked_again = row.half_at is not None and row.lost_at is not None and row.half_at > row.lost_at
    if row.ended_at is None:
        return Bond.HALF if row.is_half or has_asked_again else Bond.LOST
    others = [at for at in (row.bound_at, row.half_at, row.deleted_at) if at is not None]
    is_lost_last = row.lost_at is not None and all(row.lost_at >= at for at in others)
    return Bond.LOST if is_lost_last else Bond.NONE


def find_member(session: Session, member_id: int) -> MemberProfile | None:
    """The member, whoever asks: the caller has made sure that they may see them."""
    row = session.execute(_profiles().where(Member.id == member_id)).one_or_none()
    return _profile(row, None) if row else None


def looks_after(session: Session, actor: Actor, member_id: int) -> bool:
    """True for the member's owner and for the manager of the member's store; headquarters sees everyone."""
    query = select(Member.id).where(Member.id == member_id)
    if actor.role is Role.STORE_MANAGER:
        query = query.where(Member.store_id.is_not(None), Member.store_id == actor.store_id)
    elif actor.role is not Role.HQ:
        query = query.where(Member.owner_id == actor.associate_id)
    return session.scalar(query) is not None


CONTACTS = table_of(ExternalContact)
IS_CONTACT = select(CONTACTS.c.id).where(
    CONTACTS.c.external_userid == bindparam("external_userid"), CONTACTS.c.member_id == bindparam("member_id")
)


def is_contact_of(session: Session, external_userid: str, member_id: int) -> bool:
    """True when this WeCom contact is this member."""
    asked = {"external_userid": external_userid, "member_id": member_id}
    return session.connection().scalar(IS_CONTACT, asked) is not None


def _profiles() -> Select[*tuple[Any, ...]]:
    owner = aliased(Associate)
    return (
        select(Member, Store, owner.name)
        .join(Store, Store.id == Member.store_id)
        .outerjoin(owner, owner.id == Member.owner_id)
    )


def _profile(row: Any, external_userid: str | None) -> MemberProfile:
    member, store, owner_name = row
    return MemberProfile(
        member.id,
        member.name,
        store.id,
        store.name,
        store.currency,
        owner_name,
        member.joined_at,
        external_userid,
    )


def _followed_by(actor: Actor) -> ColumnElement[bool]:
    if actor.role is Role.HQ:
        return true()
    if actor.role is Role.STORE_MANAGER:
        return and_(Associate.store_id.is_not(None), Associate.store_id == actor.store_id)
    return ContactBinding.associate_id == actor.associate_id
