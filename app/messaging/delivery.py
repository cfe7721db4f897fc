"""The push lane: claim (commit) → call WeCom → record (commit). At least once, and no visible double.

A claim is a lease of a minute with a fence. A process that dies, or stalls beyond its lease, is overtaken: the message
is claimed again and sent again with the identical body, which WeCom's duplicate check shows once; what the one
overtaken records afterwards is ignored, for its fence is old. A message that WeCom may have taken, and that the check
would soon no longer recognise, is abandoned: seen once at most.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, Instant, any_of, is_among, table_of
from app.failpoints import failpoint
from app.lanes import Deadline, Progress
from app.messaging.claiming import claim_due
from app.messaging.models import MessageState, OutboundMessage
from app.messaging.rules import LEASE, MAX_ATTEMPTS, is_recognised, wait_after
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.errors import WeComMisconfigured, WeComPaused, WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

# All of a batch are called at once: none waits behind slow ones until its lease is over. [M] 32 take a fifth less time
# for each than 16; the port keeps more connections than that.
BATCH = 32
REASON = 255
GAVE_UP = "gave up"
KEPT, KEPT_IS_FREE = ThreadPoolExecutor(BATCH, "push"), threading.Lock()  # begins no thread before it is used

MESSAGES = table_of(OutboundMessage)
OWNERS = select(
    MESSAGES.c.id,
    MESSAGES.c.next_due_at,
    MESSAGES.c.fence,
    MESSAGES.c.attempts,
    MESSAGES.c.body,
    MESSAGES.c.reason,
    MESSAGES.c.maybe_sent_at,
)
LEASING = (
    update(MESSAGES)
    .where(any_of(MESSAGES.c.id, "ids"))
    .values(
        next_due_at=bindparam("until"),
        # Whoever dies now says nothing any more: it may be sent, until record knows better.
        maybe_sent_at=func.coalesce(MESSAGES.c.maybe_sent_at, bindparam("now", type_=Instant())),
        fence=MESSAGES.c.fence + 1,
        attempts=MESSAGES.c.attempts + 1,
    )
)
ENQUEUED = (
    select(MESSAGES.c.id, MESSAGES.c.fence)
    .where(any_of(MESSAGES.c.id, "ids"), MESSAGES.c.state == MessageState.ENQUEUED)
    .order_by(MESSAGES.c.id)
    .with_for_update()
)
# What sending changes of a message, beside the id that WeCom gives it.
ALIKE = ("state", "attempts", "reason", "delivered_at", "next_due_at", "maybe_sent_at")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send until `lease_until`; `maybe_sent_at` is what was known before (real times)."""

    message_id: int
    fence: int
    attempt: int
    body: str
    lease_until: datetime
    maybe_sent_at: datetime | None

    @property
    def claimed_at(self) -> datetime:
        """No attempt of this claim was made before."""
        return self.lease_until - LEASE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to. ENQUEUED: to be tried again, at the earliest after `wait_s`.

    One that WeCom did not listen to, being over a frequency limit, is no attempt: it does not count. `maybe_sent`
    says that WeCom may have taken the message, whatever it answered.
    """

    claim: Claim
    state: MessageState
    reason: str = ""
    msgid: str = ""
    wait_s: float = 0.0
    counts: bool = True
    maybe_sent: bool = False

    @property
    def maybe_sent_at(self) -> datetime | None:
        """Since when WeCom may have the message, this attempt included."""
        return self.claim.maybe_sent_at or (self.claim.claimed_at if self.maybe_sent else None)


def deliver_due(database: Database, port: WeComPort, deadline: Deadline) -> Progress:
    """Send what is due, batch by batch; safe in any number of processes. `done` counts attempts.

    Raises what the port raises beside its own errors, a bug, once the rest of the batch is recorded; the message it
    happened to is met again when its lease ends.
    """
    done = 0
    while not deadline.has_passed():
        claims = database.in_transaction(lambda session: claim(session, BATCH))
        failpoint("push.claimed")
        if not claims:
            return Progress(done, more=False)
        outcomes, broken = _call_all(port, claims)
        failpoint("push.called")
        database.in_transaction(lambda session: record(session, outcomes))  # noqa: B023 - runs now
        failpoint("push.recorded")
        if broken:
            raise broken[0]
        done += len(claims)
        if len(claims) < BATCH:
            return Progress(done, more=False)
    return Progress(done, more=True)


def claim(session: Session, most: int) -> list[Claim]:
    """Lease at most `most` due messages.

    Abandoned instead: one that has had its last attempt, and one that WeCom may not recognise any longer.
    """
    now = clock.real_now(session)
    due = claim_due(session, Lane.PUSH, now, OWNERS, MESSAGES.c.id, most)
    lease_until = now + LEASE
    rows = [row for row in due if _may_go(row, lease_until)]
    _abandon(session, [row for row in due if not _may_go(row, lease_until)])
    if rows:
        leased = {"ids": [row.id for row in rows], "until": lease_until, "now": now}
        session.connection().execute(LEASING, leased)
        set_timers(session, ((TimerKey(Lane.PUSH, lease_until, row.id), None) for row in rows))
    return [
        Claim(row.id, row.fence + 1, row.attempts + 1, row.body, lease_until, row.maybe_sent_at)
        for row in rows
    ]


def record(session: Session, outcomes: Sequence[Outcome]) -> int:
    """Write down outcomes; returns how many. One whose message was claimed again since is dropped."""
    moment, connection = clock.moment(session), session.connection()
    ids = [outcome.claim.message_id for outcome in outcomes]
    current: dict[int, int] = dict(connection.execute(ENQUEUED, {"ids": ids}).all())
    ours = [outcome for outcome in outcomes if current.get(outcome.claim.message_id) == outcome.claim.fence]
    changes = {outcome.claim.message_id: _changes(outcome, moment) for outcome in ours}
    _change(session, changes)
    again = {each: row["next_due_at"] for each, row in changes.items() if row["next_due_at"] is not None}
    set_timers(session, [(TimerKey(Lane.PUSH, at, each), None) for each, at in again.items()])
    clear_timers(
        session, [TimerKey(Lane.PUSH, each.claim.lease_until, each.claim.message_id) for each in ours]
    )
    return len(ours)


def _change(session: Session, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Messages that become alike but for WeCom's id, as nearly all of a batch do, by one statement."""
    alike: dict[tuple[Any, ...], dict[int, str]] = defaultdict(dict)
    for message_id, row in changes.items():
        alike[tuple(row[name] for name in ALIKE)][message_id] = row["wecom_msgid"]
    for values, msgids in alike.items():
        msgid = case(msgids, value=MESSAGES.c.id)
        changing = update(MESSAGES).where(is_among(MESSAGES.c.id, msgids))
        changed = changing.values(wecom_msgid=msgid, **dict(zip(ALIKE, values, strict=True)))
        session.connection().execute(changed)


