"""The welcome lane: claim (commit) → send → record (commit). At most once per welcome code, ever.

A code is good for 20 seconds and once (facts 3.7), so nothing is repeated: what is past our own deadline is not sent,
and where a process died after its claim nobody can know whether it sent. Both become work items for the associate.

Nobody waits for a slow neighbour: while welcomes are on their way the lane goes on claiming, and each is recorded when
its own answer comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
from app.timers import Lane, Timer, TimerKey, clear_timers, has_due, set_timers
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.callbacks import BadCallback, WeComEvent
from app.wecom.errors import WeComError, WeComRejected, WeComRetryable
from app.wecom.port import WeComPort

BATCH = 32
AT_ONCE = 64
REASON = 255
CODE_LIFE_S = 20.0  # WeCom takes a code for so long, from the event on
# From the event's arrival on; the way to us and the way of the call back are within the code's life.
OWN_DEADLINE = timedelta(seconds=15)
# A claim's life: longer than our deadline and the port's longest call, which may begin just before it. Whose claim is
# older died.
LEASE = timedelta(seconds=120)
LISTEN_S = 0.25  # while welcomes are on their way: how often the lane looks for new ones
NAME_S = 2.0
STATE = {
    WelcomeOutcome.SENT: WelcomeState.SENT,
    WelcomeOutcome.ALREADY: WelcomeState.TAKEN,
    WelcomeOutcome.TOO_LATE: WelcomeState.LATE,
}
PAUSE_S = 0.5
ASK = (WelcomeState.LATE, WelcomeState.FAILED, WelcomeState.UNKNOWN)

log = structlog.get_logger(__name__)
_asking = threading.BoundedSemaphore(
    AT_ONCE
)  # names asked for at a time, those nobody waits for any more too
_skew_is_told = threading.Event()


@dataclass(frozen=True, slots=True)
class Claim:
    """A code that is ours to use, for so many seconds (real time). `told_age_s`: how old it is by WeCom's clock."""

    inbound_id: int
    code: str
    wecom_userid: str
    external_userid: str
    associate: str
    store: str
    contact: str
    seconds: float
    told_age_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a welcome; the text and the name as they were, or would have been, sent."""

    inbound_id: int
    state: WelcomeState
    text: str
    contact: str
    reason: str = ""


def welcome_due(database: Database, wecom: WeComPort, words: WelcomeWords, deadline: Deadline) -> Progress:
    """Welcome every new contact whose code still is good; safe in any number of processes and threads.

    `done` counts codes. After the deadline none is claimed, but what is on its way is waited for: ring again meanwhile.
    """
    done = 0
    under_way: set[Future[None]] = set()
    with ThreadPoolExecutor(AT_ONCE) as hands:
        while True:
            room = 0 if deadline.has_passed() else min(BATCH, AT_ONCE - len(under_way))
            handled, claims = _claim_due(database, words, room)
            done += handled
            under_way |= {hands.submit(_welcome, database, wecom, words, one) for one in claims}
            if not handled and not under_way:
                return Progress(done, more=deadline.has_passed())
            over, under_way = wait(under_way, 0 if handled else LISTEN_S, FIRST_COMPLETED)
            for each in over:
                each.result()


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


def _claim_due(database: Database, words: WelcomeWords, room: int) -> tuple[int, list[Claim]]:
    """As `claim`; asked often, so it reads first."""
    if not room:
        return 0, []
    with database.reading() as session:
        if not has_due(session, Lane.WELCOME, clock.moment(session)):
            return 0, []
    handled, claims = database.in_transaction(lambda session: claim(session, words, room))
    if handled:
        failpoint("welcome.claimed")
    return handled, claims


def _told_age_s(event: WeComEvent, moment: clock.Moment) -> float:
    """How old a code is by WeCom's clock; 0 where a sandbox was moved forward, for CreateTime is business time."""
    return 0.0 if moment.offset else (moment.real - clock.instant_of(event.created_at_s)).total_seconds()


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
    # From its arrival on: were WeCom's clock behind ours, none would ever be in time. A callback that came late costs a
    # call that WeCom refuses.
    left = OWN_DEADLINE - (moment.real - timer.due_at)
    if left <= timedelta(0):
        _settle(session, welcome, WelcomeState.LATE, "past_deadline", words)
        return None
    welcome.next_due_at = moment.real + LEASE
    set_timers(session, [(TimerKey(Lane.WELCOME, welcome.next_due_at, welcome.inbound_id), None)])
    session.flush()
    code = event.text("WelcomeCode")
    names = (who.name, who.store or "", contact)
    seconds = left.total_seconds()
    return Claim(timer.subject_id, code, userid, external_userid, *names, seconds, _told_age_s(event, moment))


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


def _welcome(database: Database, wecom: WeComPort, words: WelcomeWords, claim: Claim) -> None:
    """Send one and write down what came of it."""
    outcome = _send(wecom, words, claim)
    if outcome.state is WelcomeState.SENT and claim.told_age_s > CODE_LIFE_S:
        _tell_of_skew(claim.told_age_s)
    failpoint("welcome.called")
    database.in_transaction(lambda session: record(session, words, [outcome]))


def _tell_of_skew(by_s: float) -> None:
    """WeCom took a code that by our clock was too old: once a process is enough to say so."""
    if not _skew_is_told.is_set():
        _skew_is_told.set()
        log.error("clock_ahead_of_wecom", by_s=round(by_s))


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
    """How the contact calls themselves; "" where WeCom does not say so at once: a name is not worth a welcome."""
    if not _asking.acquire(blocking=False):
        return ""
    name: Future[str] = Future()

    def ask() -> None:
        try:
            contact = wecom.contacts.get(claim.external_userid)
            name.set_result(contact.profile.name if contact else "")
        except WeComError:
            name.set_result("")
        finally:
            _asking.release()

    threading.Thread(target=ask, name="contact-name", daemon=True).start()
    try:
        return name.result(min(NAME_S, claim.seconds / 2))
    except TimeoutError:
        return ""
