"""What ends follow-ups from outside: a refund, a newer purchase, a reply, opting out… Each plan says which of these do.

Callers hold the members' `member_care` rows, so a series that is ended here is not firing at the same time: whichever
took the row first has decided, and the records say which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.db import any_of, insert_rows, is_among, table_of, upsert_rows
from app.follow_ups.firing.merging import ask_again, stop_served
from app.follow_ups.models import Enrollment, FollowUpTask, PlanVersion, StepRecord
from app.follow_ups.plans.documents import Stops
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import Waiting, anchor_of, step_record
from app.follow_ups.rules import Anchor, Verdict, due_at, restarts
from app.follow_ups.series.ending import OF_PURCHASES, begun_before, came_back, ended_by
from app.follow_ups.series.happened_since import days_with_purchases, last_happenings
from app.follow_ups.states import EnrollmentState, OnRepurchase, StepOutcome, StepReason
from app.stores.queries import stores_by_id
from app.timers import TimerKey, clear_timers
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

SERIES, TASKS, ITEMS = table_of(Enrollment), table_of(FollowUpTask), table_of(WorkItem)
OPEN_OF_PLAN = (
    select(
        SERIES.c.member_id,
        SERIES.c.anchor_at,
        SERIES.c.anchor_on,
        SERIES.c.time_known,
        TASKS.c.step_no,
        ITEMS.c.id.label("item_id"),
    )
    .join(TASKS, TASKS.c.enrollment_id == SERIES.c.id)
    .join(ITEMS, ITEMS.c.id == TASKS.c.work_item_id)
    .where(
        any_of(ITEMS.c.member_id, "members"),
        ITEMS.c.state == WorkState.OPEN,
        SERIES.c.plan_id == bindparam("plan"),
    )
)
# What has steps left that nothing has become of yet.
UNDER_WAY = (EnrollmentState.ACTIVE, EnrollmentState.QUARANTINED)
# Which plans a happening ends. Opting out ends all of them.
STOPPED_BY: Mapping[StepReason, Callable[[Stops], bool]] = {
    StepReason.BOUGHT: lambda stops: stops.purchase,
    StepReason.REPLIED: lambda stops: stops.reply,
    StepReason.UNFRIENDED: lambda stops: stops.unfriend,
    StepReason.HANDED_OVER: lambda stops: stops.hand_over,
    StepReason.OPTED_OUT: lambda stops: True,
}


def stop_series(session: Session, rows: Sequence[Any], reason: StepReason, now: datetime) -> None:
    """End these series (rows of `enrollments`), those in quarantine too: the one way to do so.

    Steps not settled yet are recorded as cancelled and timers cleared, those as well that an open task of another
    series was to do; tasks that are open are closed, those of series that have run out too. What was done stays done;
    what ended before stays as it ended: a series that has run out, with nothing left to be done for it by another's
    task, is finished. Everything carries the reason. Steps of other series that such a task served as well are asked
    about again (`merging`).
    """
    unserved = stop_served(
        session, [row.id for row in rows if row.state != EnrollmentState.CANCELLED], reason, now
    )
    ending = [row for row in rows if row.state in UNDER_WAY]
    known = versions(session, {row.plan_version_id for row in ending})
    stores = stores_by_id(session, {row.store_id for row in ending})
    timers = [TimerKey(row.next_lane, row.next_due_at, row.id) for row in ending if row.next_due_at]
    clear_timers(session, timers)
    passed = last_settled(session, [row.id for row in ending if row.next_step_no is None])
    verdict = Verdict(StepOutcome.CANCELLED, reason)
    records = [
        step_record(row.id, step, verdict, due_at(step, anchor_of(row), stores[row.store_id].hours), now)
        for row in ending
        for step in known[row.plan_version_id].following(
            passed.get(row.id, 0) if row.next_step_no is None else row.next_step_no - 1
        )
    ]
    insert_rows(session, StepRecord, records)
    ended = Waiting(None, None, None).columns() | {
        "state": EnrollmentState.CANCELLED,
        "ended_reason": reason,
        "waiting_for": "",
    }
    ending += [row for row in rows if row.state == EnrollmentState.FINISHED and row.id in unserved]
    upsert_rows(session, Enrollment, [{**row._mapping, **ended} for row in ending])
    closed = _close_tasks(
        session, [row.id for row in rows if row.state != EnrollmentState.CANCELLED], reason, now
    )
    if reason is not StepReason.OPTED_OUT:
        resumed = ask_again(session, closed, {row.id for row in rows}, now)
        recheck(session, resumed, now)


def recheck(session: Session, enrollment_ids: Collection[int], now: datetime) -> None:
    """End those of the series that something has ended while they were not under way: nothing reached them then."""
    if not enrollment_ids:
        return
    table = table_of(Enrollment)
    rows = session.execute(select(table).where(table.c.id.in_(sorted(enrollment_ids)))).all()
    reasons = ended_by(session, rows)
    for reason in dict.fromkeys(reasons.values()):
        its = sorted(row_id for row_id, why in reasons.items() if why is reason)
        # Ending some may have taken up others again.
        stop_series(session, session.execute(select(table).where(table.c.id.in_(its))).all(), reason, now)


def stop_by_what_followed(
    session: Session, version: Version, enrollment_ids: Collection[int], now: datetime
) -> None:
    """End those of these series that are of the version and that something told earlier has ended already."""
    stops = version.stops
    if not (stops.purchase or stops.reply or stops.unfriend or stops.hand_over):
        return
    table = table_of(Enrollment)
    its = (table.c.plan_version_id == version.id) & is_among(table.c.id, enrollment_ids)
    rows = session.execute(select(table).where(its)).all()
    last = last_happenings(session, sorted({row.member_id for row in rows}), stops)
    for reason, happened in last.items():
        rows = stop_begun_before(session, rows, happened, reason, now)


def last_settled(session: Session, enrollment_ids: Collection[int]) -> dict[int, int]:
    """By series the last step of which a record says what became of it; they are written in order."""
    if not enrollment_ids:
        return {}
    table = table_of(StepRecord)
    query = select(table.c.enrollment_id, func.max(table.c.step_no)).group_by(table.c.enrollment_id)
    return dict(session.execute(query.where(table.c.enrollment_id.in_(sorted(enrollment_ids)))).all())


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
    """End those of the series that began before this happened to their member (`begun_before`); returns the others."""
    before = begun_before(session, rows, happened, reason)
    stop_series(session, before, reason, now)
    gone = {row.id for row in before}
    return [row for row in rows if row.id not in gone]


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
    left = days_with_purchases(session, concerned)
    table = table_of(Enrollment)
    its_day = (and_(table.c.member_id == member_id, table.c.anchor_on == on) for member_id, on in concerned)
    query = select(table).where(
        or_(*its_day),
        table.c.anchor_event.startswith(OF_PURCHASES, autoescape=True),
        table.c.state != EnrollmentState.CANCELLED,
    )
    rows = session.execute(query).all()
    known = versions(session, {row.plan_version_id for row in rows})
    gone = came_back(known, rows, left)
    stop_series(session, gone, StepReason.REFUNDED, now)


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
    return sum(row.state in UNDER_WAY for row in rows)


def members_under_way(session: Session, plan_id: int, *, after: int, limit: int) -> list[int]:
    """Some members with a series of the plan that has steps left, by id from behind `after`."""
    ours = select(PlanVersion.id).where(PlanVersion.plan_id == plan_id)
    query = (
        select(Enrollment.member_id)
        .where(
            Enrollment.plan_version_id.in_(list(session.scalars(ours))),
            Enrollment.state.in_(UNDER_WAY),
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
    asked = {"members": bought, "plan": version.plan_id}
    stopped = [
        row.item_id
        for row in session.connection().execute(OPEN_OF_PLAN, asked)
        if row.step_no in restarting
        and any(restarts(restarting[row.step_no], anchor_of(row), anchor) for anchor in bought[row.member_id])
    ]
    closed = close_items(session, stopped, WorkState.CANCELLED, StepReason.NEW_PURCHASE, now)
    recheck(session, ask_again(session, closed, (), now), now)


def _versions_ended_by(session: Session, reason: StepReason) -> set[int]:
    known = versions(session, in_force(session).ever)
    return {version.id for version in known.values() if STOPPED_BY[reason](version.stops)}


def _close_tasks(
    session: Session, enrollment_ids: Sequence[int], reason: StepReason, now: datetime
) -> list[int]:
    if not enrollment_ids:
        return []
    query = select(FollowUpTask.work_item_id).where(FollowUpTask.enrollment_id.in_(sorted(enrollment_ids)))
    return close_items(session, list(session.scalars(query)), WorkState.CANCELLED, reason, now)
