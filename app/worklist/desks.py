"""What somebody has to do on their store's local day, and how much they did already: read, decided in `sharing`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import table_of
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.worklist.loads import TAKES_ROOM, LocalDay, is_done_on, is_open_on
from app.worklist.models import WorkItem, WorkState


@dataclass(frozen=True, slots=True)
class Desk:
    """What somebody has to do on their store's local day, and how much they did already."""

    associate_id: int
    hours: StoreHours
    day: LocalDay
    items: Sequence[Any]
    done: int


def read_desks(session: Session, people: Sequence[int], now: datetime) -> dict[int, Desk]:
    """The desks of those of these people who work here and have anything to do, by ascending id."""
    homes = _homes(session, people)
    hours = hours_of(session, homes.values())
    days = {person: LocalDay.of(hours[store_id], now) for person, store_id in homes.items()}
    items, done = _items(session, days), _done(session, days)
    return {
        person: Desk(person, hours[homes[person]], days[person], items[person], done.get(person, 0))
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
    table = table_of(WorkItem)
    for day, people in _by_day(days).items():
        query = select(table).where(table.c.assignee_id.in_(people), is_open_on(day)).order_by(table.c.id)
        for row in session.execute(query):
            found[row.assignee_id].append(row)
    return found


def _done(session: Session, days: Mapping[int, LocalDay]) -> dict[int, int]:
    found: dict[int, int] = {}
    for day, people in _by_day(days).items():
        query = select(WorkItem.assignee_id, func.count()).where(
            WorkItem.assignee_id.in_(people), is_done_on(day), TAKES_ROOM
        )
        found |= dict(session.execute(query.group_by(WorkItem.assignee_id)).all())
    return found
