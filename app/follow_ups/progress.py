"""How far stores and people have come with the follow-ups that fell due in a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM
from app.stores.models import Branch, Store
from app.worklist.models import WorkItem, WorkKind, WorkState


@dataclass(frozen=True, slots=True)
class StoreProgress:
    """Tasks of a store that fell due in the span: `opened` is the sum of the four others."""

    store_id: int
    store_name: str
    branch_name: str
    opened: int
    done: int
    open: int
    expired: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class AssociateProgress:
    """The same for one person."""

    associate_id: int
    name: str
    opened: int
    done: int
    open: int
    expired: int
    cancelled: int


def progress_by_store(session: Session, start: datetime, end: datetime) -> list[StoreProgress]:
    """Stores with tasks due from `start` to before `end`, worst first: the smallest share of what could be done."""
    query = (
        select(Store.id, Store.name, Branch.name, *_counts())
        .join(Store, Store.id == WorkItem.store_id)
        .join(Branch, Branch.id == Store.branch_id)
        .where(WorkItem.kind == WorkKind.FOLLOW_UP, WorkItem.due_at >= start, WorkItem.due_at < end)
        .group_by(Store.id, Store.name, Branch.name)
    )
    rows = [StoreProgress(*row) for row in _integers(session.execute(query), 3)]
    return sorted(rows, key=_worst_first)


def progress_by_associate(
    session: Session, store_id: int, start: datetime, end: datetime
) -> list[AssociateProgress]:
    """The same for the people of a store, without what the system does by itself."""
    by_system = exists().where(
        FollowUpTask.work_item_id == WorkItem.id, FollowUpTask.channel.in_(sorted(BY_THE_SYSTEM))
    )
    query = (
        select(Associate.id, Associate.name, *_counts())
        .join(Associate, Associate.id == WorkItem.assignee_id)
        .where(WorkItem.kind == WorkKind.FOLLOW_UP, WorkItem.store_id == store_id)
        .where(WorkItem.due_at >= start, WorkItem.due_at < end, ~by_system)
        .group_by(Associate.id, Associate.name)
    )
    rows = [AssociateProgress(*row) for row in _integers(session.execute(query), 2)]
    return sorted(rows, key=_worst_first)


def _counts() -> list[Any]:
    states = (WorkState.DONE, WorkState.OPEN, WorkState.EXPIRED, WorkState.CANCELLED)
    return [func.count(), *(func.sum(case((WorkItem.state == state, 1), else_=0)) for state in states)]


def _integers(rows: Any, names: int) -> list[tuple[Any, ...]]:
    return [(*row[:names], *(int(value) for value in row[names:])) for row in rows]


def _worst_first(row: StoreProgress | AssociateProgress) -> tuple[float, int]:
    to_do = row.opened - row.cancelled
    return (row.done / to_do if to_do else 1.0, -to_do)
