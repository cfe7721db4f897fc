"""What ends follow-ups from outside: a refund, a newer purchase, a reply, opting out… Each plan says which of these do.

Callers hold the members' `member_care` rows, so a series that is ended here is not firing at the same time: whichever
took the row first has decided, and the records say which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.db import insert_rows, is_among, table_of, upsert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, PlanVersion, StepRecord
from app.follow_ups.plans.documents import OnRefund, Stops
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import Waiting, anchor_of, step_record
from app.follow_ups.rules import Anchor, Verdict, due_at, restarts
from app.follow_ups.states import EnrollmentState, OnRepurchase, StepOutcome, StepReason
from app.orders.models import Order
from app.stores.queries import stores_by_id
from app.timers import TimerKey, clear_timers
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

OF_PURCHASES = "purchase:"
# Which plans a happening ends. Opting out ends all of them.
STOPPED_BY: Mapping[StepReason, Callable[[Stops], bool]] = {
    StepReason.BOUGHT: lambda stops: stops.purchase,
    StepReason.REPLIED: lambda stops: stops.reply,
    StepReason.UNFRIENDED: lambda stops: stops.unfriend,
    StepReason.HANDED_OVER: lambda stops: stops.hand_over,
    StepReason.OPTED_OUT: lambda stops: True,
}


def stop_series(session: Session, rows: Sequence[Any], reason: StepReason, now: datetime) -> None:
    """End these series (rows of `enrollments`): the one way to do so.

    Steps not yet due are recorded as cancelled and timers cleared; tasks that are open are closed, those of series that
    have run out too. What was done stays done; what ended before stays as it ended. Everything carries the reason.
    """
    active = [row for row in rows if row.state == EnrollmentState.ACTIVE]
    known = versions(session, {row.plan_version_id for row in active})
    stores = stores_by_id(session, {row.store_id for row in active})
    clear_timers(session, [TimerKey(row.next_lane, row.next_due_at, row.id) for row in active])
    verdict = Verdict(StepOutcome.CANCELLED, reason)
    records = [
        step_record(row.id, step, verdict, due_at(step, anchor_of(row), stores[row.store_id].hours), now)
        for row in active
        for step in known[row.plan_version_id].following(row.next_step_no - 1)
    ]
    insert_rows(session, StepRecord, records)
    ended = Waiting(None, None, None).columns() | {
        "state": EnrollmentState.CANCELLED,
        "ended_reason": reason,
        "waiting_for": "",
    }
    upsert_rows(session, Enrollment, [{**row._mapping, **ended} for row in active])
    _close_tasks(session, [row.id for row in rows if row.state != EnrollmentState.CANCELLED], reason, now)


def stop_for(session: Session, happened: Mapping[int, datetime], reason: StepReason, now: datetime) -> None:
    """End the members' series that began before this happened to them (member → when), of plans that it ends.

    `reason` is one of `STOPPED_BY`.
    """
    ending = _versions_ended_by(session, reason)
    if not ending or not happened:
        return
    table = table_of(Enrollment)
    query = select(table).where(
        table.c.member_id.in_(sorted(happened)),
        table.c.plan_version_id.in_(sorted(ending)),
        table.c.state != EnrollmentState.CANCELLED,
    )
    stop_begun_before(session, session.execute(query).all(), happened, reason, now)


def stop_begun_before(
    session: Session, rows: Sequence[Any], happened: Mapping[int, datetime], reason: StepReason, now: datetime
) -> list[Any]:
    """End those of the series that began before this happened to their member; returns the others.

    What was bought on one day is one anchor: a purchase ends no series of its own day's purchases.
    """
    stores = stores_by_id(session, {row.store_id for row in rows})

    def is_before(row: Any) -> bool:
        at = happened.get(row.member_id)
        if at is None or reason is not StepReason.BOUGHT or not row.anchor_event.startswith(OF_PURCHASES):
            return at is not None and row.anchor_at < at
        on: date = row.anchor_on
        return on < stores[row.store_id].hours.local_date(at)

    stop_series(session, [row for row in rows if is_before(row)], reason, now)
    return [row for row in rows if not is_before(row)]


def stop_refunded(
    session: Session,
    days: Collection[tuple[int, date]],
    now: datetime,
    *,
    in_part: Collection[tuple[int, date]] = (),
) -> None:
    """End the series of members' days (member, local date) of purchases that came back, as their plans ask.

    `days`: on which a purchase came back wholly; a series that ends with the whole day ends where nothing bought that
    day is left. `in_part`: on which anything came back at all.
    """
    concerned = sorted({*days, *in_part})
    if not concerned:
        return
    left = _days_with_purchases(session, concerned)
    table = table_of(Enrollment)
    its_day = (and_(table.c.member_id == member_id, table.c.anchor_on == on) for member_id, on in concerned)
    query = select(table).where(
        or_(*its_day),
        table.c.anchor_event.startswith(OF_PURCHASES, autoescape=True),
        table.c.state != EnrollmentState.CANCELLED,
    )
    rows = session.execute(query).all()
    known = versions(session, {row.plan_version_id for row in rows})
    gone = [
        row
        for row in rows
        if known[row.plan_version_id].stops.refund is OnRefund.PART
        or (
            known[row.plan_version_id].stops.refund is OnRefund.WHOLE
            and (row.member_id, row.anchor_on) not in left
        )
    ]
    stop_series(session, gone, StepReason.REFUNDED, now)


def cancel_refunded(session: Session, days: Collection[tuple[int, date]], now: datetime) -> None:
    """End the series of members' days of purchases of which nothing is left."""
    stop_refunded(session, set(days), now)


def stop_plan(session: Session, plan_id: int, members: Iterable[int], now: datetime) -> int:
    """End these members' series of a plan that headquarters withdrew; returns how many were under way."""
    table = table_of(Enrollment)
    query = select(table).where(
        table.c.member_id.in_(sorted(members)),
        table.c.plan_id == plan_id,
        table.c.state != EnrollmentState.CANCELLED,
    )
    rows = session.execute(query).all()
    stop_series(session, rows, StepReason.PLAN_ENDED, now)
    return sum(row.state == EnrollmentState.ACTIVE for row in rows)


def members_under_way(session: Session, plan_id: int, *, after: int, limit: int) -> list[int]:
    """Some members with a series of the plan that waits for a step, by id from behind `after`."""
    ours = select(PlanVersion.id).where(PlanVersion.plan_id == plan_id)
    query = (
        select(Enrollment.member_id)
        .where(
            Enrollment.plan_version_id.in_(list(session.scalars(ours))),
            Enrollment.state == EnrollmentState.ACTIVE,
            Enrollment.member_id > after,
        )
        .distinct()
        .order_by(Enrollment.member_id)
        .limit(limit)
    )
    return list(session.scalars(query))


def close_restarted_tasks(
    session: Session, version: Version, newer: Sequence[tuple[int, Anchor]], now: datetime
) -> None:
    """Close open tasks of restarting steps whose member has a newer anchor of a later day: that series asks anew."""
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
            is_among(table_of(WorkItem).c.member_id, bought),
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


def _versions_ended_by(session: Session, reason: StepReason) -> set[int]:
    known = versions(session, session.scalars(select(PlanVersion.id)))
    return {version.id for version in known.values() if STOPPED_BY[reason](version.stops)}


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
