"""Recognising members, locking them, and binding them to WeCom contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.db import any_of, insert_rows, table_of
from app.ids import new_ids
from app.members.models import (
    ContactBinding,
    ExternalContact,
    IdentityKind,
    Member,
    MemberCare,
    MemberIdentity,
)

IDENTITIES, CARE = table_of(MemberIdentity), table_of(MemberCare)
OF_CODES = select(IDENTITIES.c.value, IDENTITIES.c.member_id).where(
    IDENTITIES.c.kind == IdentityKind.CUSTOMER_CODE,
    IDENTITIES.c.value.in_(bindparam("codes", expanding=True)),
)
LOCKING = (
    select(CARE.c.member_id)
    .where(any_of(CARE.c.member_id, "ids"))
    .order_by(CARE.c.member_id)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class NewMember:
    """What is known of a customer when they are first seen; the owner is who sold to them first."""

    code: str
    name: str
    store_id: int
    owner_id: int | None
    joined_at: datetime


def members_by_code(session: Session, codes: Iterable[str]) -> dict[str, int]:
    """Member ids of the customer codes that are known."""
    found = session.connection().execute(OF_CODES, {"codes": sorted(set(codes))})
    return dict(found.all())


def register_members(session: Session, people: Sequence[NewMember]) -> dict[str, int]:
    """Member ids for all given customer codes; the unknown ones become members.

    Two writers who meet the same new customer clash on the identity's key; the loser's transaction is run again.
    """
    known = members_by_code(session, (person.code for person in people))
    fresh = {person.code: person for person in people if person.code not in known}
    ordered = [fresh[code] for code in sorted(fresh)]
    ids = dict(zip((person.code for person in ordered), new_ids(session, len(ordered)), strict=True))
    identities = [
        {"kind": IdentityKind.CUSTOMER_CODE, "value": code, "member_id": member_id}
        for code, member_id in ids.items()
    ]
    insert_rows(session, MemberIdentity, identities)
    insert_rows(session, Member, [_member_row(ids[person.code], person) for person in ordered])
    insert_rows(
        session, MemberCare, [{"member_id": member_id, "opted_out_at": None} for member_id in ids.values()]
    )
    return known | ids


def lock_members(session: Session, member_ids: Iterable[int]) -> None:
    """Take the mutex of these members, in ascending order; held until the transaction ends."""
    wanted = sorted(set(member_ids))
    if wanted:
        session.flush()
        session.connection().execute(LOCKING, {"ids": wanted}).all()


def name_members(session: Session, codes: Mapping[int, str], names: Mapping[int, str]) -> None:
    """Name members who so far are called by their code; whoever has a name keeps it."""
    for member_id, name in sorted(names.items()):
        nameless = (Member.id == member_id) & (Member.name == codes[member_id])
        session.execute(update(Member).where(nameless).values(name=name))


@dataclass(frozen=True, slots=True)
class NewContact:
    """An external contact of a member, and the associate who follows them."""

    external_userid: str
    name: str
    member_id: int
    associate_id: int


def bind_contacts(session: Session, contacts: Sequence[NewContact], now: datetime) -> None:
    """Record that these WeCom contacts are these members, each followed by an associate; repeating changes nothing."""
    known = _contact_ids(session, [contact.external_userid for contact in contacts])
    fresh = {contact.external_userid: contact for contact in contacts if contact.external_userid not in known}
    ids = dict(zip(fresh, new_ids(session, len(fresh)), strict=True))
    insert_rows(session, ExternalContact, [_contact_row(ids[userid], fresh[userid]) for userid in fresh])
    known |= ids
    bound = _bound_pairs(session, known.values())
    missing = [
        contact for contact in contacts if (known[contact.external_userid], contact.associate_id) not in bound
    ]
    insert_rows(
        session,
        ContactBinding,
        [
            {
                "id": binding_id,
                "associate_id": contact.associate_id,
                "external_contact_id": known[contact.external_userid],
                "bound_at": now,
                "ended_at": None,
                "is_half": False,
                "remark": "",
                "state": "",
                "add_way": 0,
            }
            for binding_id, contact in zip(new_ids(session, len(missing)), missing, strict=True)
        ],
    )


def _contact_ids(session: Session, userids: Sequence[str]) -> dict[str, int]:
    query = select(ExternalContact.external_userid, ExternalContact.id).where(
        ExternalContact.external_userid.in_(userids)
    )
    return dict(session.execute(query).all())


def _bound_pairs(session: Session, contact_ids: Iterable[int]) -> set[tuple[int, int]]:
    query = select(ContactBinding.external_contact_id, ContactBinding.associate_id)
    rows = session.execute(query.where(ContactBinding.external_contact_id.in_(sorted(contact_ids))))
    return {(contact_id, associate_id) for contact_id, associate_id in rows}


def _member_row(member_id: int, person: NewMember) -> dict[str, object]:
    return {
        "id": member_id,
        "name": person.name,
        "store_id": person.store_id,
        "owner_id": person.owner_id,
        "joined_at": person.joined_at,
    }


def _contact_row(contact_id: int, contact: NewContact) -> dict[str, object]:
    return {
        "id": contact_id,
        "external_userid": contact.external_userid,
        "name": contact.name,
        "member_id": contact.member_id,
        "avatar": "",
        "is_wechat": True,
        "version": 0,
    }