def _call_all(port: WeComPort, claims: Sequence[Claim]) -> tuple[list[Outcome], list[BaseException]]:
    if len(claims) == 1:
        return [_call(port, claims[0])], []
    with _callers() as hands:
        calls = [hands.submit(_call, port, each) for each in claims]
        wait(calls)
    errors = [(call, call.exception()) for call in calls]
    return [call.result() for call, error in errors if error is None], [each for _, each in errors if each]


@contextmanager
def _callers() -> Iterator[Executor]:
    """Enough threads for a batch. [M] Beginning them for each costs as much as the calls: the process's own are kept.

    Who comes while somebody has them begins others, for nobody's calls wait behind another batch's.
    """
    if KEPT_IS_FREE.acquire(blocking=False):
        try:
            yield KEPT
        finally:
            KEPT_IS_FREE.release()
    else:
        with ThreadPoolExecutor(BATCH) as others:
            yield others


def _call(port: WeComPort, claim: Claim) -> Outcome:
    """One attempt. Whatever is wrong with our app, not with the message, is tried again as well."""
    try:
        sent = port.send_app_message(claim.body)
    except WeComPaused as error:
        return _later(claim, str(error), wait_s=error.wait_s, counts=False, maybe_sent=error.sent)
    except WeComRetryable as error:
        return _later(claim, str(error), wait_s=error.wait_s, maybe_sent=error.sent)
    except WeComMisconfigured as error:
        log.error("push_misconfigured", reason=str(error))
        return _later(claim, str(error))
    except WeComRejected as error:
        return Outcome(claim, MessageState.ABANDONED, str(error))
    if sent.invalid_userids:
        unknown = ", ".join(sorted(sent.invalid_userids))
        return Outcome(
            claim, MessageState.ABANDONED, f"WeCom does not know {unknown}", sent.msgid, maybe_sent=True
        )
    return Outcome(claim, MessageState.DELIVERED, msgid=sent.msgid, maybe_sent=True)


def _later(
    claim: Claim, reason: str, *, wait_s: float = 0.0, counts: bool = True, maybe_sent: bool = False
) -> Outcome:
    """Another attempt, unless this was the last, or WeCom wants to be left alone until it knows the body no more."""
    outcome = Outcome(claim, MessageState.ENQUEUED, reason, "", wait_s, counts, maybe_sent)
    if counts and claim.attempt >= MAX_ATTEMPTS:
        return replace(
            outcome,
            state=MessageState.ABANDONED,
            reason=f"{GAVE_UP} after {claim.attempt} attempts: {reason}",
        )
    if not is_recognised(outcome.maybe_sent_at, claim.lease_until + timedelta(seconds=wait_s)):
        return replace(
            outcome, state=MessageState.ABANDONED, reason=f"{GAVE_UP}, held back too long: {reason}"
        )
    return outcome


def _may_go(row: Any, lease_until: datetime) -> bool:
    return row.attempts < MAX_ATTEMPTS and is_recognised(row.maybe_sent_at, lease_until)


def _changes(outcome: Outcome, moment: clock.Moment) -> dict[str, Any]:
    delivered = outcome.state is MessageState.DELIVERED
    again = outcome.state is MessageState.ENQUEUED
    chance = random.random()  # noqa: S311 - jitter, not a secret
    wait = wait_after(outcome.claim.attempt, chance, outcome.wait_s)
    if outcome.state is MessageState.ABANDONED:
        log.warning("push_abandoned", message_id=outcome.claim.message_id, reason=outcome.reason)
    return {
        "state": outcome.state,
        "attempts": outcome.claim.attempt if outcome.counts else outcome.claim.attempt - 1,
        "reason": outcome.reason[:REASON],
        "wecom_msgid": outcome.msgid[:REASON],
        "delivered_at": moment.business if delivered else None,
        "next_due_at": moment.real + wait if again else None,
        "maybe_sent_at": outcome.maybe_sent_at,
    }


def _abandon(session: Session, rows: Sequence[Any]) -> None:
    """The process that made the last attempt never said what came of it, or that was too long ago."""
    table = table_of(OutboundMessage)
    for row in rows:
        why = f"after {row.attempts} attempts, the last one interrupted"
        if row.attempts < MAX_ATTEMPTS:
            why = "as WeCom may have taken it long ago and would show it twice"
        reason = f"{GAVE_UP} {why}: {row.reason}"
        its = update(table).where(table.c.id == row.id)
        changes = {"state": MessageState.ABANDONED, "reason": reason[:REASON], "next_due_at": None}
        session.connection().execute(its.values(changes))
        log.warning("push_abandoned", message_id=row.id, reason=reason)
