"""The sweep lane: plans of the calendar put the members of a day into them, a chunk in each transaction.

A chunk takes the `member_care` rows of those it enrolls and moves the sweep's cursor, so a process that dies anywhere
loses nothing, and who comes next goes on behind it. An anchor event brings a member in once, so that looking twice
changes nothing.

A plan may be in force in different versions in different stores; each version looks for its own stores' members.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.failpoints import failpoint
from app.follow_ups.entering import Entry, enter, not_entered, whose_rule_holds
from app.follow_ups.models import PlanSweep
from app.follow_ups.plans.documents import CALENDAR
from app.follow_ups.plans.sweeps import follow
from app.follow_ups.plans.versions import OpenPlan, Version, open_plans
from app.follow_ups.rules import Anchor
from app.follow_ups.triggers.candidates import Chunk, Search, candidates
from app.lanes import Deadline, Progress
from app.members.models import Member
from app.members.service import lock_members
from app.sealing import Keyring
from app.stores.queries import stores_by_id
from app.timers import Lane, Timer, TimerKey, clear_timers
from app.worklist.attention import Budget, read_budget

CHUNK = 500
SQLITE_CHUNK = 100
MIDNIGHT = time()


def sweep_due(database: Database, keys: Keyring, deadline: Deadline) -> Progress:
    """Sweep what is due, chunk by chunk; safe in any number of processes. `done` counts chunks."""
    size = SQLITE_CHUNK if database.is_sqlite else CHUNK
    done = 0
    while not deadline.has_passed():
        if not database.in_transaction(lambda session: sweep_chunk(session, keys, size)):
            return Progress(done, more=False)
        done += 1
    return Progress(done, more=True)


def sweep_chunk(session: Session, keys: Keyring, size: int) -> bool:
    """One chunk of the sweep that has been due longest and nobody else is at; False where there is none."""
    now, budget = clock.now(session), read_budget(session)
    sweep = _take(session, now) if budget.paused_at is None else None
    if sweep is None:
        return False
    plan = next((one for one in open_plans(session, CALENDAR) if one.plan_id == sweep.plan_id), None)
    cursors = []
    for version in _versions(plan):
        chunk = candidates(session, version.trigger, Search(keys, sweep.sweep_on, sweep.cursor, size))
        cursors.append(chunk.cursor)
        entries = _entries(session, plan, version, chunk, sweep.sweep_on)
        sweep.looked_at += len(entries)
        sweep.enrolled += _enroll(session, version, entries, budget, now)
    failpoint("sweep.enrolled")
    _move_on(session, sweep, cursors, goes_on=plan is not None, now=now)
    return True


def _take(session: Session, now: datetime) -> PlanSweep | None:
    query = (
        select(PlanSweep)
        .join(Timer, (Timer.subject_id == PlanSweep.id) & (Timer.due_at == PlanSweep.next_due_at))
        .where(Timer.lane == str(Lane.SWEEP), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(1)
    )
    return session.scalar(query.with_for_update(skip_locked=True, of=PlanSweep))


def _versions(plan: OpenPlan | None) -> list[Version]:
    if plan is None:
        return []
    found = {version.id: version for version in (plan.everywhere, *plan.in_stores.values()) if version}
    return [found[version_id] for version_id in sorted(found)]


def _entries(
    session: Session, plan: OpenPlan | None, version: Version, chunk: Chunk, on: date
) -> list[Entry]:
    """Those found who belong to a store where this version is in force. Their day begins at midnight there."""
    if plan is None or not chunk.events:
        return []
    query = select(Member.id, Member.store_id).where(Member.id.in_(sorted(chunk.events)))
    rows = session.execute(query.order_by(Member.id)).all()
    stores = stores_by_id(session, {row.store_id for row in rows})
    found = []
    for member_id, store_id in rows:
        if plan.version_for(store_id) is version:
            anchor = Anchor(stores[store_id].hours.at(on, MIDNIGHT), on, time_known=False)
            found.append(Entry(member_id, stores[store_id], anchor, chunk.events[member_id], {}))
    return found


def _enroll(
    session: Session, version: Version, entries: Sequence[Entry], budget: Budget, now: datetime
) -> int:
    fresh = not_entered(session, version.plan_id, entries)
    coming = {entry.member_id for entry in whose_rule_holds(session, version, fresh, now)}
    if not coming:
        return 0
    # Once their rows are held, what decides is asked again: it may have changed until then.
    lock_members(session, coming)
    held = [entry for entry in fresh if entry.member_id in coming]
    held = whose_rule_holds(session, version, not_entered(session, version.plan_id, held), now)
    enter(session, version, held, budget, now)
    return len(held)


def _move_on(
    session: Session, sweep: PlanSweep, cursors: Sequence[int | None], *, goes_on: bool, now: datetime
) -> None:
    """Behind the first member that one of the versions stopped at; where all have seen theirs, to the next day."""
    further = [cursor for cursor in cursors if cursor is not None]
    if further:
        sweep.cursor = min(further)
        session.flush()
        return
    assert sweep.next_due_at is not None
    clear_timers(session, [TimerKey(Lane.SWEEP, sweep.next_due_at, sweep.id)])
    sweep.next_due_at, sweep.finished_at = None, now
    session.flush()
    if goes_on:
        follow(session, sweep)
