"""The sweep lane: plans of the calendar put the members of a day into them, a chunk in each transaction.

A chunk takes the `member_care` rows of those it enrolls and moves the sweep's cursor, so a process that dies anywhere
loses nothing, and who comes next goes on behind it. An anchor event brings a member in once, so that looking twice
changes nothing.

A plan may be in force in different versions in different stores; each version looks for its own stores' members.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.aside import Errors, set_aside, work_off
from app.db import Database
from app.failpoints import failpoint
from app.follow_ups.models import PlanRelease, PlanSweep
from app.follow_ups.plans.documents import CALENDAR
from app.follow_ups.plans.sweeps import begins_at, follow, go_on
from app.follow_ups.plans.versions import OpenPlan, Version, open_plans
from app.follow_ups.rules import Anchor
from app.follow_ups.series.entering import Entry, enter, not_entered, whose_rule_holds
from app.follow_ups.triggers.candidates import Chunk, News, Search, candidates
from app.ids import id_before
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
# A purchase has its id before it is committed, and not every host reads the same time.
BLUR = timedelta(minutes=2)


def sweep_due(database: Database, keys: Keyring, deadline: Deadline) -> Progress:
    """Sweep what is due, chunk by chunk; safe in any number of processes. `done` counts chunks."""
    size = SQLITE_CHUNK if database.is_sqlite else CHUNK
    return work_off(
        database,
        deadline,
        size,
        lambda session, size: sweep_chunk(session, keys, size),
        lambda session, undoable: sweep_chunk(session, keys, 1, undoable),
    )


def sweep_chunk(session: Session, keys: Keyring, size: int, undoable: Errors = ()) -> int:
    """One chunk of the sweep that has been due longest and nobody else is at; 0 where there is none.

    Who cannot enter for an `undoable` error is set aside, or the whole day where nobody can be looked for.
    """
    now, budget = clock.now(session), read_budget(session)
    sweep = _take(session, now) if budget.paused_at is None else None
    if sweep is None:
        return 0
    plan = next((one for one in open_plans(session, CALENDAR) if one.plan_id == sweep.plan_id), None)
    look = _Look(
        session, sweep, plan, Search(keys, sweep.sweep_on, sweep.cursor, size, _news(session, sweep)), now
    )
    try:
        with session.begin_nested() if undoable else nullcontext():
            cursors = [look.enter(version, budget, undoable) for version in _versions(plan)]
    except undoable as error:
        _give_up(session, sweep, error, now)
        return 1
    failpoint("sweep.enrolled")
    _move_on(session, sweep, cursors, goes_on=plan is not None, now=now)
    return 1


def hold_sweep(session: Session, sweep_id: int) -> PlanSweep:
    """A day of a plan, as it stands, locked: before the members whom it concerns."""
    return session.get_one(PlanSweep, sweep_id, with_for_update=True, populate_existing=True)


def sweep_again(session: Session, sweep_id: int, member_id: int | None, keys: Keyring) -> None:
    """Look for a member who was set aside once more, or go on with the day that was. Raises what that raises."""
    sweep, now = hold_sweep(session, sweep_id), clock.now(session)
    plan = next((one for one in open_plans(session, CALENDAR) if one.plan_id == sweep.plan_id), None)
    if member_id is None:
        if plan is not None:
            go_on(session, sweep, now)
        return
    news = replace(_news(session, sweep), everybody=True)
    look = _Look(session, sweep, plan, Search(keys, sweep.sweep_on, member_id - 1, 1, news), now)
    for version in _versions(plan):
        look.enter(version, read_budget(session), ())


@dataclass(frozen=True, slots=True)
class _Look:
    """One look for members on a day of a plan."""

    session: Session
    sweep: PlanSweep
    plan: OpenPlan | None
    search: Search
    now: datetime

    def enter(self, version: Version, budget: Budget, undoable: Errors) -> int | None:
        """Those whom a version finds enter it; where it looked to, None where that was all."""
        session, sweep = self.session, self.sweep
        chunk = candidates(session, version.trigger, self.search)
        entries = _entries(session, self.plan, version, chunk, sweep.sweep_on)
        sweep.looked_at += len(entries)
        try:
            with session.begin_nested() if undoable else nullcontext():
                sweep.enrolled += _enroll(session, version, entries, budget, self.now)
        except undoable as error:
            for entry in entries:
                set_aside(session, Lane.SWEEP, sweep.id, error, self.now, entry.member_id)
        return chunk.cursor


def _news(session: Session, sweep: PlanSweep) -> News:
    """What may be new since the plan looked before: whatever was told since, and everything where it was released."""
    before = session.scalar(
        select(PlanSweep)
        .where(PlanSweep.plan_id == sweep.plan_id, PlanSweep.sweep_on < sweep.sweep_on)
        .order_by(PlanSweep.sweep_on.desc())
        .limit(1)
    )
    if before is None:
        return News(sweep.plan_id, everybody=True, after_order=0)
    began_at = begins_at(session, before.sweep_on)
    released = select(PlanRelease.id).where(
        PlanRelease.plan_id == sweep.plan_id, PlanRelease.released_at >= began_at
    )
    is_new = session.scalar(released.limit(1)) is not None
    return News(sweep.plan_id, everybody=is_new, after_order=id_before(before.id, BLUR))


def _give_up(session: Session, sweep: PlanSweep, error: Exception, now: datetime) -> None:
    """Nobody can be looked for: the plan looks no more until somebody takes the day up again."""
    assert sweep.next_due_at is not None
    clear_timers(session, [TimerKey(Lane.SWEEP, sweep.next_due_at, sweep.id)])
    sweep.next_due_at = None
    session.flush()
    set_aside(session, Lane.SWEEP, sweep.id, error, now)


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
