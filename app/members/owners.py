"""Whose members are (专属导购), and every change of it. What follows for their tasks is `handover`'s."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import insert_rows, is_among, table_of, update_rows
from app.ids import new_ids
from app.members.models import Member, OwnerChange, OwnerReason


@dataclass(frozen=True, slots=True)
class NewOwner:
    """Whose a member is to be, None for the store's pool, and who says so since when; see `OwnerChange`."""

    to_id: int | None
    why: OwnerReason
    told_by: str
    happened_at: datetime


class Changed(NamedTuple):
    """A member whose owner was changed just now."""

    member_id: int
    from_id: int | None
    to_id: int | None
    happened_at: datetime


def write_owners(session: Session, wanted: Mapping[int, NewOwner], now: datetime) -> list[Changed]:
    """Give members (id → owner) new owners; returns those that had another, by ascending id.

    What came about before the last that is known is older news and changes nothing; whose owner is only confirmed has
    that kept. So whatever comes in which order, the latest counts. Callers hold the members' `member_care` rows. A few
    statements for any number.
    """
    owners = owners_of(session, wanted)
    latest = _latest(session, wanted)
    news = [
        Changed(member_id, owners[member_id], new.to_id, new.happened_at)
        for member_id, new in sorted(wanted.items())
        if member_id in owners and new.happened_at >= latest.get(member_id, new.happened_at)
    ]
    changed = [one for one in news if one.from_id != one.to_id]
    update_rows(session, Member, [{"id": one.member_id, "owner_id": one.to_id} for one in changed])
    rows = [
        {
            "id": row_id,
            "member_id": one.member_id,
            "from_id": one.from_id,
            "to_id": one.to_id,
            "why": wanted[one.member_id].why,
            "told_by": wanted[one.member_id].told_by,
            "happened_at": one.happened_at,
            "recorded_at": now,
        }
        for row_id, one in zip(new_ids(session, len(news)), news, strict=True)
    ]
    insert_rows(session, OwnerChange, rows)
    return changed


def owners_of(session: Session, member_ids: Collection[int]) -> dict[int, int | None]:
    """The owners of these members, of those there are."""
    table = table_of(Member)
    query = select(table.c.id, table.c.owner_id).where(is_among(table.c.id, set(member_ids)))
    return dict(session.connection().execute(query).all()) if member_ids else {}


def _latest(session: Session, member_ids: Collection[int]) -> dict[int, datetime]:
    if not member_ids:
        return {}
    table = table_of(OwnerChange)
    query = select(table.c.member_id, func.max(table.c.happened_at)).group_by(table.c.member_id)
    return dict(session.connection().execute(query.where(is_among(table.c.member_id, set(member_ids)))).all())
