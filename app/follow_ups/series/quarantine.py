"""Enrollments set aside because a step could not be fired: which they are, and letting them go on.

Firing sets them aside (firing.fire_or_quarantine) and writes nothing else of the step, so that it can be fired again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of, upsert_rows
from app.follow_ups.models import Enrollment, PlanVersion, StepRecord
from app.follow_ups.plans.versions import get_version
from app.follow_ups.records import anchor_of, next_waiting, step_record
from app.follow_ups.rules import due_at
from app.follow_ups.series.stopping import last_settled, recheck
from app.follow_ups.states import EnrollmentState
from app.members.service import lock_members
from app.stores.queries import stores_by_id
from app.timers import TimerKey, set_timers


@dataclass(frozen=True, slots=True)
class SetAside:
    """An enrollment in quarantine, and the step at which it stopped."""

    id: int
    member_id: int
    anchor_on: date
    step_no: int
    reason: str
    enrolled_at: datetime


def set_aside(session: Session) -> list[SetAside]:
    """Every enrollment in quarantine, oldest first."""
    every_version = list(session.scalars(select(PlanVersion.id)))  # the index begins with it
    rows = (
        session.execute(
            select(Enrollment)
            .where(
                Enrollment.plan_version_id.in_(every_version), Enrollment.state == EnrollmentState.QUARANTINED
            )
            .order_by(Enrollment.id)
        )
        .scalars()
        .all()
    )
    passed = last_settled(session, [row.id for row in rows])
    return [
        SetAside(
            row.id,
            row.member_id,
            row.anchor_on,
            passed.get(row.id, 0) + 1,
            row.ended_reason,
            row.enrolled_at,
        )
        for row in rows
    ]


def put_back(session: Session, enrollment_id: int) -> bool:
    """Let an enrollment go on at the step it stopped at, due now; False where it is not, or no longer, set aside.

    What happened meanwhile counts: where the plan is in force no more, the member wants none, or one of the things the
    plan ends by is known, it ends instead.
    """
    known = session.get(Enrollment, enrollment_id)
    if known is None:
        return False
    lock_members(session, [known.member_id])
    table = table_of(Enrollment)
    mine = (table.c.id == enrollment_id) & (table.c.state == EnrollmentState.QUARANTINED)
    row = session.execute(select(table).where(mine)).one_or_none()
    if row is None:
        return False
    now = clock.now(session)
    _go_on(session, row, now)
    recheck(session, [row.id], now)
    return True


def _go_on(session: Session, row: Any, now: datetime) -> None:
    version = get_version(session, row.plan_version_id)
    hours = stores_by_id(session, {row.store_id})[row.store_id].hours
    anchor = anchor_of(row)
    rest = version.following(last_settled(session, [row.id]).get(row.id, 0))
    waits, over = next_waiting(rest, anchor, hours, enrolled_at=row.enrolled_at, now=now)
    records = [step_record(row.id, step, verdict, due_at(step, anchor, hours), now) for step, verdict in over]
    insert_rows(session, StepRecord, records)
    upsert_rows(session, Enrollment, [{**row._mapping, **waits.columns(), "ended_reason": ""}])
    if waits.lane and waits.due_at:
        set_timers(session, [(TimerKey(waits.lane, waits.due_at, row.id), row.member_id)])
