"""Mending what is missing: the anchor event comes in once more, or the timer is set by its owner again.

What a repair brings about is found out anew while the member's row is held, so a gap that is none any more changes
nothing. It leaves a row in the inbox, with who did it: once for each gap.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.errors import NotFound
from app.follow_ups.entering import Entry, enter, event_name, not_entered
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import get_version
from app.follow_ups.reconciling.accounting import OF_EVENT, Accountant
from app.follow_ups.reconciling.claims import PURCHASE, Claim
from app.follow_ups.reconciling.models import ReconciliationGap
from app.follow_ups.reconciling.owed import Owed
from app.follow_ups.reconciling.papers import OF_CALENDAR
from app.follow_ups.reconciling.report import Discrepancy, Fault
from app.follow_ups.rules import Anchor
from app.follow_ups.states import StepOutcome, StepReason
from app.ids import new_id
from app.inbound.models import INTERNAL, Inbound, InboundState
from app.members.service import lock_members
from app.sealing import Keyring
from app.stores.queries import stores_by_id
from app.timers import Lane, TimerKey, set_timers
from app.worklist.attention import read_budget
from app.worklist.models import WorkItem

MENDABLE = frozenset({Fault.NO_ENROLLMENT, Fault.NO_TIMER, Fault.NO_EXPIRY_TIMER, Fault.NO_RECORD})
log = structlog.get_logger(__name__)


class Mended(StrEnum):
    """What pressing repair came to."""

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
        outcome = Mended.MENDED if _mend(session, *found) else Mended.CANNOT
    if outcome is Mended.MENDED:
        _keep(session, gap, by)
    log.info("reconciliation_repair", by=by, gap_id=gap_id, fault=gap.fault, outcome=outcome)
    return outcome


def _is_it(gap: ReconciliationGap, missing: Discrepancy) -> bool:
    names = (missing.plan_id, missing.kind, missing.on, missing.event, missing.step_no, missing.fault)
    return names == (gap.plan_id, gap.anchor, gap.anchor_on, gap.event, gap.step_no, gap.fault)


def _mend(session: Session, missing: Discrepancy, owed: Owed) -> bool:
    if missing.fault is Fault.NO_ENROLLMENT:
        return _enter_anew(session, owed.series.claim)
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


def _enter_anew(session: Session, claim: Claim) -> bool:
    """The member enters, by the same anchor event, the version they have a claim to."""
    store = stores_by_id(session, [claim.store_id])[claim.store_id]
    anchor = Anchor(claim.at, claim.on, claim.time_known)
    entry = Entry(claim.member_id, store, anchor, _name(claim), {})
    version = get_version(session, claim.versions[0])
    fresh = not_entered(session, claim.plan_id, [entry])
    enter(session, version, fresh, read_budget(session), clock.now(session))
    return bool(fresh)


def _name(claim: Claim) -> str:
    if claim.kind == PURCHASE:
        return event_name(PURCHASE, claim.on.isoformat())
    return claim.event if claim.kind in OF_CALENDAR else event_name(OF_EVENT, claim.kind, claim.event)


def _record_anew(session: Session, enrollment_id: int, owed: Owed) -> bool:
    """A task that is there tells that its step was opened, and when; nothing tells what became of others."""
    query = (
        select(FollowUpTask.id, WorkItem.due_at, WorkItem.opened_at)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(FollowUpTask.enrollment_id == enrollment_id, FollowUpTask.step_no == owed.step_no)
    )
    task = session.execute(query).one_or_none()
    if task is None:
        return False
    row: dict[str, Any] = {
        "enrollment_id": enrollment_id,
        "step_no": owed.step_no,
        "outcome": StepOutcome.OPENED,
        "reason": StepReason.DUE,
        "due_at": task.due_at,
        "recorded_at": task.opened_at,
        "task_id": task.id,
    }
    insert_rows(session, StepRecord, [row])
    return True


def _keep(session: Session, gap: ReconciliationGap, by: int | None) -> None:
    """A row in the inbox, and the gap with all others of the same series that this mended too."""
    now = clock.now(session)
    told = {
        "repair": gap.fault,
        "by": by,
        "plan": gap.plan_id,
        "member": gap.member_id,
        "anchor": gap.anchor,
        "on": gap.anchor_on.isoformat(),
        "step": gap.step_no,
    }
    payload = json.dumps(told, sort_keys=True)
    session.add(
        Inbound(
            id=new_id(session),
            source=INTERNAL,
            event_key=f"repair:{gap.id}",
            content_hash=hashlib.blake2b(payload.encode(), digest_size=16).hexdigest(),
            payload=payload,
            state=InboundState.APPLIED,
            reason="",
            enrolls=True,
            received_at=now,
        )
    )
    table = table_of(ReconciliationGap)
    its = (
        (table.c.run_id == gap.run_id)
        & (table.c.member_id == gap.member_id)
        & (table.c.fault == gap.fault)
        & (table.c.plan_id == gap.plan_id)
        & (table.c.anchor == gap.anchor)
        & (table.c.anchor_on == gap.anchor_on)
        & (table.c.event == gap.event)
    )
    if gap.fault not in (Fault.NO_ENROLLMENT, Fault.NO_TIMER):
        its &= table.c.id == gap.id
    session.flush()
    session.execute(update(table).where(its).values(mended_at=now, mended_by=by))
    session.refresh(gap)
