"""Full syncs as jobs: read WeCom, plan; read it again, and apply the plan if it is still the same.

The tables are the truth: a sync whose process died is taken up by the next bell after its lease. Where WeCom has
troubles, one that nobody waits for is tried again for the rest of the night; who asked for one is told and asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database
from app.lanes import Deadline, Progress
from app.organisation.applying import apply_plan
from app.organisation.models import KnownAccount, OrganisationState, OrganisationSync, SyncState
from app.organisation.plan import Plan, plan_of
from app.organisation.queries import current_chart, known_people, organisation_version, our_organisation
from app.organisation.reading import Reading, read_organisation
from app.organisation.service import (
    lock_organisation,
    note_accounts,
    note_departments,
    note_gone,
    settle_departments,
    written_since,
)
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.errors import WeComError, WeComRetryable
from app.wecom.port import WeComPort

LEASE = timedelta(minutes=15)  # longer than reading 10,000 departments one by one takes
LONGEST_REASON = 255
# Troubles of WeCom's: a sync nobody waits for is tried again so long after it was asked for, the wait growing with its
# age.
PATIENCE = timedelta(hours=4)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=30)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """A sync that is ours until `lease`."""

    sync_id: int
    lease: TimerKey
    known: tuple[str, ...]
    version: int  # of the organisation before WeCom is read


def run_syncs(database: Database, wecom: WeComPort, deadline: Deadline) -> Progress:
    """Plan or apply whatever was asked for."""
    done = 0
    while not deadline.has_passed():
        claim = database.in_transaction(_claim)
        if claim is None:
            return Progress(done, more=False)
        _work_off(database, wecom, claim)
        done += 1
    return Progress(done, more=True)


def picture(session: Session, state: OrganisationState, reading: Reading, since: int) -> Plan:
    """Keep what was read, and plan what follows from it.

    Reading takes minutes: what an event wrote after version `since`, which was ours when we began, is newer and stays.
    """
    note_departments(session, state, reading.departments, since)
    newer = written_since(session, since)
    note_accounts(session, state, (each for each in reading.accounts if each.wecom_userid not in newer))
    note_gone(session, state, reading.gone - newer)
    return plan_of(current_chart(session), known_people(session), our_organisation(session))


def _claim(session: Session) -> Claim | None:
    now = clock.real_now(session)
    due = select(Timer).where(Timer.lane == str(Lane.ORGANISATION), Timer.due_at <= now)
    timer = session.scalar(due.order_by(Timer.due_at, Timer.subject_id).limit(1))
    if timer is None:
        return None
    key = TimerKey(timer.lane, timer.due_at, timer.subject_id)
    query = select(OrganisationSync).where(OrganisationSync.id == key.subject_id)
    sync = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    clear_timers(session, [key])
    if sync is None or sync.next_due_at != key.due_at:
        return _claim(session)
    sync.next_due_at = now + LEASE
    lease = TimerKey(key.lane, sync.next_due_at, sync.id)
    set_timers(session, [(lease, None)])
    return Claim(sync.id, lease, _known(session), organisation_version(session))


def _known(session: Session) -> tuple[str, ...]:
    """Accounts whose absence has to be made sure of."""
    here = session.scalars(select(KnownAccount.wecom_userid).where(KnownAccount.is_here))
    ours = session.scalars(select(Associate.wecom_userid).where(Associate.ended_at.is_(None)))
    return tuple(sorted({*here, *ours}))


def _work_off(database: Database, wecom: WeComPort, claim: Claim) -> None:
    try:
        reading = read_organisation(wecom, claim.known)
    except WeComError as error:
        trouble = error
        log.warning("organisation_not_read", sync_id=claim.sync_id, reason=str(error))
        database.in_transaction(lambda session: _fail(session, claim, trouble))
        return
    database.in_transaction(lambda session: _record(session, claim, reading))


def _fail(session: Session, claim: Claim, error: WeComError) -> None:
    """Try again later where it was WeCom's trouble and nobody waits; otherwise, or once the night is over, say why."""
    sync = _still_ours(session, claim)
    if sync is None:
        return
    now, sync.reason = clock.now(session), str(error)[:LONGEST_REASON]
    age = now - sync.requested_at
    if not isinstance(error, WeComRetryable) or not sync.is_unattended or age >= PATIENCE:
        sync.state, sync.finished_at = SyncState.FAILED, now
        return
    wait = max(timedelta(seconds=error.wait_s), min(max(age, SHORTEST_WAIT), LONGEST_WAIT))
    sync.next_due_at = clock.real_now(session) + wait
    set_timers(session, [(TimerKey(claim.lease.lane, sync.next_due_at, sync.id), None)])


def _record(session: Session, claim: Claim, reading: Reading) -> None:
    """Keep the plan, or apply it where it is the one that was shown; otherwise show the new one.

    An unattended sync is applied as it is, unless it would end many, make somebody headquarters or cannot be: then it
    waits to be looked at. Whoever applied a plan has seen what the departments stand for.
    """
    state = lock_organisation(session)
    sync = _still_ours(session, claim)
    if sync is None:
        return
    plan = picture(session, state, reading, claim.version)
    sync.reason = ""
    encoded = msgspec.json.encode(plan).decode()
    goes_alone = sync.is_unattended and plan.goes_alone
    was_shown = sync.state == SyncState.APPLYING and encoded == sync.plan
    sync.plan, may_apply = encoded, was_shown or (goes_alone and sync.state == SyncState.REQUESTED)
    if not may_apply:
        sync.changed_meanwhile = sync.state == SyncState.APPLYING
        sync.state = SyncState.READY
        return
    if was_shown:
        settle_departments(session, current_chart(session).own)
    apply_plan(session, plan, ends_unknown=sync.ends_unknown)
    sync.state, sync.finished_at = SyncState.APPLIED, clock.now(session)
    log.info("organisation_synced", sync_id=sync.id, **{str(what): n for what, n in plan.counts().items()})


def _still_ours(session: Session, claim: Claim) -> OrganisationSync | None:
    """The sync, its timer done with; None where the lease ran out and somebody else took it up."""
    query = select(OrganisationSync).where(OrganisationSync.id == claim.sync_id)
    sync = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if sync is None or sync.next_due_at != claim.lease.due_at:
        return None
    clear_timers(session, [claim.lease])
    sync.next_due_at = None
    return sync
