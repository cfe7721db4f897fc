"""Syncs as rows: asked for, claimed with a lease and a fence, taken forward step by step, finished.

What a sync compares is in sync_contacts and sync_chats; the lane that drives it is syncing.py.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.ids import new_id
from app.inbound.rules import wait_after
from app.members.models import Sync, SyncState
from app.messaging.claiming import claim_due
from app.organisation.service import request_unattended
from app.timers import Lane, TimerKey, clear_timers, set_timers

NIGHTLY_AT = time(3, 30)
NIGHTLY_ZONE = ZoneInfo("Asia/Shanghai")
OUTAGE = "outage"  # the reason that asks for a whole comparison of its own
LAST_RESORT = timedelta(days=1)
LEASE = timedelta(minutes=5)  # longer than a step: a page of contacts, or a person's listing
MOST_FAILURES = 20  # in a row: with the longest waits about two and a half hours of WeCom being away
REASON = 255
OVER = (SyncState.COMPLETE, SyncState.PARTIAL, SyncState.FAILED)

log = structlog.get_logger(__name__)

Counts = dict[str, Counter[str]]


class Slot(StrEnum):
    """Of each kind one sync waits or runs at a time."""

    NIGHTLY = "nightly"
    ASKED = "asked"
    AGAIN = "again"  # asked for while one was under way: begins when that is over


class Stage(StrEnum):
    """What is compared, in this order."""

    TAGS = "tags"
    CONTACTS = "contacts"
    CHATS = "chats"
    SHIFTS = "shifts"  # where shifts come from WeCom
    DONE = "done"


@dataclass(slots=True)
class Run:
    """A sync that is ours while its fence stands; changed as it goes on."""

    sync_id: int
    fence: int
    stage: Stage
    cursor: str
    counts: Counts
    trouble: str


@dataclass(frozen=True, slots=True)
class SyncView:
    """A sync as the console and the command show it; `counts` by kind of thing and what became of it.

    `goes_on_at` is real time: when it begins or goes on, or when who works on it is taken for dead.
    """

    id: int
    reason: str
    state: SyncState
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: Mapping[str, Mapping[str, int]]
    trouble: str
    goes_on_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Nothing more becomes of it."""
        return self.state in OVER


class Overtaken(Exception):
    """Somebody else goes on with the sync."""


def request_sync(session: Session, reason: str) -> int:
    """Ask for a sync to begin at once; returns its id, or that of one already asked for that is not over.

    `reason` is a word for the console: "command", "outage". After an outage one that is under way does not do, for it
    may have passed what was missed: another follows it.
    """
    now = clock.real_now(session)
    asked = session.scalar(select(Sync).where(Sync.slot == Slot.ASKED).with_for_update())
    if asked is not None and asked.state == SyncState.RUNNING and reason == OUTAGE:
        return _ensure(session, Slot.AGAIN, reason, now + LAST_RESORT)
    return _ensure(session, Slot.ASKED, reason, now)


def ensure_nightly(session: Session) -> None:
    """The coming night's sync is set, if none is."""
    _ensure(session, Slot.NIGHTLY, Slot.NIGHTLY, next_night(clock.real_now(session)))


def next_night(now: datetime) -> datetime:
    """The next half past three in the chain's own zone, strictly after `now`."""
    local = now.astimezone(NIGHTLY_ZONE)
    tonight = datetime.combine(local.date(), NIGHTLY_AT, NIGHTLY_ZONE)
    if tonight <= local:
        tonight = datetime.combine(local.date() + timedelta(days=1), NIGHTLY_AT, NIGHTLY_ZONE)
    return tonight.astimezone(now.tzinfo)


def latest_syncs(session: Session, limit: int) -> list[SyncView]:
    """The last ones that have begun, or were asked for; the newest first."""
    shown = (Sync.state != SyncState.WAITING) | (Sync.slot == Slot.ASKED)
    newest = select(Sync).where(shown).order_by(Sync.requested_at.desc(), Sync.id.desc())
    return [_seen(row) for row in session.scalars(newest.limit(limit))]


def get_sync(session: Session, sync_id: int) -> SyncView:
    """One sync. Raises where there is none."""
    return _seen(session.get_one(Sync, sync_id, populate_existing=True))


def claim_sync(session: Session, sync_id: int | None = None) -> Run | None:
    """Take a due sync, or exactly this one, also before its time; None where there is none or others are at it."""
    now = clock.real_now(session)
    row = _due(session, now) if sync_id is None else _free(session, sync_id, now)
    if row is None:
        return None
    row.fence += 1
    row.state = SyncState.RUNNING
    row.started_at = row.started_at or clock.now(session)
    row.next_due_at = now + LEASE
    set_timers(session, [(_timer(row), None)])
    session.flush()
    counts = {kind: Counter(its) for kind, its in json.loads(row.counts).items()}
    trouble = row.trouble if _is_partial(counts) else ""  # that WeCom was away is over
    return Run(row.id, row.fence, Stage(row.stage), row.cursor, counts, trouble)


def save_progress(session: Session, run: Run) -> None:
    """Write down how far the run is, and go on holding it. Raises `Overtaken`."""
    row = _mine(session, run)
    _write(row, run)
    row.attempts = 0
    _move(session, row, clock.real_now(session) + LEASE)


