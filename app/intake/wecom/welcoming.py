"""The welcome lane: claim (commit) → send → record (commit). At most once per welcome code, ever.

A code is good for 20 seconds and once (facts 3.7), so nothing is repeated: what is past our own deadline is not sent,
and where a process died after its claim nobody can know whether it sent. Both become work items for the associate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database, table_of
from app.failpoints import failpoint
from app.inbound.models import Inbound, ReceivedEvent
from app.intake.wecom.greetings import WelcomeWords, ask_to_greet
from app.lanes import Deadline, Progress
from app.members.contacts import people_by_userid
from app.members.models import ExternalContact
from app.messaging.models import Welcome, WelcomeState
from app.stores.models import Store
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.callbacks import BadCallback, WeComEvent
from app.wecom.errors import WeComError, WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

BATCH = 32
REASON = 255
# WeCom takes a code for 20 s from the event on; the way to us and the way of the call back are within them.
OWN_DEADLINE = timedelta(seconds=15)
# A claim's life: longer than the port's longest call. Whose claim is older died.
LEASE = timedelta(seconds=60)
STATE = {
    WelcomeOutcome.SENT: WelcomeState.SENT,
    WelcomeOutcome.ALREADY: WelcomeState.TAKEN,
    WelcomeOutcome.TOO_LATE: WelcomeState.LATE,
}
PAUSE_S = 0.5
ASK = (WelcomeState.LATE, WelcomeState.FAILED, WelcomeState.UNKNOWN)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A code that is ours to use, for so many seconds (real time)."""

    inbound_id: int
    code: str
    wecom_userid: str
    external_userid: str
    associate: str
    store: str
    contact: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a welcome; the text and the name as they were, or would have been, sent."""

    inbound_id: int
    state: WelcomeState
    text: str
    contact: str
    reason: str = ""


def welcome_due(database: Database, wecom: WeComPort, words: WelcomeWords, deadline: Deadline) -> Progress:
    """Welcome every new contact whose code still is good; safe in any number of processes. `done` counts codes."""
    done = 0
    while not deadline.has_passed():
        handled, claims = database.in_transaction(lambda session: claim(session, words, BATCH))
        if not handled:
            return Progress(done, more=False)
        failpoint("welcome.claimed")
        outcomes = _send_all(wecom, words, claims)
        failpoint("welcome.called")
        database.in_transaction(lambda session: record(session, words, outcomes))  # noqa: B023 - runs now
        done += handled
    return Progress(done, more=True)


def claim(session: Session, words: WelcomeWords, most: int) -> tuple[int, list[Claim]]:
    """Take at most `most` due timers of the lane: how many, and what of it is ours to send now.

    The others are settled: too late, nobody of ours, or claimed by a process that never said what came of it.
    """
    moment = clock.moment(session)
    timers = _take_timers(session, moment.real, most)
    ids = [timer.subject_id for timer in timers]
    locking = select(Welcome).where(Welcome.inbound_id.in_(ids)).with_for_update()
    begun = {row.inbound_id: row for row in session.scalars(locking)}
    claims = []
    for timer in timers:
        welcome = begun.get(timer.subject_id)
        if welcome is None:
            mine = _begin(session, timer, words, moment)
            claims += [mine] if mine is not None else []
        elif welcome.state == WelcomeState.CLAIMED and welcome.next_due_at == timer.due_at:
            log.warning("welcome_interrupted", inbound_id=welcome.inbound_id)
            _settle(session, welcome, WelcomeState.UNKNOWN, "interrupted", words)
    return len(timers), claims


def record(session: Session, words: WelcomeWords, outcomes: Sequence[Outcome]) -> None:
    """Write down what became of them. One that was given up meanwhile stays so: somebody has been asked."""
    for outcome in sorted(outcomes, key=lambda one: one.inbound_id):
        locking = select(Welcome).where(Welcome.inbound_id == outcome.inbound_id).with_for_update()
        welcome = session.scalars(locking.execution_options(populate_existing=True)).one()
        if welcome.state != WelcomeState.CLAIMED or welcome.next_due_at is None:
            continue
        clear_timers(session, [TimerKey(Lane.WELCOME, welcome.next_due_at, welcome.inbound_id)])
        welcome.text, welcome.contact_name = outcome.text, outcome.contact[:128]
        _settle(session, welcome, outcome.state, outcome.reason, words)


def age_of(received_at: datetime, event: WeComEvent, moment: clock.Moment) -> timedelta:
    """How old a code is, in real time.

    WeCom's clock starts with the event, and a callback that had to be repeated came late; but CreateTime is business
    time. So it counts where the two are the same, which they always are in production. In a sandbox that was moved
    forward the code's age is counted from its arrival.
    """
    since_arrival = moment.real - received_at
    if moment.offset:
        return since_arrival
    return max(since_arrival, moment.real - clock.instant_of(event.created_at_s))


def _take_timers(session: Session, now: datetime, most: int) -> list[TimerKey]:
    due = (
        select(Timer.lane, Timer.due_at, Timer.subject_id)
        .where(Timer.lane == str(Lane.WELCOME), Timer.due_at <= now)
        .order_by(Timer.due_at, Timer.subject_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    timers = [TimerKey(*row) for row in session.execute(due)]
    clear_timers(session, timers)
    return timers


def _begin(session: Session, timer: TimerKey, words: WelcomeWords, moment: clock.Moment) -> Claim | None:
    """Write the welcome's row, for ever: the code is used by whoever wrote it, or by nobody."""
    waits = table_of(ReceivedEvent)
    its = update(waits).where(waits.c.inbound_id == timer.subject_id)
    session.connection().execute(its.values(welcome_due_at=None))
    event = _event(session, timer.subject_id)
    userid, external_userid = event.text("UserID").lower(), event.text("ExternalUserID")
    who = _who(session, userid)
    contact = _contact_name(session, external_userid)
    welcome = Welcome(
        inbound_id=timer.subject_id,
        wecom_userid=userid[:64],
        external_userid=external_userid[:64],
        associate_id=who.id if who else None,
        contact_name=contact,
        text="",
        why="",
        state=WelcomeState.CLAIMED,
        reason="",
        claimed_at=moment.real,
    )
    session.add(welcome)
    if who is None:
        log.info("welcome_for_unknown_account", wecom_userid=userid)
        _settle(session, welcome, WelcomeState.UNNEEDED, "unknown_account", words)
        return None
    welcome.text = words.welcome(associate=who.name, store=who.store or "", contact=contact)
    left = OWN_DEADLINE - age_of(timer.due_at, event, moment)
    if left <= timedelta(0):
        _settle(session, welcome, WelcomeState.LATE, "past_deadline", words)
        return None
    welcome.next_due_at = moment.real + LEASE
    set_timers(session, [(TimerKey(Lane.WELCOME, welcome.next_due_at, welcome.inbound_id), None)])
    session.flush()
    code = event.text("WelcomeCode")
    names = (who.name, who.store or "", contact)
    return Claim(timer.subject_id, code, userid, external_userid, *names, left.total_seconds())


