"""The lane of text messages: claim (commit) → call the gateway → record (commit). Each is handed over once at most.

A message is claimed together with its member's `member_care`, so what closes its task in the meantime is seen. Where
an answer was lost, or the process died, the message is looked for at the gateway by its request id, adopted if it is
there and given up with that reason if it is not: never handed over again. Afterwards the gateway is asked whether it
arrived. Nothing is handed over in quiet hours, however late a message was left by an outage.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.failpoints import failpoint
from app.follow_ups.firing.falling_due import DueTimer, take_due
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.states import StepReason
from app.follow_ups.texting.calling import Claim, call
from app.follow_ups.texting.models import SmsMessage, SmsState
from app.follow_ups.texting.recording import record
from app.follow_ups.texting.rules import LEASE
from app.lanes import Deadline, Progress
from app.members.phones import open_phone, sealed_phones
from app.sales_scripts.rules import LINK, fill, unfilled
from app.sealing import Keyring
from app.sms.port import SmsPort
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.attention import Budget, read_budget
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items

BATCH = 8


@dataclass(frozen=True, slots=True)
class Texting:
    """What sending takes: the gateway, the key of members' numbers, and who makes the addresses of links."""

    port: SmsPort
    keys: Keyring
    links: LinkMaker


def text_due(database: Database, texting: Texting, deadline: Deadline) -> Progress:
    """Hand over, look for, or ask about what is due; safe in any number of processes. `done` counts messages."""
    done = 0
    while not deadline.has_passed():
        handled, claims = database.in_transaction(lambda session: claim(session, texting, BATCH))
        failpoint("sms.claimed")
        if claims:
            with ThreadPoolExecutor(len(claims)) as hands:
                outcomes = list(hands.map(lambda one: call(texting.port, one), claims))
            failpoint("sms.called")
            for outcome in outcomes:
                database.in_transaction(lambda session: record(session, outcome))  # noqa: B023 - runs now
            failpoint("sms.recorded")
        done += handled
        if not handled:
            return Progress(done, more=False)
    return Progress(done, more=True)


def claim(session: Session, texting: Texting, most: int) -> tuple[int, list[Claim]]:
    """Lease at most `most` due messages: how many were taken, and those there is something to call for."""
    now = clock.now(session)
    due = take_due(session, Lane.SMS, most, now)
    clear_timers(session, [timer.key for timer in due])
    rows = _waiting(session, due)
    if not rows:
        return len(due), []
    states = select(WorkItem.id, WorkItem.state).where(
        WorkItem.id.in_(sorted({row.work_item_id for row in rows}))
    )
    items: dict[int, str] = dict(session.execute(states).all())
    phones = sealed_phones(session, {row.member_id for row in rows})
    hours, budget = hours_of(session, {row.store_id for row in rows}), read_budget(session)
    out = {timer.member_id for timer in due if timer.has_opted_out}
    claims = []
    for row in rows:
        sealed = phones.get(row.member_id, "")
        number = open_phone(texting.keys, sealed) if sealed else None
        if row.state == SmsState.READY and not _may_go(
            session,
            row,
            items.get(row.work_item_id) == WorkState.OPEN and row.member_id not in out,
            number,
            now,
        ):
            continue
        if row.state == SmsState.READY and _waits(row, hours[row.store_id], budget, now):
            continue
        claims.append(_lease(row, number or "", texting.links, now))
    session.flush()
    set_timers(
        session,
        [
            (TimerKey(Lane.SMS, row.next_due_at, row.task_id), row.member_id)
            for row in rows
            if row.next_due_at is not None
        ],
    )
    return len(due), claims


def _waiting(session: Session, due: Sequence[DueTimer]) -> Sequence[SmsMessage]:
    """The messages that wait for exactly these timers; their members are locked."""
    at = {timer.key.subject_id: timer.key.due_at for timer in due}
    query = select(SmsMessage).where(SmsMessage.task_id.in_(sorted(at))).order_by(SmsMessage.task_id)
    rows = session.scalars(query.execution_options(populate_existing=True)).all() if at else []
    return [row for row in rows if row.next_due_at == at[row.task_id]]


def _may_go(session: Session, row: SmsMessage, is_wanted: bool, number: str | None, now: datetime) -> bool:
    """Whether there is still something to hand over; otherwise it is final."""
    if is_wanted and number is not None and row.valid_until > now:
        return True
    if is_wanted and number is None:  # forgotten since, or no secret opens it any more
        close_items(session, [row.work_item_id], WorkState.CANCELLED, StepReason.NO_PHONE, now)
    row.state, row.next_due_at = SmsState.TAKEN_BACK, None
    return False


def _waits(row: SmsMessage, hours: StoreHours, budget: Budget, now: datetime) -> bool:
    """Put off until quiet hours end; what would be over by then is left to expire."""
    opens = budget.askable_from(hours, now, row.valid_until)
    if opens <= now:
        return False
    row.next_due_at = opens
    if opens >= row.valid_until:
        row.state, row.next_due_at = SmsState.TAKEN_BACK, None
    return True


def _lease(row: SmsMessage, number: str, links: LinkMaker, now: datetime) -> Claim:
    if row.state == SmsState.READY:
        row.state, row.claimed_at = SmsState.CLAIMED, row.claimed_at or now
        row.request_id = row.request_id or secrets.token_hex(16)
        row.attempts += 1
    elif row.state == SmsState.CLAIMED:  # whoever had it died, or is very slow
        row.state = SmsState.DOUBTFUL
    row.fence += 1
    row.next_due_at = now + LEASE
    variables: Mapping[str, str] = json.loads(row.variables)
    if LINK in unfilled(row.text):
        link = {LINK: links.address_of(row.task_id)}
        row.text, variables = fill(row.text, link), {**variables, **link}
        row.variables = json.dumps(variables, ensure_ascii=False)
    return Claim(
        row.task_id,
        row.fence,
        row.attempts,
        SmsState(row.state),
        number,
        row.template,
        variables,
        row.request_id,
        row.claimed_at or now,
    )