def pause(session: Session, run: Run) -> None:
    """Let go of the run; whoever rings next goes on at once. Raises `Overtaken`."""
    row = _mine(session, run)
    _write(row, run)
    _move(session, row, clock.real_now(session))


def postpone(session: Session, run: Run, reason: str, wait_s: float) -> None:
    """WeCom is away: go on later from the same place; given up after so many times in a row. Raises `Overtaken`."""
    row = _mine(session, run)
    row.attempts += 1
    if row.attempts >= MOST_FAILURES:
        run.trouble = reason
        _end(session, row, run, SyncState.FAILED)
        return
    chance = random.random()  # noqa: S311 - jitter, not a secret
    row.trouble = (run.trouble or reason)[:REASON]
    _move(session, row, clock.real_now(session) + wait_after(row.attempts, chance, wait_s))


def finish(session: Session, run: Run) -> None:
    """Everything was compared: COMPLETE, or PARTIAL where something could not be read. Raises `Overtaken`."""
    row = _mine(session, run)
    state = SyncState.PARTIAL if _is_partial(run.counts) else SyncState.COMPLETE
    _end(session, row, run, state)


def fail(session: Session, run: Run, reason: str) -> None:
    """WeCom refuses our app: nothing can be compared before somebody mends it. Raises `Overtaken`."""
    row = _mine(session, run)
    run.trouble = reason
    _end(session, row, run, SyncState.FAILED)


def counted(counts: Counts, kind: str, changes: Mapping[str, int]) -> None:
    """Add to the counts of a kind of thing."""
    counts.setdefault(kind, Counter()).update(changes)


def _is_partial(counts: Counts) -> bool:
    return any(its["failed"] for its in counts.values())


def _ensure(session: Session, slot: Slot, reason: str, due_at: datetime) -> int:
    """Two who insert at once clash on the slot; the loser's transaction is run again and finds the other's."""
    present = session.scalar(select(Sync.id).where(Sync.slot == slot))
    if present is not None:
        return present
    row = Sync(
        id=new_id(session),
        slot=slot,
        reason=reason[:32],
        state=SyncState.WAITING,
        requested_at=clock.now(session),
        next_due_at=due_at,
        fence=0,
        attempts=0,
        stage=Stage.TAGS,
        cursor="",
        counts="{}",
        trouble="",
    )
    session.add(row)
    session.flush()
    set_timers(session, [(_timer(row), None)])
    return row.id


def _due(session: Session, now: datetime) -> Sync | None:
    table = table_of(Sync)
    owners = select(table.c.id, table.c.next_due_at)
    rows = claim_due(session, Lane.SYNC, now, owners, table.c.id, 1)
    return session.get_one(Sync, rows[0].id, populate_existing=True) if rows else None


def _free(session: Session, sync_id: int, now: datetime) -> Sync | None:
    is_free = (Sync.state == SyncState.WAITING) | (
        (Sync.state == SyncState.RUNNING) & (Sync.next_due_at <= now)
    )
    locking = select(Sync).where(Sync.id == sync_id, is_free)
    row = session.scalar(locking.with_for_update().execution_options(populate_existing=True))
    if row is not None:
        clear_timers(session, [_timer(row)])
    return row


def _mine(session: Session, run: Run) -> Sync:
    locking = select(Sync).where(Sync.id == run.sync_id).with_for_update()
    row = session.scalars(locking.execution_options(populate_existing=True)).one()
    if row.fence != run.fence or row.state != SyncState.RUNNING:
        raise Overtaken
    return row


def _write(row: Sync, run: Run) -> None:
    row.stage, row.cursor, row.trouble = run.stage, run.cursor, run.trouble[:REASON]
    row.counts = json.dumps(run.counts, sort_keys=True)


def _move(session: Session, row: Sync, due_at: datetime) -> None:
    clear_timers(session, [_timer(row)])
    row.next_due_at = due_at
    session.flush()
    set_timers(session, [(_timer(row), None)])


def _end(session: Session, row: Sync, run: Run, state: SyncState) -> None:
    clear_timers(session, [_timer(row)])
    _write(row, run)
    was_nightly, was_asked = row.slot == Slot.NIGHTLY, row.slot == Slot.ASKED
    row.state, row.slot, row.next_due_at, row.finished_at = state, None, None, clock.now(session)
    session.flush()
    log.info("sync_over", state=state, reason=row.reason, counts=run.counts, trouble=run.trouble)
    if was_nightly:
        request_unattended(session)
        ensure_nightly(session)
    if was_asked:
        _begin_next(session)


def _begin_next(session: Session) -> None:
    locking = select(Sync).where(Sync.slot == Slot.AGAIN, Sync.state == SyncState.WAITING).with_for_update()
    row = session.scalar(locking.execution_options(populate_existing=True))
    if row is not None:
        row.slot = Slot.ASKED
        _move(session, row, clock.real_now(session))


def _seen(row: Sync) -> SyncView:
    return SyncView(
        row.id,
        row.reason,
        SyncState(row.state),
        row.requested_at,
        row.started_at,
        row.finished_at,
        json.loads(row.counts),
        row.trouble,
        row.next_due_at,
    )


def _timer(row: Sync) -> TimerKey:
    assert row.next_due_at is not None
    return TimerKey(Lane.SYNC, row.next_due_at, row.id)
