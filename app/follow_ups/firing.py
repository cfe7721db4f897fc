"""Firing: a due timer becomes a step record and, where the step still makes sense, a task; exactly once.

One transaction takes a batch of due timers together with the `member_care` rows of their members, skipping members
somebody else is busy with, looks at everything as it is *now*, and writes what follows, including the next timer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError, NoResultFound
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, insert_rows, table_of, upsert_rows
from app.failpoints import failpoint
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.opening import Opening, open_tasks
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.records import Waiting, anchor_of, next_waiting, step_record
from app.follow_ups.rules import (
    Anchor,
    Relative,
    Step,
    Verdict,
    due_at,
    on_firing,
    opening_reason,
    valid_until,
)
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason
from app.lanes import Deadline, Progress
from app.members.models import MemberCare
from app.stores.queries import StoreFacts, stores_by_id
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers

BATCH = 200
# SQLite's other writers wait for the whole transaction: keep it near 20 ms.
SQLITE_BATCH = 40
# What one row can bring about by what it says; anything else is not that row's fault.
UNFIRABLE = (LookupError, ValueError, TypeError, ArithmeticError, NoResultFound, DataError, IntegrityError)

log = structlog.get_logger(__name__)


def fire_due(database: Database, lane: Lane, deadline: Deadline) -> Progress:
    """Fire what is due in a lane until nothing is or the time is up; safe in any number of processes.

    A batch that fails is taken in smaller bites down to the one enrollment that cannot be fired, which is
    quarantined with its reason; the others go on. Raises `DBAPIError` where the database is the trouble.
    """
    full = size = SQLITE_BATCH if database.is_sqlite else BATCH
    done = 0
    while not deadline.has_passed():
        work = (
            partial(fire_batch, lane=lane, size=size) if size > 1 else partial(fire_or_quarantine, lane=lane)
        )
        try:
            fired = database.in_transaction(work)
        except UNFIRABLE:
            size //= 2
            continue
        done += fired
        if fired < size:
            return Progress(done, more=False)
        size = min(full, size * 2)
    return Progress(done, more=True)


def fire_batch(session: Session, lane: Lane, size: int) -> int:
    """Fire at most `size` due timers; returns how many were taken."""
    now = clock.now(session)
    due = _take_due(session, lane, size, now)
    if not due:
        return 0
    clear_timers(session, due)
    fired = _current(session, due)
    if fired:
        _fire(session, fired, now)
    return len(due)


def fire_or_quarantine(session: Session, lane: Lane) -> int:
    """Fire the first due timer, or set its enrollment aside: state and reason say so, no timer is left."""
    now = clock.now(session)
    due = _take_due(session, lane, 1, now)
    if not due:
        return 0
    clear_timers(session, due)
    try:
        with session.begin_nested():
            _fire(session, _current(session, due), now)
    except UNFIRABLE as error:
        (key,) = due
        aside = Waiting(None, None, None).columns() | {
            "state": EnrollmentState.QUARANTINED,
            "ended_reason": type(error).__name__[:32],
        }
        table = table_of(Enrollment)
        session.connection().execute(update(table).where(table.c.id == key.subject_id).values(**aside))
        log.error("enrollment_quarantined", enrollment_id=key.subject_id, error=type(error).__name__)
    return 1


def _take_due(session: Session, lane: Lane, size: int, now: datetime) -> list[TimerKey]:
    query = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .join(MemberCare, MemberCare.member_id == Timer.member_id)
        .where(Timer.lane == str(lane), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return [TimerKey(*row) for row in session.execute(query)]


@dataclass(slots=True)
class _Fired:
    """An enrollment whose timer went off, with everything its verdict depends on."""

    row: Any
    version: Version
    store: StoreFacts

    @property
    def anchor(self) -> Anchor:
        return anchor_of(self.row)

    @property
    def step(self) -> Step:
        return self.version.step(self.row.next_step_no)


def _current(session: Session, due: Sequence[TimerKey]) -> list[_Fired]:
    """The enrollments that still wait for exactly this timer, oldest due and oldest anchor first."""
    table = table_of(Enrollment)
    wanted = {key.subject_id: key for key in due}
    rows = session.execute(select(table).where(table.c.id.in_(sorted(wanted)))).all()
    known, stores = versions(session, {row.plan_version_id for row in rows}), stores_by_id(session)
    current = [
        _Fired(row, known[row.plan_version_id], stores[row.store_id])
        for row in rows
        if row.state == EnrollmentState.ACTIVE
        and (row.next_lane, row.next_due_at) == (wanted[row.id].lane, wanted[row.id].due_at)
    ]
    return sorted(current, key=lambda fired: (fired.row.next_due_at, fired.row.anchor_on, fired.row.id))


def _fire(session: Session, fired: Sequence[_Fired], now: datetime) -> None:
    family = _Family(session, fired)
    records: list[dict[str, Any]] = []
    openings: list[Opening] = []
    for item in fired:
        step, anchor, hours = item.step, item.anchor, item.store.hours
        due = due_at(step, anchor, hours)
        verdict = on_firing(step, anchor, hours, family.relatives(item), now)
        if verdict is None:
            verdict = Verdict(StepOutcome.OPENED, opening_reason(due, now))
            openings.append(
                Opening(item.row, step, item.version, item.store, due, valid_until(step, anchor, hours))
            )
        family.remember(item, verdict)
        records.append(step_record(item.row.id, step, verdict, due, now))
    _link_tasks(records, open_tasks(session, openings, now))
    failpoint("fire.opened")
    insert_rows(session, StepRecord, records)
    _advance(session, fired, now)


def _link_tasks(records: Sequence[dict[str, Any]], opened: dict[int, int | None]) -> None:
    """Name the task each opened step got; where nobody could be asked the step is skipped instead."""
    for record in records:
        if record["outcome"] is not StepOutcome.OPENED:
            continue
        record["task_id"] = opened[record["enrollment_id"]]
        if record["task_id"] is None:
            record["outcome"], record["reason"] = StepOutcome.SKIPPED, StepReason.NOBODY_TO_ASK


def _advance(session: Session, fired: Sequence[_Fired], now: datetime) -> None:
    rows, records, timers = [], [], []
    for item in fired:
        row, hours = item.row, item.store.hours
        rest = item.version.following(row.next_step_no)
        waits, passed = next_waiting(rest, item.anchor, hours, enrolled_at=row.enrolled_at, now=now)
        records += [
            step_record(row.id, step, verdict, due_at(step, item.anchor, hours), now)
            for step, verdict in passed
        ]
        rows.append({**row._mapping, **waits.columns()})
        if waits.lane and waits.due_at:
            timers.append((TimerKey(waits.lane, waits.due_at, row.id), row.member_id))
    insert_rows(session, StepRecord, records)
    upsert_rows(session, Enrollment, rows)
    set_timers(session, timers)


class _Family:
    """All live series of the members at hand, so that a step can see what other purchases ask of the same member."""

    def __init__(self, session: Session, fired: Sequence[_Fired]) -> None:
        table = table_of(Enrollment)
        members = sorted({item.row.member_id for item in fired})
        query = select(table).where(
            table.c.member_id.in_(members), table.c.state != EnrollmentState.CANCELLED
        )
        self._series: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for row in session.execute(query):
            self._series[row.member_id, row.plan_id].append(row)
        rows = [row for series in self._series.values() if len(series) > 1 for row in series]
        self._versions = versions(session, {row.plan_version_id for row in rows})
        self._stores = stores_by_id(session)
        self._verdicts = _verdicts(session, [row.id for row in rows])

    def relatives(self, item: _Fired) -> list[Relative]:
        """The same kind of step of the member's other series."""
        found = []
        for row in self._series[item.row.member_id, item.row.plan_id]:
            if row.id == item.row.id:
                continue
            anchor = anchor_of(row)
            for step in self._versions[row.plan_version_id].steps:
                if step.kind == item.step.kind:
                    due = due_at(step, anchor, self._stores[row.store_id].hours)
                    found.append(Relative(anchor, due, self._verdicts.get((row.id, step.step_no))))
        return found

    def remember(self, item: _Fired, verdict: Verdict) -> None:
        """Let later steps of this batch see what was just decided."""
        self._verdicts[item.row.id, item.step.step_no] = verdict


def _verdicts(session: Session, enrollment_ids: Sequence[int]) -> dict[tuple[int, int], Verdict]:
    if not enrollment_ids:
        return {}
    table = table_of(StepRecord)
    rows = session.execute(select(table).where(table.c.enrollment_id.in_(sorted(enrollment_ids))))
    return {
        (row.enrollment_id, row.step_no): Verdict(StepOutcome(row.outcome), StepReason(row.reason))
        for row in rows
    }