def _event(session: Session, inbound_id: int) -> WeComEvent:
    """Only what was decoded is ever kept (inbound/service.py); anything else is nobody's."""
    payload = session.scalar(select(Inbound.payload).where(Inbound.id == inbound_id))
    try:
        return WeComEvent.decode(payload or "")
    except BadCallback:
        return WeComEvent("", "", 0, {})


def _who(session: Session, userid: str) -> Row[*tuple[Any, ...]] | None:
    """The associate's id and name, and their store's name."""
    associate_id = people_by_userid(session, [userid]).get(userid)
    query = select(Associate.id, Associate.name, Store.name.label("store"))
    query = query.outerjoin(Store, Store.id == Associate.store_id)
    return session.execute(query.where(Associate.id == associate_id)).one_or_none()


def _contact_name(session: Session, external_userid: str) -> str:
    query = select(ExternalContact.name).where(ExternalContact.external_userid == external_userid)
    return session.scalar(query) or ""


def _settle(
    session: Session, welcome: Welcome, state: WelcomeState, reason: str, words: WelcomeWords
) -> None:
    welcome.state, welcome.reason, welcome.next_due_at = state, reason[:REASON], None
    welcome.recorded_at = clock.real_now(session)
    session.flush()
    if state in ASK:
        log.warning("welcome_not_sent", inbound_id=welcome.inbound_id, state=state, reason=reason)
        ask_to_greet(session, welcome, words)


def _send_all(wecom: WeComPort, words: WelcomeWords, claims: Sequence[Claim]) -> list[Outcome]:
    """All at once: none waits behind slow ones until its code is worth nothing."""
    if not claims:
        return []
    with ThreadPoolExecutor(len(claims)) as hands:
        return list(hands.map(lambda claim: _send(wecom, words, claim), claims))


def _send(wecom: WeComPort, words: WelcomeWords, claim: Claim) -> Outcome:
    deadline = Deadline(claim.seconds)
    contact = claim.contact or (_ask_name(wecom, claim) if "{contact}" in words.text else "")
    text = words.welcome(associate=claim.associate, store=claim.store, contact=contact)
    state, reason = _call(wecom, claim.code, text, deadline)
    if state is None:
        time.sleep(PAUSE_S)
        state, reason = _call(wecom, claim.code, text, deadline)
    return Outcome(claim.inbound_id, state or WelcomeState.FAILED, text, contact, reason)


def _call(wecom: WeComPort, code: str, text: str, deadline: Deadline) -> tuple[WelcomeState | None, str]:
    """One call; None where WeCom did not take it, e.g. because another app is at it (41096): we may ask once more."""
    if deadline.has_passed():
        return WelcomeState.LATE, "past_deadline"
    try:
        return STATE[wecom.welcomes.send(code, content=text)], ""
    except WeComRetryable as error:
        return (WelcomeState.UNKNOWN if error.sent else None), str(error)
    except WeComRejected as error:
        return WelcomeState.FAILED, str(error)


def _ask_name(wecom: WeComPort, claim: Claim) -> str:
    """How the contact calls themselves; "" where WeCom does not say: a name is not worth a welcome."""
    try:
        contact = wecom.contacts.get(claim.external_userid)
    except WeComError:
        return ""
    return contact.profile.name if contact else ""
