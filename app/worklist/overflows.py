"""Reading what was more than people could do: how much of it in which store, and what became of each piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from app.associates.models import Associate
from app.members.models import Member
from app.stores.models import Store
from app.worklist.models import Overflow, OverflowKind, WorkItem

ROWS = 100


@dataclass(frozen=True, slots=True)
class StoreOverflow:
    """How many tasks of a store were too many in a span of time, by what became of them."""

    store_id: int
    store_name: str
    moved: int
    postponed: int
    called: int
    dropped: int


@dataclass(frozen=True, slots=True)
class OverflowView:
    """One task that was too much: whose, about whom, what it was worth, and where it went."""

    member_id: int
    member_name: str
    title: str
    rank: int
    associate_name: str
    kind: OverflowKind
    decided_at: datetime
    to_name: str | None
    until: datetime | None


def overflow_by_store(session: Session, start: datetime, end: datetime) -> list[StoreOverflow]:
    """Stores in which people had too much from `start` to before `end`, those that dropped most first."""
    counts = [func.sum(case((Overflow.kind == kind, 1), else_=0)) for kind in OverflowKind]
    query = (
        select(Store.id, Store.name, *counts)
        .join(Overflow, Overflow.store_id == Store.id)
        .where(*_between(start, end))
        .group_by(Store.id, Store.name)
    )
    rows = [StoreOverflow(row[0], row[1], *map(int, row[2:])) for row in session.execute(query)]
    return sorted(rows, key=lambda row: (-row.dropped, -row.postponed, -row.moved, row.store_id))


def overflows_of(
    session: Session, start: datetime, end: datetime, store_id: int, kind: OverflowKind, page: int = 1
) -> list[OverflowView]:
    """A page of them, the most valuable first; pages count from 1."""
    return _views(session, [*_between(start, end), *_its(store_id, kind)], ROWS, (page - 1) * ROWS)


def _views(
    session: Session, conditions: Sequence[ColumnElement[bool]], most: int, offset: int = 0
) -> list[OverflowView]:
    whose, to = aliased(Associate), aliased(Associate)
    query = (
        select(Overflow, WorkItem.member_id, Member.name, WorkItem.title, whose.name, to.name)
        .join(WorkItem, WorkItem.id == Overflow.work_item_id)
        .join(Member, Member.id == WorkItem.member_id)
        .join(whose, whose.id == Overflow.associate_id)
        .outerjoin(to, to.id == Overflow.to_id)
        .where(*conditions)
        .order_by(Overflow.rank.desc(), Overflow.decided_at, Overflow.work_item_id)
    )
    return [_view(row) for row in session.execute(query.limit(most).offset(offset))]


def overflows_of_person(
    session: Session, associate_id: int, start: datetime, end: datetime, most: int = ROWS
) -> list[OverflowView]:
    """What was too much for one person from `start` to before `end`, the most valuable first."""
    return _views(session, [*_between(start, end), Overflow.associate_id == associate_id], most)


def count_overflows_of_person(
    session: Session, associate_id: int, start: datetime, end: datetime
) -> dict[OverflowKind, int]:
    """How many those are, by what became of them."""
    query = select(Overflow.kind, func.count()).where(
        *_between(start, end), Overflow.associate_id == associate_id
    )
    return {OverflowKind(kind): number for kind, number in session.execute(query.group_by(Overflow.kind))}


def count_overflows(
    session: Session, start: datetime, end: datetime, store_id: int, kind: OverflowKind
) -> int:
    """How many those are."""
    query = select(func.count()).select_from(Overflow)
    return session.scalars(query.where(*_between(start, end), *_its(store_id, kind))).one()


def _between(start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    return [Overflow.decided_at >= start, Overflow.decided_at < end]


def _its(store_id: int, kind: OverflowKind) -> list[ColumnElement[bool]]:
    return [Overflow.store_id == store_id, Overflow.kind == kind]


def _view(row: Any) -> OverflowView:
    overflow, member_id, member_name, title, whose, to = row
    return OverflowView(
        member_id=member_id,
        member_name=member_name,
        title=title,
        rank=overflow.rank,
        associate_name=whose,
        kind=OverflowKind(overflow.kind),
        decided_at=overflow.decided_at,
        to_name=to,
        until=overflow.until,
    )
