"""Which series something has ended, as it stands in the tables now. Read only; `stopping` ends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.follow_ups.plans.documents import OnRefund
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.series.happened_since import (
    Day,
    days_with_purchases,
    days_with_refunds,
    last_happenings,
    opted_out,
)
from app.follow_ups.states import StepReason
from app.stores.queries import stores_by_id

OF_PURCHASES = "purchase:"


def ended_by(session: Session, rows: Sequence[Any]) -> dict[int, StepReason]:
    """Those of these series (rows of `enrollments`), by id, that something has ended, with the reason: the first in the
    order in which they are looked for. A few statements however many series.
    """
    reasons: dict[int, StepReason] = {}
    for find in (_unwanted, _of_closed_plans, _refunded, _followed):
        left = [row for row in rows if row.id not in reasons]
        reasons |= find(session, left) if left else {}
    return reasons


def begun_before(
    session: Session, rows: Sequence[Any], happened: Mapping[int, datetime], reason: StepReason
) -> list[Any]:
    """Those of the series that began before this happened to their member (member → when).

    What was bought on one day is one anchor: a purchase comes after no series of its own day's purchases.
    """
    stores = stores_by_id(session, {row.store_id for row in rows})

    def is_before(row: Any) -> bool:
        at = happened.get(row.member_id)
        if at is None or reason is not StepReason.BOUGHT or not row.anchor_event.startswith(OF_PURCHASES):
            return at is not None and row.anchor_at < at
        on: date = row.anchor_on
        return on < stores[row.store_id].hours.local_date(at)

    return [row for row in rows if is_before(row)]


def came_back(known: Mapping[int, Version], rows: Sequence[Any], left: Collection[Day]) -> list[Any]:
    """Those of these series of purchases, of which something came back, that end by that as their plans ask.

    `left` are the days on which something bought is left.
    """
    return [
        row
        for row in rows
        if known[row.plan_version_id].stops.refund is OnRefund.PART
        or (
            known[row.plan_version_id].stops.refund is OnRefund.WHOLE
            and (row.member_id, row.anchor_on) not in left
        )
    ]


def _unwanted(session: Session, rows: Sequence[Any]) -> dict[int, StepReason]:
    unwanted = opted_out(session, {row.member_id for row in rows})
    return {row.id: StepReason.OPTED_OUT for row in rows if row.member_id in unwanted}


def _of_closed_plans(session: Session, rows: Sequence[Any]) -> dict[int, StepReason]:
    force = in_force(session)
    closed = (row for row in rows if force.version_id(row.plan_id, row.store_id) is None)
    return {row.id: StepReason.PLAN_ENDED for row in closed}


def _refunded(session: Session, rows: Sequence[Any]) -> dict[int, StepReason]:
    bought = [row for row in rows if row.anchor_event.startswith(OF_PURCHASES)]
    days = days_with_refunds(session, {(row.member_id, row.anchor_on) for row in bought}) if bought else set()
    concerned = [row for row in bought if (row.member_id, row.anchor_on) in days]
    if not concerned:
        return {}
    known = versions(session, {row.plan_version_id for row in concerned})
    gone = came_back(known, concerned, days_with_purchases(session, days))
    return {row.id: StepReason.REFUNDED for row in gone}


def _followed(session: Session, rows: Sequence[Any]) -> dict[int, StepReason]:
    reasons: dict[int, StepReason] = {}
    for version in versions(session, {row.plan_version_id for row in rows}).values():
        its = [row for row in rows if row.plan_version_id == version.id]
        last = last_happenings(session, sorted({row.member_id for row in its}), version.stops)
        for reason, happened in last.items():
            for row in begun_before(session, its, happened, reason):
                reasons.setdefault(row.id, reason)
    return reasons
