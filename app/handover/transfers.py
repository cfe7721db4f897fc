"""Whom WeCom gave a member to (在职继承、离职继承), from how their contacts stand, in whatever order that was told.

A customer that was transferred is somebody's as one who was assigned by the corp, since later than the owner had them,
and the owner has them no more, or has left. So an event that never came is made good by the next look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import is_among, table_of
from app.handover.changing import change_owners
from app.inbound.models import WECOM
from app.members.models import ContactBinding, ExternalContact, Member, OwnerReason
from app.members.owners import NewOwner
from app.members.queries import is_live

ASSIGNED = 202  # an add_way: the corp's administrators gave the customer to them (facts 3.4)


@dataclass(frozen=True, slots=True)
class Bond:
    """What of a binding decides who comes after whom. `works_here`: the associate has not left."""

    associate_id: int
    is_live: bool
    works_here: bool
    is_assigned: bool
    bound_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Owned:
    """A member's owner, whether they still work here, and everybody's bindings with the member."""

    owner_id: int
    owner_works_here: bool
    bonds: Sequence[Bond]


@dataclass(frozen=True, slots=True)
class Successor:
    """To whom a member went, and since when."""

    associate_id: int
    since: datetime | None


def successor_of(member: Owned, *, is_told: bool = False) -> Successor | None:
    """Who has the member after their owner, None where nobody was given them. Pure.

    `is_told`: WeCom has just said that the owner lost them by a transfer. Whom it was to then is known as well where
    they had been the customer's contact before, if nobody else is.
    """
    own = [bond for bond in member.bonds if bond.associate_id == member.owner_id]
    has_them = any(bond.ended_at is None for bond in own)
    if not own or (has_them and member.owner_works_here):
        return None
    there = [
        bond
        for bond in member.bonds
        if bond.is_live and bond.works_here and bond.associate_id != member.owner_id
    ]
    since = max((bond.bound_at for bond in own if bond.bound_at is not None), default=None)
    given = [bond for bond in there if bond.is_assigned and _is_later(bond.bound_at, since)]
    if given:
        last = max(given, key=lambda bond: (bond.bound_at is not None, bond.bound_at, bond.associate_id))
        return Successor(last.associate_id, last.bound_at)
    if is_told and len({bond.associate_id for bond in there}) == 1:
        return Successor(there[0].associate_id, None)
    return None


def may_be_transferred(session: Session, member_ids: Collection[int]) -> list[int]:
    """Those of these members whom, as it stands now, somebody else was given; asked again once they are held."""
    return [member_id for member_id, owned in _read(session, member_ids).items() if successor_of(owned)]


def follow_transfers(
    session: Session, member_ids: Collection[int], now: datetime, *, told_of: Iterable[int] = ()
) -> list[int]:
    """Members whom WeCom gave to somebody else get that owner, with everything that follows; returns them.

    `told_of`: associates of whom it has just said that they lost them by a transfer. Callers hold the members'
    `member_care` rows. A few statements for any number of members.
    """
    losers = set(told_of)
    wanted: dict[int, NewOwner] = {}
    for member_id, owned in _read(session, member_ids).items():
        found = successor_of(owned, is_told=owned.owner_id in losers)
        if found is not None:
            since = min(found.since or now, now)
            wanted[member_id] = NewOwner(found.associate_id, OwnerReason.TRANSFER, WECOM, since)
    return [one.member_id for one in change_owners(session, wanted, now)]


def _is_later(at: datetime | None, since: datetime | None) -> bool:
    """From the same second on, for WeCom counts in seconds."""
    return since is None or (at is not None and at >= since)


def _read(session: Session, member_ids: Collection[int]) -> dict[int, Owned]:
    if not member_ids:
        return {}
    bonds = _bonds(session, member_ids)
    table = table_of(Member)
    query = (
        select(table.c.id, table.c.owner_id, Associate.ended_at)
        .join_from(table, Associate, Associate.id == table.c.owner_id)
        .where(is_among(table.c.id, set(member_ids)))
    )
    return {
        member_id: Owned(owner_id, ended_at is None, bonds.get(member_id, ()))
        for member_id, owner_id, ended_at in session.execute(query)
    }


def _bonds(session: Session, member_ids: Collection[int]) -> dict[int, list[Bond]]:
    query = (
        select(ExternalContact.member_id, ContactBinding, is_live(), Associate.ended_at)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .join(Associate, Associate.id == ContactBinding.associate_id)
        .where(is_among(table_of(ExternalContact).c.member_id, set(member_ids)))
    )
    found: dict[int, list[Bond]] = defaultdict(list)
    for member_id, row, live, left_at in session.execute(query):
        assert member_id is not None, "the query asks for members"
        is_assigned = row.add_way == ASSIGNED
        bond = Bond(row.associate_id, bool(live), left_at is None, is_assigned, row.bound_at, row.ended_at)
        found[member_id].append(bond)
    return found
