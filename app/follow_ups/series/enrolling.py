"""Putting members into plans when they buy. Callers hold the members' `member_care` rows.

A local day of purchases is one anchor event, `purchase:DAY`. A plan's rule is asked with every purchase, over all of
that day's purchases and the member as they are then: a second one of the day that makes it hold brings them in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from app.db import any_of, is_among, table_of, update_rows
from app.follow_ups.fact_sources import DAY_TERMS, facts_of_days
from app.follow_ups.facts import criterion_of
from app.follow_ups.models import Enrollment
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import OpenPlan, Version, get_version, open_plans
from app.follow_ups.records import next_waiting
from app.follow_ups.rules import Anchor
from app.follow_ups.series.ending import OF_PURCHASES
from app.follow_ups.series.entering import Entry, enter, whose_rule_holds
from app.follow_ups.series.stopping import stop_for
from app.follow_ups.states import EnrollmentState, StepReason
from app.orders.models import Order
from app.stores.queries import StoreFacts
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.attention import Budget, read_budget

Day = tuple[int, date]
SERIES = table_of(Enrollment)
SERIES_OF_DAYS = (
    select(SERIES)
    .where(
        any_of(SERIES.c.member_id, "members"),
        SERIES.c.anchor_on.in_(bindparam("days", expanding=True)),
        SERIES.c.anchor_event.startswith(OF_PURCHASES, autoescape=True),
    )
    .order_by(SERIES.c.id)
)


@dataclass(frozen=True, slots=True)
class AnchorPurchase:
    """A purchase of goods by a known member."""

    member_id: int
    store: StoreFacts
    anchor: Anchor

    @property
    def day(self) -> Day:
        """The day of purchases it belongs to."""
        return self.member_id, self.anchor.on


def enroll(session: Session, purchases: Sequence[AnchorPurchase], now: datetime) -> None:
    """Enroll each member once per plan and local day of purchase, and end what a purchase ends.

    A purchase of a day that is enrolled already changes nothing, but for an earlier one of the same day: minutes
    then count from it, as they would had the two arrived in order.
    """
    if not purchases:
        return
    last = {one.member_id: one.anchor.at for one in sorted(purchases, key=lambda one: one.anchor.at)}
    stop_for(session, last, StepReason.BOUGHT, now)
    days, budget = _first_of_day(purchases), read_budget(session)
    series = _series_of(session, days)
    for plan in open_plans(session, {TriggerKind.PURCHASE}):
        _enroll_in(session, plan, days, series.get(plan.plan_id, {}), budget, now)


def _enroll_in(
    session: Session,
    plan: OpenPlan,
    days: Mapping[Day, AnchorPurchase],
    known: Mapping[Day, Sequence[Any]],
    budget: Budget,
    now: datetime,
) -> None:
    # By id: a version's hash is that of its whole document.
    fresh: dict[int, tuple[Version, list[AnchorPurchase]]] = {}
    for day, purchase in days.items():
        version = plan.version_for(purchase.store.id)
        if version is not None and not any(map(_counts, known.get(day, ()))):
            fresh.setdefault(version.id, (version, []))[1].append(purchase)
    for version, its in fresh.values():
        entries = [_entry(purchase, len(known.get(purchase.day, ()))) for purchase in its]
        if version.trigger.condition:
            entries = _whose_rule_holds(session, version, entries, now)
        enter(session, version, entries, budget, now)
    live = {day: row for day, rows in known.items() for row in rows if row.state != EnrollmentState.CANCELLED}
    _count_from_earlier(session, live, days, now)


def _first_of_day(purchases: Sequence[AnchorPurchase]) -> dict[Day, AnchorPurchase]:
    days: dict[Day, AnchorPurchase] = {}
    for purchase in purchases:
        key = purchase.day
        if key not in days or purchase.anchor.at < days[key].anchor.at:
            days[key] = purchase
    return dict(sorted(days.items()))


def _counts(row: Any) -> bool:
    """A day that was brought back is a new one when the member buys again; one that ended otherwise stays ended."""
    return bool(row.state != EnrollmentState.CANCELLED or row.ended_reason != StepReason.REFUNDED)


def _series_of(session: Session, days: Mapping[Day, AnchorPurchase]) -> dict[int, dict[Day, list[Any]]]:
    """The series these days of purchases have brought about so far, oldest first, by plan."""
    asked = {"members": {member_id for member_id, _ in days}, "days": sorted({on for _, on in days})}
    found: dict[int, dict[Day, list[Any]]] = {}
    for row in session.connection().execute(SERIES_OF_DAYS, asked):
        found.setdefault(row.plan_id, {}).setdefault((row.member_id, row.anchor_on), []).append(row)
    return found


def _entry(purchase: AnchorPurchase, earlier: int) -> Entry:
    """`purchase:DAY`; the second series of a day whose first was refunded is `purchase:DAY:2`, and so on."""
    event = f"{OF_PURCHASES}{purchase.anchor.on.isoformat()}" + (f":{earlier + 1}" if earlier else "")
    return Entry(purchase.member_id, purchase.store, purchase.anchor, event, {})


def _whose_rule_holds(
    session: Session, version: Version, entries: Sequence[Entry], now: datetime
) -> list[Entry]:
    """Minutes count from the day's first purchase, whichever of them made the rule hold."""
    days = [(entry.member_id, entry.anchor.on) for entry in entries]
    needs = criterion_of(version.trigger.condition).terms & DAY_TERMS
    told = facts_of_days(session, days) if needs else {}
    first = _first_purchases(session, days)
    nothing = dict.fromkeys(DAY_TERMS)
    return whose_rule_holds(
        session,
        version,
        [
            replace(entry, anchor=first.get(day, entry.anchor), told=told.get(day, nothing) if needs else {})
            for entry, day in zip(entries, days, strict=True)
        ],
        now,
    )


