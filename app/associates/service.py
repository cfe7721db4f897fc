"""Associates come, go and come back. What was theirs to do when they go is handed over soon after."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.handovers import schedule_handovers
from app.associates.models import Associate, Role
from app.ids import new_id


def find_associate(session: Session, wecom_userid: str) -> Associate | None:
    """The person with this account, also one who has left."""
    return session.scalar(select(Associate).where(Associate.wecom_userid == wecom_userid.lower()))


def add_associate(
    session: Session, wecom_userid: str, name: str, role: Role, store_id: int | None
) -> Associate:
    """A new person of the chain."""
    person = Associate(
        id=new_id(session), wecom_userid=wecom_userid.lower(), name=name, role=role, store_id=store_id
    )
    session.add(person)
    return person


def end_associate(session: Session, person: Associate) -> None:
    """They left: no session begun so far counts again, not even after they come back. A repeat changes nothing.

    What they had to do is offered to others by the handover lane, from now on.
    """
    if person.ended_at is None:
        person.ended_at = now = clock.now(session)
        person.access_from = clock.real_now(session)
        schedule_handovers(session, {person.id: now}, now)


def bring_back(session: Session, person: Associate) -> None:
    """They are here again and sign in anew. Repeating it changes nothing."""
    if person.ended_at is not None:
        person.ended_at = None
        person.access_from = clock.real_now(session)
