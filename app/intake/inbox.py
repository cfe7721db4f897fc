"""The inbox lane: claim (commit) → look at WeCom → apply and record (one transaction, by fence).

A claim is a lease with a fence: a process that dies or stalls is overtaken, and what it would record afterwards is
ignored. So an event is looked at once or more and applied exactly once. What WeCom's own troubles spoil is tried for as
long as they last, what our app's configuration spoils for most of a day; what fails by itself is set aside after a few
attempts and holds up nobody else.

Handlers write what they saw, so who saw last has to write last. Within a batch the events of one subject follow one
another; where another process applied one meanwhile, what we saw may be older than what it wrote, and we look again.
Where WeCom is slow, those whose turn comes too late for the lease are handed back as if nobody had claimed them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, table_of
from app.failpoints import failpoint
from app.inbound.models import Inbound, InboundState, ReceivedEvent
from app.inbound.rules import BEGIN_WITHIN, FORGIVING_ATTEMPTS, LEASE, MOST_FAILURES, wait_after
from app.intake.handlers import Handler, Handlers, find_handler
from app.lanes import Deadline, Progress
from app.messaging.claiming import claim_due
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComMisconfigured, WeComRetryable
from app.wecom.port import WeComPort

BATCH = 16
REASON = 255
NOT_HANDLED = "not_handled"

log = structlog.get_logger(__name__)


class _Overtaken(Exception):
    """Somebody applied an event of the same subject after we began to look."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An event that is ours to apply until `lease_until` (real time). `failures` counts this attempt."""

    inbound_id: int
    fence: int
    attempt: int
    failures: int
    subject: str
    payload: str
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that came to nothing; `excused` where that was not the event's fault."""

    claim: Claim
    reason: str
    excused: bool
    wait_s: float = 0.0  # what WeCom wants at least
    at_once: bool = False


def apply_received(database: Database, wecom: WeComPort, handlers: Handlers, deadline: Deadline) -> Progress:
    """Apply what is due, batch by batch; safe in any number of processes. `done` counts attempts.

    Raises what the database raises while it is away; what was claimed is met again when its lease ends.
    """
    done = 0
    while not deadline.has_passed():
        covered = Deadline(BEGIN_WITHIN.total_seconds())
        claims = database.in_transaction(lambda session: claim(session, BATCH))
        failpoint("inbox.claimed")
        if not claims:
            return Progress(done, more=False)
        failures, unbegun = _work_off(database, wecom, handlers, claims, covered)
        if failures:
            database.in_transaction(lambda session: record(session, failures))  # noqa: B023 - runs now
        if unbegun:
            database.in_transaction(lambda session: give_back(session, unbegun))  # noqa: B023 - runs now
        done += len(claims) - len(unbegun)
    return Progress(done, more=True)


def claim(session: Session, most: int) -> list[Claim]:
    """Lease at most `most` due events. One whose last attempt nobody heard of any more is set aside instead."""
    table, now = table_of(ReceivedEvent), clock.real_now(session)
    owners = select(table)
    due = claim_due(session, Lane.INBOX, now, owners, table.c.inbound_id, most)
    stored = _stored(session, [row.inbound_id for row in due])
    lease_until = now + LEASE
    claims = []
    for row in due:
        kept = stored[row.inbound_id]
        if row.attempts - row.excused >= MOST_FAILURES:
            _set_aside(session, row.inbound_id, f"interrupted {row.attempts} times: {kept.reason}")
            continue
        attempt = row.attempts + 1
        claims.append(
            Claim(
                row.inbound_id,
                row.fence + 1,
                attempt,
                attempt - row.excused,
                row.subject,
                kept.payload,
                lease_until,
            )
        )
    if claims:
        leased = update(table).where(table.c.inbound_id.in_([one.inbound_id for one in claims]))
        counted = {"fence": table.c.fence + 1, "attempts": table.c.attempts + 1}
        session.connection().execute(leased.values(next_due_at=lease_until, **counted))
        set_timers(session, ((_timer(one), None) for one in claims))
    return claims


def record(session: Session, failures: Sequence[Failure]) -> int:
    """Write down what failed: due again later, or set aside. One that was claimed again since is only excused."""
    table, now = table_of(ReceivedEvent), clock.real_now(session)
    ours = [one for one in failures if _is_ours(session, one.claim)]
    for one in failures:
        if one not in ours and one.excused:
            _excuse(session, one.claim)
    clear_timers(session, [_timer(one.claim) for one in ours])
    for one in ours:
        inbound_id = one.claim.inbound_id
        if not one.excused and one.claim.failures >= MOST_FAILURES:
            _set_aside(session, inbound_id, one.reason)
            continue
        due_at = now + _wait(one)
        again = {"next_due_at": due_at, "excused": table.c.excused + int(one.excused)}
        session.connection().execute(update(table).where(table.c.inbound_id == inbound_id).values(again))
        _note(session, inbound_id, reason=one.reason)
        set_timers(session, [(TimerKey(Lane.INBOX, due_at, inbound_id), None)])
    return len(ours)


def give_back(session: Session, claims: Sequence[Claim]) -> int:
    """Due again at once and not counted, as nothing was begun. One that was claimed again since is left alone."""
    table, now = table_of(ReceivedEvent), clock.real_now(session)
    ours = [one for one in claims if _is_ours(session, one)]
    if not ours:
        return 0
    clear_timers(session, [_timer(one) for one in ours])
    theirs = update(table).where(table.c.inbound_id.in_([one.inbound_id for one in ours]))
    session.connection().execute(theirs.values(next_due_at=now, attempts=table.c.attempts - 1))
    set_timers(session, [(TimerKey(Lane.INBOX, now, one.inbound_id), None) for one in ours])
    return len(ours)


