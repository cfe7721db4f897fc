"""Reconciliations that are kept: piece by piece, some members each, in the nights or when somebody asks.

A piece is thought out while nothing is locked and written together with where the run stands (`nightly`), so a run goes
on wherever a process died, in memory that does not grow with the number of members. The details of the newest two are
kept, of older ones the totals.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import add_to_rows, insert_rows, table_of
from app.follow_ups.bookkeeping.books import check_books
from app.follow_ups.reconciliation import members_after, quarantined_events
from app.follow_ups.reconciling.accounting import Accountant
from app.follow_ups.reconciling.doubts import Doubt, counted_as
from app.follow_ups.reconciling.models import (
    BY_JOURNEY,
    Reconciliation,
    ReconciliationCount,
    ReconciliationGap,
)
from app.follow_ups.reconciling.report import Became, Cell, Discrepancy, Fault, Pending, Report
from app.ids import new_id, new_ids
from app.members.models import Member
from app.nightly import Piece, next_night, set_due_now
from app.sealing import Keyring

JOB = "reconcile"
DETAILED, KEPT = 2, 30
# Days of these last months are counted one by one.
MONTHS = 2
# In real time: where business time is moved forward the nights of a year pass in minutes.
A_NIGHT = timedelta(hours=2)
STORES_AT_ONCE = 20
GAPS_AT_ONCE = 5_000
UNEXPLAINED, ALARM, DIFFERS = "unexplained", "alarm", "differs"


def ask_for_run(session: Session, by: int | None) -> Reconciliation:
    """Reconcile as soon as somebody works the nightly lane; one that waits or is under way already is the one."""
    under_way = current_run(session)
    if under_way is not None:
        return under_way
    run = Reconciliation(id=new_id(session), asked_at=clock.now(session), asked_by=by)
    session.add(run)
    session.flush()
    set_due_now(session, JOB)
    return run


def ask_after_journey(session: Session) -> Reconciliation | None:
    """One run for all the nights that a journey has passed since the last, or the first; None where it passed none.

    Each of a year's nights would otherwise account for everybody in turn, and who travels waits for that.
    """
    last = session.scalar(select(func.max(Reconciliation.asked_at)))
    if last is not None and next_night(last) > clock.now(session):
        return None
    return ask_for_run(session, BY_JOURNEY)


def next_piece(session: Session, cursor: str, keys: Keyring | None = None) -> Piece:
    """The next piece of the run that waits or is under way: a nightly job.

    The cursor is the last member accounted for, or which rest is being cleared away.
    """
    stage, _, number = cursor.partition(":")
    if stage == "clear":
        return _clear(session, int(number))
    run = current_run(session)
    if run is None and not _is_time(session):
        return Piece(lambda _: None, "", is_last=True)
    if run is None or run.began_at is None:
        return Piece(_begin, "after:0", is_last=False)
    after = int(number or 0)
    member_ids = members_after(session, after)
    if not member_ids:
        return _last(session, run)
    report = Report()
    Accountant(session, keys).account(session, member_ids, report)
    write = partial(_write, run_id=run.id, report=report, looked_at=len(member_ids), today=_today(session))
    return Piece(write, f"after:{member_ids[-1]}", is_last=False)


def current_run(session: Session) -> Reconciliation | None:
    """The run that waits or is under way."""
    query = select(Reconciliation).where(Reconciliation.finished_at.is_(None))
    return session.scalar(query.order_by(Reconciliation.id).limit(1))


def newest_run(session: Session) -> Reconciliation | None:
    """The newest run that has come to its end."""
    query = select(Reconciliation).where(Reconciliation.finished_at.is_not(None))
    return session.scalar(query.order_by(Reconciliation.id.desc()).limit(1))


def first_single_day(today: date) -> date:
    """From when on days are counted one by one; those before by month."""
    month = today.year * 12 + today.month - 1 - MONTHS
    return date(month // 12, month % 12 + 1, 1)


def _is_time(session: Session) -> bool:
    if clock.moment(session).target_at is not None:
        return False  # where the journey arrives there is one for all its nights
    last = session.scalar(select(func.max(Reconciliation.real_at)))
    return last is None or clock.real_now(session) - last >= A_NIGHT


def _begin(session: Session) -> None:
    now = clock.now(session)
    run = current_run(session)
    if run is None:
        run = Reconciliation(id=new_id(session), asked_at=now, asked_by=None)
        session.add(run)
    run.began_at, run.real_at = now, clock.real_now(session)
    run.members = session.scalar(select(func.count()).select_from(Member)) or 0
    session.flush()


def _write(session: Session, run_id: int, report: Report, looked_at: int, today: date) -> None:
    run = session.get_one(Reconciliation, run_id)
    run.looked_at += looked_at
    run.owed += report.owed
    run.missing += len(report.missing)
    run.unexplained += len(report.unexplained)
    run.alarms += len(report.alarms)
    run.differing += len(report.differs)
    run.trusted += report.unverifiable
    session.flush()
    _count(session, run_id, report, today)
    gaps = [
        *_faults(Became.MISSING, report.missing),
        *_faults(UNEXPLAINED, report.unexplained),
        *_faults(ALARM, report.alarms),
        *_faults(DIFFERS, report.differs),
        *map(_waits, report.pending),
    ]
    ids = new_ids(session, len(gaps))
    insert_rows(
        session,
        ReconciliationGap,
        [{"id": id_, "run_id": run_id, **gap} for id_, gap in zip(ids, gaps, strict=True)],
    )


def _count(session: Session, run_id: int, report: Report, today: date) -> None:
    steps: Counter[Cell] = Counter()
    trusted: Counter[Cell] = Counter()
    doubts: Counter[tuple[int, int, date, Doubt]] = Counter()
    for cell, number in report.cells.items():
        steps[_bucket(cell, today)] += number
    for (cell, doubt), number in report.trusted.items():
        counted = _bucket(cell, today)
        trusted[counted] += number
        if cell.became is not Became.TO_COME:
            doubts[counted.plan_id, counted.store_id, counted.due_on, doubt] += number
    rows = [
        {"run_id": run_id, **cell._asdict(), "steps": number, "trusted": trusted[cell]}
        for cell, number in sorted(steps.items())
    ]
    rows += [
        {
            "run_id": run_id,
            "plan_id": plan_id,
            "store_id": store_id,
            "due_on": due_on,
            "became": counted_as(doubt),
            "steps": 0,
            "trusted": number,
        }
        for (plan_id, store_id, due_on, doubt), number in sorted(doubts.items())
    ]
    add_to_rows(session, ReconciliationCount, rows)


def _bucket(cell: Cell, today: date) -> Cell:
    """Together with which it is counted: of its day, or of its month."""
    is_single = cell.due_on >= first_single_day(today) and cell.became is not Became.TO_COME
    return cell if is_single else cell._replace(due_on=cell.due_on.replace(day=1))


def _faults(kind: str, found: Iterable[Discrepancy]) -> Iterable[dict[str, Any]]:
    for one in found:
        yield {
            "kind": kind,
            "fault": str(one.fault),
            "plan_id": one.plan_id,
            "store_id": one.store_id,
            "due_on": one.due_on,
            "member_id": one.member_id,
            "anchor": one.kind,
            "anchor_on": one.on,
            "event": one.event,
            "step_no": one.step_no,
            "enrollment_id": one.enrollment_id,
            "work_item_id": one.item_id,
            "what": one.what[:255],
            "mended_at": None,
            "mended_by": None,
            "outcome": "",
        }


def _waits(one: Pending) -> dict[str, Any]:
    plan_id, store_id, due_on, became = one.cell
    found = Discrepancy(
        one.member_id,
        one.on,
        one.step_no,
        one.why,
        Fault.DIFFERS,
        plan_id,
        store_id,
        due_on,
        "",
        "",
        one.enrollment_id,
    )
    return {**next(iter(_faults(became, [found]))), "fault": ""}


def _last(session: Session, run: Reconciliation) -> Piece:
    books = {one.says: one.count for one in check_books(session) if one.count}
    events = quarantined_events(session)

    def finish(writing: Session) -> None:
        done = writing.get_one(Reconciliation, run.id)
        done.books, done.quarantined_events = json.dumps(books, ensure_ascii=False), events
        done.finished_at = clock.now(writing)
        writing.flush()

    return Piece(finish, "clear:0", is_last=False)


def _clear(session: Session, turn: int) -> Piece:
    """Clear away some details of runs that are not among the newest."""
    table = table_of(Reconciliation)
    ids = list(session.scalars(select(table.c.id).order_by(table.c.id.desc())))
    for run_id in ids[DETAILED:]:
        write = _rest_of(session, run_id)
        if write is not None:
            return Piece(write, f"clear:{turn + 1}", is_last=False)
    gone = delete(table).where(table.c.id.in_(ids[KEPT:]))
    return Piece(lambda writing: _run(writing, gone), "", is_last=True)


def _rest_of(session: Session, run_id: int) -> Any:
    gaps, counts = table_of(ReconciliationGap), table_of(ReconciliationCount)
    found = list(session.scalars(select(gaps.c.id).where(gaps.c.run_id == run_id).limit(GAPS_AT_ONCE)))
    if found:
        its = delete(gaps).where(gaps.c.id.in_(found))
        return lambda writing: _run(writing, its)
    query = select(counts.c.plan_id, counts.c.store_id).where(counts.c.run_id == run_id).distinct()
    cells = session.execute(query.order_by(counts.c.plan_id, counts.c.store_id).limit(STORES_AT_ONCE)).all()
    if not cells:
        return None
    plan_id = cells[0].plan_id
    of_plan = [store_id for plan, store_id in cells if plan == plan_id]
    of_stores = delete(counts).where(
        counts.c.run_id == run_id, counts.c.plan_id == plan_id, counts.c.store_id.in_(of_plan)
    )
    return lambda writing: _run(writing, of_stores)


def _run(session: Session, statement: Any) -> None:
    session.connection().execute(statement)


def _today(session: Session) -> date:
    at: datetime = clock.now(session)
    return at.date()
