"""Reading associates."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.db import any_of, table_of

PEOPLE = table_of(Associate)
MANAGERS = (
    select(PEOPLE.c.store_id, PEOPLE.c.id)
    .where(
        any_of(PEOPLE.c.store_id, "stores"), PEOPLE.c.role == Role.STORE_MANAGER, PEOPLE.c.ended_at.is_(None)
    )
    .order_by(PEOPLE.c.id.desc())
)
ACTIVE = select(Associate).where(any_of(PEOPLE.c.id, "ids"), PEOPLE.c.ended_at.is_(None))
USERIDS = select(PEOPLE.c.wecom_userid, PEOPLE.c.id).where(PEOPLE.c.ended_at.is_(None))
OF_USERIDS = USERIDS.where(PEOPLE.c.wecom_userid.in_(bindparam("userids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, and what they may see: HQ everything, a manager their store, an associate their own."""

    associate_id: int
    wecom_userid: str
    name: str
    role: Role
    store_id: int | None


def find_actor(session: Session, associate_id: int, since: datetime | None = None) -> Actor | None:
    """The person behind a session, or None once they have left: access ends with the next request.

    `since` is when the session began, real time: one from before they left stays void after they have come back.
    """
    person = session.get(Associate, associate_id)
    if person is None or person.ended_at is not None:
        return None
    if since is not None and person.access_from is not None and since <= person.access_from:
        return None
    return _actor(person)


def find_actor_by_userid(session: Session, wecom_userid: str) -> Actor | None:
    """The person with this WeCom account (WeCom compares accounts without case), or None."""
    person = session.scalar(select(Associate).where(Associate.wecom_userid == wecom_userid.lower()))
    return None if person is None or person.ended_at is not None else _actor(person)


def active_associates(session: Session, ids: Iterable[int]) -> dict[int, Associate]:
    """Those of the given people who still work here."""
    return {person.id: person for person in session.scalars(ACTIVE, {"ids": set(ids)})}


def managers_by_store(session: Session, store_ids: Iterable[int]) -> dict[int, int]:
    """One active store manager per store: the longest-serving one where there are several."""
    rows = session.connection().execute(MANAGERS, {"stores": set(store_ids)})
    return {store_id: person_id for store_id, person_id in rows if store_id is not None}


def ids_by_userid(session: Session, userids: Collection[str] | None = None) -> dict[str, int]:
    """Ids of all active people, or of the given ones, by their WeCom account (lower case)."""
    if userids is None:
        return dict(session.connection().execute(USERIDS).all())
    return dict(session.connection().execute(OF_USERIDS, {"userids": sorted(userids)}).all())


def _actor(person: Associate) -> Actor:
    return Actor(person.id, person.wecom_userid, person.name, Role(person.role), person.store_id)
