"""Mending what is missing: the anchor event comes in once more, or what waits gets its timer back.

What a repair brings about is found out anew while the member's row is held, so a gap that is none any more changes
nothing. Repairs come in by the inbox (`repairing`).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.errors import NotFound
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.reconciling.accounting import Accountant
from app.follow_ups.reconciling.models import ReconciliationGap
from app.follow_ups.reconciling.owed import Owed
from app.follow_ups.reconciling.report import Discrepancy, Fault
from app.follow_ups.reconciling.restoring import opened_record, restore
from app.members.service import lock_members
from app.sealing import Keyring
from app.timers import Lane, TimerKey, set_timers
from app.worklist.models import WorkItem

MENDABLE = frozenset({Fault.NO_ENROLLMENT, Fault.NO_TIMER, Fault.NO_EXPIRY_TIMER, Fault.NO_RECORD})
OF_THE_SERIES = frozenset({Fault.NO_ENROLLMENT, Fault.NO_TIMER})
log = structlog.get_logger(__name__)


class Mended(StrEnum):
    """What a repair came to."""

    ASKED = "asked"  # the inbox lane takes it from here
    MENDED = "mended"
    GONE = "gone"  # nothing is missing there any more
    CANNOT = "cannot"  # what is lost cannot be told from anything that is left


def mend(session: Session, gap_id: int, by: int | None, keys: Keyring | None = None) -> Mended:
    """Mend what a gap names, if it still is one. Repeating it changes nothing. Raises `NotFound`."""
    gap = session.get(ReconciliationGap, gap_id)
    if gap is None:
        raise NotFound("unknown_id", place="gap")
    lock_members(session, [gap.member_id])
    session.refresh(gap)
    missed = Accountant(session, keys).missing_of(session, gap.member_id)
    found = next((pair for pair in missed if _is_it(gap, pair[0])), None)
    outcome = Mended.GONE
    if found is not None:
        steps = [owed for _, owed in missed if owed.series is found[1].series]
        outcome = Mended.MENDED if _mend(session, *found, steps) else Mended.CANNOT
    _note(session, gap, outcome, by, clock.now(session))
    log.info("reconciliation_repair", by=by, gap_id=gap_id, fault=gap.fault, outcome=outcome)
    return outcome


def _is_it(gap: ReconciliationGap, missing: Discrepancy) -> bool:
    names = (missing.plan_id, missing.kind, missing.on, missing.event, missing.step_no, missing.fault)
    return names == (gap.plan_id, gap.anchor, gap.anchor_on, gap.event, gap.step_no, gap.fault)


def _mend(session: Session, missing: Discrepancy, owed: Owed, steps: list[Owed]) -> bool:
    if missing.fault is Fault.NO_ENROLLMENT:
        return restore(session, owed.series.claim, steps)
    if missing.fault is Fault.NO_TIMER:
        row = session.execute(
            select(table_of(Enrollment)).where(table_of(Enrollment).c.id == missing.enrollment_id)
        ).one()
        set_timers(session, [(TimerKey(row.next_lane, row.next_due_at, row.id), row.member_id)])
        return True
    if missing.fault is Fault.NO_EXPIRY_TIMER:
        item = session.get_one(WorkItem, missing.item_id, populate_existing=True)
        set_timers(session, [(TimerKey(Lane.EXPIRY, item.valid_until, item.id), item.member_id)])
        return True
    return missing.fault is Fault.NO_RECORD and _record_anew(session, missing.enrollment_id, owed)


def _record_anew(session: Session, enrollment_id: int, owed: Owed) -> bool:
    """A task that is there tells that its step was opened, and when; nothing tells what became of others."""
    query = (
        select(FollowUpTask.id, FollowUpTask.step_no, WorkItem.due_at, WorkItem.opened_at)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(FollowUpTask.enrollment_id == enrollment_id, FollowUpTask.step_no == owed.step_no)
    )
    task = session.execute(query).one_or_none()
    if task is not None:
        insert_rows(session, StepRecord, [opened_record(enrollment_id, task)])
    return task is not None


def _note(session: Session, gap: ReconciliationGap, outcome: Mended, by: int | None, now: datetime) -> None:
    """Say so on the gap, and on all others of the same series that this mended too."""
    table = table_of(ReconciliationGap)
    its = table.c.id == gap.id
    if outcome is Mended.MENDED and gap.fault in OF_THE_SERIES:
        same = ("run_id", "member_id", "fault", "plan_id", "anchor", "anchor_on", "event")
        its = table.c.mended_at.is_(None)
        for name in same:
            its &= table.c[name] == getattr(gap, name)
    told: dict[str, object] = {"outcome": outcome}
    if outcome is Mended.MENDED:
        told |= {"mended_at": now, "mended_by": by}
    session.flush()
    session.execute(update(table).where(its).values(told))
    session.refresh(gap)
