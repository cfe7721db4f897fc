"""Uplift, funnel and headline from what the nights counted: a few statements, however many members there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.follow_ups.measuring.arms import HELD_OUT, TREATED, Against, StoreArm
from app.follow_ups.measuring.following import ANY_PLAN
from app.follow_ups.measuring.headline import Reach, headline
from app.follow_ups.measuring.models import ArmResult, ArmSpan
from app.follow_ups.measuring.results import Count, Funnel, Measured, Months, Reached, Sums
from app.follow_ups.measuring.uplift import Uplift, measure_uplift
from app.follow_ups.states import Arm
from app.stores.models import Store

LATEST_START = 28
COUNTS = ("members", "buyers", "pieces", "pieces_squared", "fen", "fen_squared")


def against(plan_id: int) -> Against:
    """A plan is compared with its own hold-out, all plans together with those held out of everything."""
    return Against.EVERYTHING if plan_id == ANY_PLAN else Against.PLAN


def measure(session: Session, months: Months) -> Measured | None:
    """What the follow-ups brought to members who entered in these months; None where none is counted yet."""
    span = counted_span(session, months)
    rows = store_arms(session, months)
    if span is None or not rows:
        return None
    whom = against(months.plan_id)
    uplift = _uplift(rows, main_currency_stores(session), whom)
    compared = [row for row in rows if row.per_mille]
    return Measured(
        *span,
        funnel=_funnel(session, months),
        uplift=uplift,
        headline=headline(uplift, _reach(session, rows, span, whom)),
        treated=_sums(row for row in compared if row.arm in TREATED[whom]),
        held_out=_sums(row for row in compared if row.arm is HELD_OUT[whom]),
    )


def store_arms(session: Session, months: Months) -> list[StoreArm]:
    """Members by store, arm and share."""
    sums = [func.sum(getattr(ArmResult, name)) for name in COUNTS]
    cell = (ArmResult.store_id, ArmResult.arm, ArmResult.per_mille)
    query = _within(select(*cell, *sums), months).group_by(*cell).order_by(*cell)
    return [
        StoreArm(store_id, Arm(arm), per_mille, *(int(value) for value in values))
        for store_id, arm, per_mille, *values in session.execute(query)
    ]


def counted_span(session: Session, months: Months) -> tuple[date, date] | None:
    """Between which days those entered who are counted; None where nobody is."""
    row = session.get(ArmSpan, (months.plan_id, months.window_days))
    if row is None:
        return None
    first, last = max(row.first_on, months.first), min(row.last_on, _end_of(months.last))
    return (first, last) if first <= last else None


def main_currency_stores(session: Session) -> frozenset[int] | None:
    """The stores that sell in what most stores sell in; None where all do. Amounts are never summed over currencies."""
    currencies = dict(session.execute(select(Store.id, Store.currency)).all())
    if len(set(currencies.values())) <= 1:
        return None
    ((main, _),) = Counter(currencies.values()).most_common(1)
    return frozenset(store_id for store_id, currency in currencies.items() if currency == main)


def _sums(rows: Iterable[StoreArm]) -> Sums:
    its = list(rows)
    return Sums(
        sum(row.members for row in its),
        sum(row.buyers for row in its),
        sum(row.pieces for row in its),
        sum(row.fen for row in its),
    )


def _uplift(rows: Sequence[StoreArm], stores: frozenset[int] | None, whom: Against) -> Uplift:
    of_money = [row for row in rows if stores is None or row.store_id in stores]
    return measure_uplift(rows, whom, of_money=of_money)


def _funnel(session: Session, months: Months) -> Funnel:
    sums = [func.sum(getattr(ArmResult, name)) for name in ("members", "replied", "buyers")]
    query = _within(select(ArmResult.arm, ArmResult.reached, *sums), months)
    counts: Mapping[tuple[Arm, Reached], Count] = {
        (Arm(arm), Reached(reached)): Count(int(members), int(replied), int(buyers))
        for arm, reached, members, replied, buyers in session.execute(
            query.group_by(ArmResult.arm, ArmResult.reached)
        )
    }
    return Funnel(counts)


def _reach(session: Session, rows: Iterable[StoreArm], span: tuple[date, date], whom: Against) -> Reach:
    """Associates are those who work in the stores now, one at least: how many there were is not kept."""
    treated = [row for row in rows if row.arm in TREATED[whom]]
    stores = sorted({row.store_id for row in treated})
    query = select(func.count()).where(
        Associate.store_id.in_(stores), Associate.role == Role.ASSOCIATE, Associate.ended_at.is_(None)
    )
    return Reach(
        treated_members=sum(row.members for row in treated),
        associates=max(1, session.scalar(query) or 0),
        days=(span[1] - span[0]).days + 1,
    )


def _within(query: Select[*tuple[Any, ...]], months: Months) -> Select[*tuple[Any, ...]]:
    its: list[ColumnElement[bool]] = [
        ArmResult.plan_id == months.plan_id,
        ArmResult.window_days == months.window_days,
        ArmResult.entered_in >= months.first,
        ArmResult.entered_in <= months.last,
    ]
    return query.where(*its)


def _end_of(month: date) -> date:
    """The last day of the month that begins then."""
    later = month.replace(day=LATEST_START) + timedelta(days=4)
    return later.replace(day=1) - timedelta(days=1)