def _first_purchases(session: Session, days: Collection[Day]) -> dict[Day, Anchor]:
    its = or_(*(and_(Order.member_id == member_id, Order.purchased_on == on) for member_id, on in days))
    query = (
        select(Order.member_id, Order.purchased_on, Order.purchased_at, Order.time_known)
        .where(its, Order.goods_fen > 0, Order.enrolls.is_(True), Order.wholly_refunded.is_(False))
        .order_by(Order.purchased_at.desc(), Order.id.desc())
    )
    return {
        (member_id, on): Anchor(at, on, time_known)
        for member_id, on, at, time_known in session.execute(query)
        if member_id is not None
    }


def _count_from_earlier(
    session: Session, live: Mapping[Day, Any], days: Mapping[Day, AnchorPurchase], now: datetime
) -> None:
    its = {
        row.id: days[key] for key, row in live.items() if key in days and days[key].anchor.at < row.anchor_at
    }
    changed, old_timers, new_timers = [], [], []
    for row in _in_minutes(session, its):
        day = its[row.id]
        anchor = replace(day.anchor, time_known=row.time_known)
        steps = get_version(session, row.plan_version_id).following(row.next_step_no - 1)
        waits, _ = next_waiting(steps, anchor, day.store.hours, enrolled_at=now, now=now)
        if waits.step_no != row.next_step_no or waits.lane is None or waits.due_at is None:
            continue  # too late for the minutes already: the step keeps its instant
        changed.append({"id": row.id, "anchor_at": anchor.at, "next_due_at": waits.due_at})
        old_timers.append(TimerKey(row.next_lane, row.next_due_at, row.id))
        new_timers.append((TimerKey(waits.lane, waits.due_at, row.id), row.member_id))
    clear_timers(session, old_timers)
    update_rows(session, Enrollment, changed)
    set_timers(session, new_timers)


def _in_minutes(session: Session, enrollment_ids: Collection[int]) -> Sequence[Any]:
    """Those that wait for minutes to pass, as they are now: entering another plan may have ended or resumed them."""
    if not enrollment_ids:
        return ()
    mine = is_among(SERIES.c.id, enrollment_ids) & (SERIES.c.next_lane == str(Lane.MINUTES))
    return session.connection().execute(select(SERIES).where(mine).order_by(SERIES.c.id)).all()
