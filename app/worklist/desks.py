"""What somebody has to do on their store's local day, and how much of it stays: read here, decided in `sharing`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import table_of
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.worklist.loads import TAKES_ROOM, LocalDay, is_done_on, is_open_on
from app.worklist.models import WorkItem, WorkState

ITEMS = table_of(WorkItem)
# Was promised, and never put off.
STAYS = and_(or_(ITEMS.c.is_service, ITEMS.c.member_id.is_(None)), ITEMS.c.postponed_until.is_(None))


@dataclass(frozen=True, slots=True)
class Desk:
    """What somebody has to do on their store's local day, and how much stays theirs whatever is decided.

    `kept` is how much they did already, and how much was promised: of that only what was put off once, and may be back,
    is among `items`. After a lost day the others are hundreds, and whoever opens one more waits while they are read.
    """

    associate_id: int
    hours: StoreHours
    day: LocalDay
    items: Sequence[Any]
    kept: int


def read_desks(session: Session, people: Sequence[int], now: datetime) -> dict[int, Desk]:
    """The desks of those of these people who work here and have anything to do, by ascending id."""
    homes = _homes(session, people)
    hours = hours_of(session, homes.values())
    days = {person: LocalDay.of(hours[store_id], now) for person, store_id in homes.items()}
    items, kept = _items(session, days), _kept(session, days)
    return {
        person: Desk(person, hours[homes[person]], days[person], items[person], kept[person])
        for person in sorted(days)
    }


def _homes(session: Session, people: Sequence[int]) -> dict[int, int]:
    """Whose opening hours each keeps: their own store's; of somebody without one that of what they have to do."""
    query = select(Associate.id, Associate.store_id).where(
        Associate.id.in_(people), Associate.ended_at.is_(None)
    )
    homes: dict[int, int | None] = dict(session.execute(query).all())
    homeless = [person for person, store_id in homes.items() if store_id is None]
    if homeless:
        lent = select(WorkItem.assignee_id, func.min(WorkItem.store_id)).where(
            WorkItem.assignee_id.in_(homeless), WorkItem.state == WorkState.OPEN
        )
        homes |= dict(session.execute(lent.group_by(WorkItem.assignee_id)).all())
    return {person: store_id for person, store_id in homes.items() if store_id is not None}


def _by_day(days: Mapping[int, LocalDay]) -> dict[LocalDay, list[int]]:
    people: dict[LocalDay, list[int]] = defaultdict(list)
    for person, day in days.items():
        people[day].append(person)
    return people


def _items(session: Session, days: Mapping[int, LocalDay]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for day, people in _by_day(days).items():
        query = select(ITEMS).where(ITEMS.c.assignee_id.in_(people), is_open_on(day), not_(STAYS))
        for row in session.execute(query.order_by(ITEMS.c.id)):
            found[row.assignee_id].append(row)
    return found


def _kept(session: Session, days: Mapping[int, LocalDay]) -> Counter[int]:
    found: Counter[int] = Counter()
    for day, people in _by_day(days).items():
        for its in (is_done_on(day), and_(is_open_on(day), STAYS)):
            query = select(ITEMS.c.assignee_id, func.count()).where(
                ITEMS.c.assignee_id.in_(people), its, TAKES_ROOM
            )
            found.update(dict(session.execute(query.group_by(ITEMS.c.assignee_id)).all()))
    return found
