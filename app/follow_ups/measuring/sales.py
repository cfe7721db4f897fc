"""The ledger of attributed purchases by month: to whom, to which script, and the entries behind each sum.

A refund is taken back in the month in which it is booked; a closed month is never rewritten (attributing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.follow_ups.measuring.attributing import OF_A_PURCHASE
from app.follow_ups.measuring.measured import main_currency_stores
from app.follow_ups.measuring.models import Attribution
from app.follow_ups.measuring.results import Attributed
from app.follow_ups.states import Evidence
from app.members.models import Member

ROWS = 50
IS_PURCHASE = Attribution.refund_id == OF_A_PURCHASE


@dataclass(frozen=True, slots=True)
class Booked:
    """Entries booked to a plan from the first to before the second day, by tasks with one of these proofs."""

    plan_id: int
    start: date
    end: date
    evidence: tuple[Evidence, ...] = tuple(Evidence)
    associate_id: int | None = None
    step_kind: str | None = None
    script_code: str | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one associate's, or one script's, tasks have a share in."""

    key: tuple[Any, ...]
    name: str
    sold: Attributed


@dataclass(frozen=True, slots=True)
class EntryView:
    """One entry of the ledger."""

    member_id: int
    member_name: str
    associate_name: str
    step_kind: str
    script_code: str
    evidence: Evidence
    booked_on: date
    is_refund: bool
    share_ppm: int
    amount_fen: int


def total_of(session: Session, booked: Booked) -> Attributed:
    """All of it."""
    return _attributed(session.execute(select(*_sums()).where(*_its(session, booked))).one())


def by_associate(session: Session, booked: Booked, page: int = 1) -> tuple[list[Share], int]:
    """A page of the associates, who kept most first, and how many there are."""
    its = _its(session, booked)
    query = (
        select(Attribution.associate_id, Associate.name, *_sums())
        .outerjoin(Associate, Associate.id == Attribution.associate_id)
        .where(*its)
        .group_by(Attribution.associate_id, Associate.name)
        .order_by(func.sum(Attribution.amount_fen).desc(), Attribution.associate_id)
    )
    rows = session.execute(query.limit(ROWS).offset((page - 1) * ROWS))
    number = session.scalar(select(func.count(Attribution.associate_id.distinct())).where(*its)) or 0
    return [Share((row[0],), row[1] or "", _attributed(row[2:])) for row in rows], number


def by_script(session: Session, booked: Booked) -> list[Share]:
    """The steps' scripts, what brought most first; "" is a task without one."""
    columns = (Attribution.step_kind, Attribution.script_code)
    query = select(*columns, *_sums()).where(*_its(session, booked)).group_by(*columns)
    rows = session.execute(query.order_by(func.sum(Attribution.amount_fen).desc(), *columns))
    return [Share((row[0], row[1]), row[1], _attributed(row[2:])) for row in rows]


def entries(session: Session, booked: Booked, page: int = 1) -> list[EntryView]:
    """A page of the entries, the latest first."""
    query: Select[*tuple[Any, ...]] = (
        select(Attribution, Member.name, Associate.name)
        .outerjoin(Member, Member.id == Attribution.member_id)
        .outerjoin(Associate, Associate.id == Attribution.associate_id)
        .where(*_its(session, booked))
        .order_by(
            Attribution.booked_on.desc(), Attribution.order_id, Attribution.refund_id, Attribution.task_id
        )
    )
    rows = session.execute(query.limit(ROWS).offset((page - 1) * ROWS))
    return [
        EntryView(
            entry.member_id,
            member_name or "",
            associate_name or "",
            entry.step_kind,
            entry.script_code,
            Evidence(entry.evidence),
            entry.booked_on,
            entry.refund_id != OF_A_PURCHASE,
            entry.share_ppm,
            entry.amount_fen,
        )
        for entry, member_name, associate_name in rows
    ]


def count_entries(session: Session, booked: Booked) -> int:
    """How many those are."""
    return session.scalar(select(func.count()).select_from(Attribution).where(*_its(session, booked))) or 0


def _sums() -> tuple[ColumnElement[Any], ...]:
    return (
        func.count(case((IS_PURCHASE, Attribution.order_id)).distinct()),
        func.sum(case((IS_PURCHASE, Attribution.amount_fen), else_=0)),
        func.sum(case((IS_PURCHASE, 0), else_=-Attribution.amount_fen)),
        func.sum(Attribution.pieces_milli),
    )


def _attributed(row: Sequence[Any]) -> Attributed:
    return Attributed(*(int(value or 0) for value in row))


def _its(session: Session, booked: Booked) -> list[ColumnElement[bool]]:
    conditions = [
        Attribution.plan_id == booked.plan_id,
        Attribution.booked_on >= booked.start,
        Attribution.booked_on < booked.end,
    ]
    if len(booked.evidence) < len(Evidence):
        conditions.append(Attribution.evidence.in_(booked.evidence))
    stores = main_currency_stores(session)
    if stores is not None:
        conditions.append(Attribution.store_id.in_(sorted(stores)))
    if booked.associate_id is not None:
        conditions.append(Attribution.associate_id == booked.associate_id)
    if booked.step_kind is not None:
        conditions += [
            Attribution.step_kind == booked.step_kind,
            Attribution.script_code == (booked.script_code or ""),
        ]
    return conditions