def _work_off(
    database: Database, wecom: WeComPort, handlers: Handlers, claims: Sequence[Claim], covered: Deadline
) -> tuple[list[Failure], list[Claim]]:
    """Work on all subjects at once, on each subject's events one by one; what failed, and what was not begun.

    The first turn always begins, the others while `covered` lasts. Raises a bug that is no `Exception`.
    """
    failures, unbegun = [], []
    with ThreadPoolExecutor(len(claims)) as hands:
        for number, turn in enumerate(_turns(claims)):
            if number and covered.has_passed():
                unbegun += turn
                continue
            works = [(one, hands.submit(_work, database, wecom, handlers, one)) for one in turn]
            errors = [(one, work.exception()) for one, work in works]
            failures += [_failure(one, error) for one, error in errors if error is not None]
    return failures, unbegun


def _turns(claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Of each subject one event a turn; those of nobody all at once."""
    by_subject: dict[str | int, list[Claim]] = defaultdict(list)
    for one in claims:
        by_subject[one.subject or one.inbound_id].append(one)
    for turn in zip_longest(*by_subject.values()):
        yield [one for one in turn if one is not None]


def _work(database: Database, wecom: WeComPort, handlers: Handlers, claim: Claim) -> None:
    event = WeComEvent.decode(claim.payload)
    handler = find_handler(handlers, event)
    looked, looked_from = None, None
    if handler is not None:
        with database.reading() as session:
            looked_from = clock.real_now(session)
        looked = handler.look(wecom, event)
    failpoint("inbox.looked")
    database.in_transaction(lambda session: _apply(session, claim, event, handler, looked, looked_from))
    failpoint("inbox.applied")


def _apply(
    session: Session,
    claim: Claim,
    event: WeComEvent,
    handler: Handler | None,
    looked: Any,
    looked_from: datetime | None,
) -> None:
    if not _is_ours(session, claim):
        _excuse(session, claim)
        return
    if handler is not None:
        handler.apply(session, event, looked)
        session.flush()
        # Asked last: who writes the same rows as we has waited for us, or has committed and is seen.
        if looked_from is not None and _was_applied_since(session, claim, looked_from):
            raise _Overtaken
    now = clock.real_now(session)
    table = table_of(ReceivedEvent)
    mine = update(table).where(table.c.inbound_id == claim.inbound_id)
    session.connection().execute(mine.values(next_due_at=None, settled_at=now))
    clear_timers(session, [_timer(claim)])
    reason = "" if handler is not None else NOT_HANDLED
    _note(session, claim.inbound_id, state=InboundState.APPLIED, reason=reason)


def _was_applied_since(session: Session, claim: Claim, looked_from: datetime) -> bool:
    if not claim.subject:
        return False
    table = table_of(ReceivedEvent)
    others = select(table.c.inbound_id).where(
        table.c.subject == claim.subject,
        table.c.settled_at >= looked_from,
        table.c.inbound_id != claim.inbound_id,
    )
    return session.scalar(others.limit(1)) is not None


def _failure(claim: Claim, error: BaseException) -> Failure:
    """What an error comes to. What is not the event's fault is excused; raises what is no `Exception`."""
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, _Overtaken):
        return Failure(claim, "", excused=True, at_once=True)
    cause = getattr(error, "orig", None) or error
    reason = f"{type(cause).__name__}: {cause}"
    if isinstance(error, WeComRetryable):
        return Failure(claim, reason, excused=True, wait_s=error.wait_s)
    if isinstance(error, WeComMisconfigured):
        log.error("inbox_misconfigured", reason=reason)
        return Failure(claim, reason, excused=claim.attempt <= FORGIVING_ATTEMPTS)
    passing = isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError)
    return Failure(claim, reason, excused=passing)


def _wait(failure: Failure) -> timedelta:
    if failure.at_once:
        return timedelta()
    chance = random.random()  # noqa: S311 - jitter, not a secret
    return wait_after(failure.claim.attempt, chance, failure.wait_s)


def _is_ours(session: Session, claim: Claim) -> bool:
    """Locks the event; False where it was claimed again, or settled, since."""
    table = table_of(ReceivedEvent)
    query = select(table.c.fence, table.c.next_due_at).where(table.c.inbound_id == claim.inbound_id)
    row = session.execute(query.with_for_update()).one()
    return row.fence == claim.fence and row.next_due_at is not None


def _excuse(session: Session, claim: Claim) -> None:
    """A slow attempt that ended after its lease killed nobody: it is none of those that count."""
    table = table_of(ReceivedEvent)
    its = update(table).where(table.c.inbound_id == claim.inbound_id, table.c.excused < table.c.attempts)
    session.connection().execute(its.values(excused=table.c.excused + 1))


def _set_aside(session: Session, inbound_id: int, reason: str) -> None:
    table = table_of(ReceivedEvent)
    waits = update(table).where(table.c.inbound_id == inbound_id).values(next_due_at=None)
    session.connection().execute(waits)
    _note(session, inbound_id, state=InboundState.QUARANTINED, reason=reason)
    log.warning("received_event_quarantined", inbound_id=inbound_id, error=reason.partition(":")[0])


def _note(session: Session, inbound_id: int, **changes: str) -> None:
    table = table_of(Inbound)
    changes["reason"] = changes["reason"][:REASON]
    session.connection().execute(update(table).where(table.c.id == inbound_id).values(changes))


def _stored(session: Session, ids: Sequence[int]) -> Mapping[int, Any]:
    query = select(Inbound.id, Inbound.payload, Inbound.reason).where(Inbound.id.in_(sorted(ids)))
    return {row.id: row for row in session.execute(query)}


def _timer(claim: Claim) -> TimerKey:
    return TimerKey(Lane.INBOX, claim.lease_until, claim.inbound_id)
