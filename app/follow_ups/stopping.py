"""What ends follow-ups from outside: a refund of everything bought, a newer purchase.

Callers hold the members' `member_care` rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of, upsert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import Waiting, anchor_of, step_record
from app.follow_ups.rules import Anchor, Verdict, due_at, restarts
from app.follow_ups.states import EnrollmentState, OnRepurchase, StepOutcome, StepReason
from app.orders.models import Order
from app.stores.queries import stores_by_id
from app.timers import TimerKey, clear_timers
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items


def cancel_refunded(session: Session, days: Collection[tuple[int, date]], now: datetime) -> None:
    """End the series of members' days (member, local date) of which nothing bought is left.

    Steps not yet due are recorded as cancelled, tasks still open are closed; what was done stays done.
    """
    gone = sorted(set(days) - _days_with_purchases(session, days))
    if not gone:
        return
    table = table_of(Enrollment)
    rows = session.execute(
        select(table).where(
            or_(*(and_(table.c.member_id == member_id, table.c.anchor_on == on) for member_id, on in gone)),
            table.c.state != EnrollmentState.CANCELLED,
        )
    ).all()
    known, stores = versions(session, {row.plan_version_id for row in rows}), stores_by_id(session)
    active = [row for row in rows if row.state == EnrollmentState.ACTIVE]
    clear_timers(session, [TimerKey(row.next_lane, row.next_due_at, row.id) for row in active])
    refunded = Verdict(StepOutcome.CANCELLED, StepReason.REFUNDED)
    records = [
        step_record(row.id, step, refunded, due_at(step, anchor_of(row), stores[row.store_id].hours), now)
        for row in active
        for step in known[row.plan_version_id].following(row.next_step_no - 1)
    ]
    insert_rows(session, StepRecord, records)
    ended = Waiting(None, None, None).columns() | {
        "state": EnrollmentState.CANCELLED,
        "ended_reason": StepReason.REFUNDED,
    }
    upsert_rows(session, Enrollment, [{**row._mapping, **ended} for row in active])
    _close_tasks(session, [row.id for row in rows], StepReason.REFUNDED, now)


def close_restarted_tasks(
    session: Session, version: Version, newer: Sequence[tuple[int, Anchor]], now: datetime
) -> None:
    """Close open tasks of restarting steps whose member has bought again on a later day: the new series asks anew."""
    bought: dict[int, list[Anchor]] = defaultdict(list)
    for member_id, anchor in newer:
        bought[member_id].append(anchor)
    restarting = {step.step_no: step for step in version.steps if step.on_repurchase is OnRepurchase.RESTART}
    if not bought or not restarting:
        return
    query = (
        select(Enrollment, FollowUpTask.step_no, WorkItem.id)
        .join(FollowUpTask, FollowUpTask.enrollment_id == Enrollment.id)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(
            WorkItem.member_id.in_(sorted(bought)),
            WorkItem.state == WorkState.OPEN,
            Enrollment.plan_id == version.plan_id,
            FollowUpTask.step_no.in_(sorted(restarting)),
        )
    )
    stopped = [
        item_id
        for row, step_no, item_id in session.execute(query)
        if any(restarts(restarting[step_no], anchor_of(row), anchor) for anchor in bought[row.member_id])
    ]
    close_items(session, stopped, WorkState.CANCELLED, StepReason.NEW_PURCHASE, now)


def _close_tasks(session: Session, enrollment_ids: Sequence[int], reason: StepReason, now: datetime) -> None:
    if not enrollment_ids:
        return
    query = select(FollowUpTask.work_item_id).where(FollowUpTask.enrollment_id.in_(sorted(enrollment_ids)))
    close_items(session, list(session.scalars(query)), WorkState.CANCELLED, reason, now)


def _days_with_purchases(session: Session, days: Collection[tuple[int, date]]) -> set[tuple[int, date]]:
    """Those of the days on which the member bought goods that were not all returned."""
    query = select(Order.member_id, Order.purchased_on).where(
        Order.member_id.in_(sorted({member_id for member_id, _ in days})),
        Order.purchased_on.in_(sorted({on for _, on in days})),
        Order.wholly_refunded.is_(False),
        Order.goods_fen > 0,
        Order.enrolls.is_(True),
    )
    return {(member_id, on) for member_id, on in session.execute(query) if member_id is not None}
