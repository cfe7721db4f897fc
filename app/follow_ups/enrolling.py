"""Putting members into plans when they buy. Callers hold the members' `member_care` rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of, upsert_rows
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import Version, get_version, open_plans
from app.follow_ups.records import Waiting, next_waiting, step_record
from app.follow_ups.rules import Anchor, due_at
from app.follow_ups.states import Arm, EnrollmentState
from app.follow_ups.stopping import close_restarted_tasks
from app.ids import new_ids
from app.stores.queries import StoreFacts
from app.timers import Lane, TimerKey, clear_timers, set_timers


@dataclass(frozen=True, slots=True)
class AnchorPurchase:
    """A purchase of goods by a known member."""

    member_id: int
    store: StoreFacts
    anchor: Anchor


def enroll(session: Session, purchases: Sequence[AnchorPurchase], now: datetime) -> None:
    """Enroll each member once per local day of purchase; steps that can never open are recorded with their reason.

    A purchase of a day that is enrolled already changes nothing, but for an earlier one of the same day: minutes
    then count from it, as they would had the two arrived in order.
    """
    days = _first_of_day(purchases)
    known = _live_enrollments(session, days)
    for plan in open_plans(session, {TriggerKind.PURCHASE}):
        entering: dict[Version, list[AnchorPurchase]] = defaultdict(list)
        for key, day in days.items():
            version = plan.version_for(day.store.id)
            if version is not None and (plan.plan_id, *key) not in known:
                entering[version].append(day)
        for version, fresh in entering.items():
            _add(session, version, fresh, known, now)
            close_restarted_tasks(session, version, [(day.member_id, day.anchor) for day in fresh], now)
        _count_from_earlier(session, plan.plan_id, days, known, now)


def _first_of_day(purchases: Sequence[AnchorPurchase]) -> dict[tuple[int, date], AnchorPurchase]:
    days: dict[tuple[int, date], AnchorPurchase] = {}
    for purchase in purchases:
        key = (purchase.member_id, purchase.anchor.on)
        if key not in days or purchase.anchor.at < days[key].anchor.at:
            days[key] = purchase
    return dict(sorted(days.items()))


def _live_enrollments(
    session: Session, days: Mapping[tuple[int, date], AnchorPurchase]
) -> dict[tuple[int, int, date], Any]:
    """The newest enrollment of each of these days that was not cancelled, by (plan, member, day)."""
    table = table_of(Enrollment)
    query = select(table).where(
        table.c.member_id.in_(sorted({member_id for member_id, _ in days})),
        table.c.anchor_on.in_(sorted({on for _, on in days})),
        table.c.state != EnrollmentState.CANCELLED,
    )
    return {
        (row.plan_id, row.member_id, row.anchor_on): row
        for row in session.execute(query.order_by(table.c.id))
    }


def _add(
    session: Session,
    version: Version,
    days: Sequence[AnchorPurchase],
    known: Mapping[tuple[int, int, date], Any],
    now: datetime,
) -> None:
    rows, records, timers = [], [], []
    events = _anchor_events(session, version.plan_id, days)
    for enrollment_id, day, event in zip(new_ids(session, len(days)), days, events, strict=True):
        hours = day.store.hours
        waits, passed = next_waiting(version.steps, day.anchor, hours, enrolled_at=now, now=now)
        rows.append(_enrollment_row(enrollment_id, version, day, event, waits, now))
        records += [
            step_record(enrollment_id, step, verdict, due_at(step, day.anchor, hours), now)
            for step, verdict in passed
        ]
        if waits.lane and waits.due_at:
            timers.append((TimerKey(waits.lane, waits.due_at, enrollment_id), day.member_id))
    insert_rows(session, Enrollment, rows)
    insert_rows(session, StepRecord, records)
    set_timers(session, timers)


def _anchor_events(session: Session, plan_id: int, days: Sequence[AnchorPurchase]) -> list[str]:
    """`purchase:DAY`; the second series of a day whose first was refunded is `purchase:DAY:2`, and so on."""
    table = table_of(Enrollment)
    query = select(table.c.member_id, table.c.anchor_on).where(
        table.c.plan_id == plan_id,
        table.c.member_id.in_(sorted({day.member_id for day in days})),
        table.c.anchor_on.in_(sorted({day.anchor.on for day in days})),
    )
    taken: dict[tuple[int, date], int] = defaultdict(int)
    for member_id, on in session.execute(query) if days else ():
        taken[member_id, on] += 1
    counts = [taken[day.member_id, day.anchor.on] for day in days]
    return [
        f"purchase:{day.anchor.on.isoformat()}" + (f":{count + 1}" if count else "")
        for day, count in zip(days, counts, strict=True)
    ]


def _count_from_earlier(
    session: Session,
    plan_id: int,
    days: Mapping[tuple[int, date], AnchorPurchase],
    known: Mapping[tuple[int, int, date], Any],
    now: datetime,
) -> None:
    changed, old_timers, new_timers = [], [], []
    for key, day in days.items():
        row = known.get((plan_id, *key))
        if row is None or day.anchor.at >= row.anchor_at or row.next_lane != Lane.MINUTES:
            continue
        anchor = replace(day.anchor, time_known=row.time_known)
        steps = get_version(session, row.plan_version_id).following(row.next_step_no - 1)
        waits, _ = next_waiting(steps, anchor, day.store.hours, enrolled_at=now, now=now)
        if waits.step_no != row.next_step_no or waits.lane is None or waits.due_at is None:
            continue  # too late for the minutes already: the step keeps its instant
        changed.append({**row._mapping, "anchor_at": anchor.at, "next_due_at": waits.due_at})
        old_timers.append(TimerKey(row.next_lane, row.next_due_at, row.id))
        new_timers.append((TimerKey(waits.lane, waits.due_at, row.id), row.member_id))
    clear_timers(session, old_timers)
    upsert_rows(session, Enrollment, changed)
    set_timers(session, new_timers)


def _enrollment_row(
    enrollment_id: int, version: Version, day: AnchorPurchase, event: str, waits: Waiting, now: datetime
) -> dict[str, Any]:
    return {
        "id": enrollment_id,
        "plan_id": version.plan_id,
        "plan_version_id": version.id,
        "member_id": day.member_id,
        "store_id": day.store.id,
        "anchor_event": event,
        "anchor_at": day.anchor.at,
        "anchor_on": day.anchor.on,
        "time_known": day.anchor.time_known,
        "ended_reason": "",
        "enrolled_at": now,
        "arm": Arm.TREATED,
        "waiting_for": "",
        **waits.columns(),
    }
