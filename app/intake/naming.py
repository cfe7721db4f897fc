"""Members' owners as headquarters, or a system that speaks for it, names them; on the way to the hand-over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.handover.changing import change_owners
from app.inbound.events import OwnerNamed
from app.members.models import OwnerReason
from app.members.owners import NewOwner


@dataclass(frozen=True, slots=True)
class Named:
    """What was reported, with its names resolved; no associate is the store's pool."""

    event: OwnerNamed
    member_id: int
    associate_id: int | None


def name_owners(session: Session, source: str, named: Sequence[Named], now: datetime) -> None:
    """Give the members these owners; of several reports the one of the latest instant counts, whatever comes first.

    Callers hold the members' `member_care` rows and have done everything else about them.
    """
    wanted: dict[int, NewOwner] = {}
    for one in sorted(named, key=lambda one: (one.event.occurred_at, one.event.ref)):
        since = min(one.event.occurred_at, now)
        wanted[one.member_id] = NewOwner(one.associate_id, OwnerReason.NAMED, source, since)
    change_owners(session, wanted, now)
