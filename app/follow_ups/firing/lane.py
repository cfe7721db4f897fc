"""Firing: a due timer becomes a step record and, where the step still makes sense, a task; exactly once.

One transaction takes a batch of due timers together with the `member_care` rows of their members, skipping members
somebody else is busy with, looks at everything as it is *now* (`deciding` says in which order), and writes what
follows, including the next timer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from app import clock
from app.aside import UNDOABLE, Errors, alone
from app.db import Database, insert_rows, table_of, update_rows
from app.failpoints import failpoint
from app.follow_ups.firing.asking import Answers, ask
from app.follow_ups.firing.deciding import (
    LATE_AFTER,
    Wait,
    before_asking,
    or_give_way,
    waits_behind,
    why_opened,
)
from app.follow_ups.firing.falling_due import Batch, DueTimer, Fallen, read_batch, take_due
from app.follow_ups.firing.merging import follow
from app.follow_ups.firing.opening import PROMPT, open_tasks
from app.follow_ups.models import Enrollment, StepRecord
from app.follow_ups.records import Waiting, lane_of, next_waiting, step_record
from app.follow_ups.rules import Verdict, due_at
from app.follow_ups.states import EnrollmentState, StepReason
from app.lanes import Deadline, Progress
from app.orders.value import Tiers, tiers_of_today
from app.timers import Lane, TimerKey, clear_taken, set_timers
from app.worklist.attention import Budget, Pauses, read_budget, read_pauses
from app.worklist.models import WorkState
from app.worklist.service import close_items

# Their members are locked until all of them are done, so that is what a tap on one of them waits at the longest. [M] On
# two cores with twice as much to do: 160 to 210 ms, of 800 up to 360 ms for the same time per step, of 300 120 to 170.
BATCH = 500
# SQLite's other writers wait for the whole transaction: keep it near 20 ms.
SQLITE_BATCH = 40

log = structlog.get_logger(__name__)


def fire_due(database: Database, lane: Lane, deadline: Deadline) -> Progress:
    """Fire what is due in a lane until nothing is or the time is up; safe in any number of processes.

    A batch that fails is taken in smaller bites down to the one enrollment that cannot be fired, which is
    quarantined with its reason; the others go on. Raises `DBAPIError` where the database is the trouble.
    """
    # Counting takes seconds where members are millions: steps due in minutes do not wait for it.
    tiers = tiers_of_today(database, may_count=lane is Lane.DAYS)
    full = size = SQLITE_BATCH if database.is_sqlite else BATCH
    done, last = 0, None
    while not deadline.has_passed():
        try:
            if size > 1:
                fired = database.in_transaction(
                    partial(fire_batch, lane=lane, size=size, tiers=tiers, after=last)
                )
            else:
                fired = alone(database, partial(fire_or_quarantine, lane=lane, tiers=tiers, after=last))
        except UNDOABLE:
            if size == 1:  # not what a row says: nothing smaller could be set aside
                raise
            size //= 2
            continue
        done += len(fired)
        if len(fired) == size:
            last = fired[-1]
        elif last is None:
            return Progress(done, more=False)
        else:
            last = None  # whose members were busy before: they may be free by now
        size = min(full, size * 2)
    return Progress(done, more=True)


def fire_batch(
    session: Session, lane: Lane, size: int, tiers: Tiers, after: DueTimer | None = None
) -> list[DueTimer]:
    """Fire at most `size` due timers after this one; returns them, none while headquarters has paused everything."""
    now, budget = clock.now(session), read_budget(session)
    due = [] if budget.paused_at else _take(session, lane, size, now, after)
    if due:
        clear_taken(session, due)
        _fire(session, due, budget, tiers, now)
    return due


def fire_or_quarantine(
    session: Session, undoable: Errors, lane: Lane, tiers: Tiers, after: DueTimer | None = None
) -> list[DueTimer]:
    """Fire the first due timer, or, for an `undoable` error, set its enrollment aside: state and reason say so."""
    now, budget = clock.now(session), read_budget(session)
    due = [] if budget.paused_at else _take(session, lane, 1, now, after)
    if not due:
        return []
    clear_taken(session, due)
    try:
        with session.begin_nested():
            _fire(session, due, budget, tiers, now)
    except undoable as error:
        aside = Waiting(None, None, None).columns() | {
            "state": EnrollmentState.QUARANTINED,
            "ended_reason": type(error).__name__[:32],
        }
        table = table_of(Enrollment)
        session.connection().execute(update(table).where(table.c.id == due[0].subject_id).values(**aside))
        log.error("enrollment_quarantined", enrollment_id=due[0].subject_id, error=type(error).__name__)
    return due


def _take(session: Session, lane: Lane, size: int, now: datetime, after: DueTimer | None) -> list[DueTimer]:
    """Of the minutes what can still be prompt goes first: what an outage left behind is late already."""
    if lane is not Lane.MINUTES:
        return take_due(session, lane, size, now, after)
    late_until = DueTimer(lane, now - PROMPT, 0, 0, has_opted_out=False)
    prompt = take_due(session, lane, size, now, late_until)
    if after is not None and after.due_at > late_until.due_at:
        after = None  # one of the prompt: it says nothing of the late
    return [*prompt, *take_due(session, lane, size - len(prompt), late_until.due_at, after)]


def _fire(session: Session, due: Sequence[DueTimer], budget: Budget, tiers: Tiers, now: datetime) -> None:
    batch = read_batch(session, due, now)
    if not batch.fallen:
        return
    pauses = _pauses(session, batch, now)
    held = _hold(batch, budget, pauses, now)
    rest = [item for item in batch.fallen if item.id not in held]
    answers = ask(session, rest, batch.conditions, budget, tiers, now)
    opened = (one.fallen for one in answers.openings)
    verdicts = held | answers.held | {one.id: why_opened(one.case, budget, pauses, now) for one in opened}
    _write(session, batch.fallen, verdicts, answers, now)
    close_items(session, list(answers.replaced), WorkState.CANCELLED, StepReason.SAME_DAY, now)
    follow(session, answers.replaced, now)
    open_tasks(session, answers.openings, batch.conditions, now)
    failpoint("fire.opened")


def _pauses(session: Session, batch: Batch, now: datetime) -> Pauses:
    """Those that may be why one of the steps is late, or over; nothing is read where none is."""
    late = [item.case.due for item in batch.fallen if now - item.case.due > LATE_AFTER]
    return read_pauses(session, min(late), now) if late else Pauses()


def _hold(batch: Batch, budget: Budget, pauses: Pauses, now: datetime) -> dict[int, Verdict | Wait]:
    """What becomes of steps whoever could be asked, by enrollment; the others open as soon as somebody can be."""
    held: dict[int, Verdict | Wait] = {}
    for item in batch.fallen:
        found = before_asking(item.case, batch.family.relatives(item), budget, pauses, now)
        if found is not None:
            held[item.id] = found
        if isinstance(found, Verdict):
            batch.family.remember(item, found)
    return held


def _write(
    session: Session,
    fallen: Sequence[Fallen],
    verdicts: Mapping[int, Verdict | Wait],
    answers: Answers,
    now: datetime,
) -> None:
    """The step records, and what each enrollment waits for now."""
    tasks = answers.task_ids(session)
    rows, records, timers = [], [], []
    for item in fallen:
        verdict = verdicts[item.id]
        if isinstance(verdict, Wait):
            later = item.version.following(item.row.next_step_no)
            verdict = or_give_way(verdict, item.case, later, item.row.enrolled_at, now)
        if isinstance(verdict, Wait):
            lane = lane_of(verdict.gives_way_to or item.step)
            waits = Waiting(item.step.step_no, lane, verdict.until, verdict.reason)
        else:
            record = step_record(item.id, item.step, verdict, item.case.due, now)
            records.append(record | {"task_id": tasks.get(item.id)})
            waits, passed = _next(item, now)
            records += passed
        rows.append({"id": item.id, **waits.columns()})
        if waits.lane and waits.due_at:
            timers.append((TimerKey(waits.lane, waits.due_at, item.id), item.member_id))
    insert_rows(session, StepRecord, records)
    update_rows(session, Enrollment, rows)
    set_timers(session, timers)


def _next(item: Fallen, now: datetime) -> tuple[Waiting, list[dict[str, object]]]:
    """The next step that can open, and the records of those before it."""
    anchor, hours = item.case.anchor, item.case.hours
    rest = item.version.following(item.row.next_step_no)
    waits, passed = next_waiting(rest, anchor, hours, enrolled_at=item.row.enrolled_at, now=now)
    if waits.step_no:
        behind = waits_behind(item.case, due_at(item.version.step(waits.step_no), anchor, hours))
        waits = replace(waits, waiting_for=behind or "")
    records = [
        step_record(item.id, step, verdict, due_at(step, anchor, hours), now) for step, verdict in passed
    ]
    return waits, records
