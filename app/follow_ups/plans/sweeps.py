"""Which local day a plan of the calendar looks for members next: rows of `plan_sweeps` and their timers.

The day begins when it begins in the first of the chain's time zones: before any store opens, and in the others a few
hours early, which moves nothing, because steps fall due by the clock of each member's own store. What a day brings is
decided by local dates of those stores. A day that was missed is swept late, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.models import PlanSweep, PlanVersion
from app.follow_ups.plans.documents import CALENDAR
from app.follow_ups.plans.reading import read_document
from app.ids import new_id
from app.stores.models import Store
from app.timers import Lane, TimerKey, clear_timers, set_timers

A_DAY = timedelta(days=1)
# Of a chain without a store.
USUAL_ZONE = "Asia/Shanghai"


def settle_sweeps(session: Session, plan_id: int, version_ids: Collection[int], now: datetime) -> None:
    """Begin looking today where one of the versions in force is entered by the calendar, otherwise look no more.

    Repeating it changes nothing. A plan that was withdrawn and comes back goes on with the day it comes back on.
    """
    waiting = session.scalars(
        select(PlanSweep)
        .where(PlanSweep.plan_id == plan_id, PlanSweep.next_due_at.is_not(None))
        .with_for_update()
    ).all()
    if not _is_of_calendar(session, version_ids):
        for sweep in waiting:
            clear_timers(session, [_timer(sweep)])
            sweep.next_due_at = None
        session.flush()
    elif not waiting:
        _begin(session, plan_id, today(session, now), now)


def follow(session: Session, sweep: PlanSweep) -> None:
    """Set the sweep of the day after a finished one."""
    _begin(session, sweep.plan_id, sweep.sweep_on + A_DAY, None)


def go_on(session: Session, sweep: PlanSweep, now: datetime) -> None:
    """Look for the members of a day that was given up, where the plan looks for nobody else meanwhile."""
    others = select(PlanSweep.id).where(
        PlanSweep.plan_id == sweep.plan_id, PlanSweep.next_due_at.is_not(None)
    )
    if session.scalar(others.limit(1)) is None:
        _begin(session, sweep.plan_id, sweep.sweep_on, now)


def today(session: Session, now: datetime) -> date:
    """The newest local date in any of the chain's time zones."""
    return max(now.astimezone(zone).date() for zone in zones(session))


def zones(session: Session) -> list[ZoneInfo]:
    """The time zones in which the chain has stores."""
    names = session.scalars(select(Store.time_zone).distinct()).all()
    return [ZoneInfo(name) for name in sorted(names)] or [ZoneInfo(USUAL_ZONE)]


def next_look(session: Session, plan_id: int, now: datetime) -> date:
    """On which day a plan would look next that is released now: today, or the day after the last it is done with."""
    its = PlanSweep.plan_id == plan_id
    waiting = session.scalar(
        select(PlanSweep.sweep_on).where(its, PlanSweep.next_due_at.is_not(None)).limit(1)
    )
    if waiting is not None:
        return waiting
    on = today(session, now)
    done = select(PlanSweep.sweep_on).where(its, PlanSweep.sweep_on >= on, PlanSweep.finished_at.is_not(None))
    last = session.scalar(done.order_by(PlanSweep.sweep_on.desc()).limit(1))
    return on if last is None else last + A_DAY


def begins_at(session: Session, on: date) -> datetime:
    """When a day begins in the first of the chain's time zones."""
    return min(datetime.combine(on, time(), zone).astimezone(UTC) for zone in zones(session))


def _begin(session: Session, plan_id: int, on: date, now: datetime | None) -> None:
    same_day = (PlanSweep.plan_id == plan_id) & (PlanSweep.sweep_on == on)
    sweep = session.scalar(select(PlanSweep).where(same_day))
    if sweep is not None and sweep.finished_at is not None:
        _begin(session, plan_id, on + A_DAY, now)
        return
    if sweep is None:
        sweep = PlanSweep(
            id=new_id(session),
            plan_id=plan_id,
            sweep_on=on,
            cursor=0,
            looked_at=0,
            enrolled=0,
            finished_at=None,
        )
        session.add(sweep)
    begins = begins_at(session, on)
    sweep.next_due_at = begins if now is None else max(begins, now)
    session.flush()
    set_timers(session, [(_timer(sweep), None)])


def _timer(sweep: PlanSweep) -> TimerKey:
    assert sweep.next_due_at is not None
    return TimerKey(Lane.SWEEP, sweep.next_due_at, sweep.id)


def _is_of_calendar(session: Session, version_ids: Collection[int]) -> bool:
    rows = session.scalars(select(PlanVersion.document).where(PlanVersion.id.in_(sorted(version_ids))))
    return any(read_document(json.loads(document)).trigger.kind in CALENDAR for document in rows)
