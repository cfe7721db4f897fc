"""A new contact is welcomed at most once, in time; whom no welcome reached, somebody is asked to greet."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from app import clock
from app.errors import Conflict, Forbidden, NotFound
from app.follow_ups.series.resuming import ask_served_again
from app.inbound.models import ReceivedEvent
from app.intake.wecom import welcoming
from app.intake.wecom.greetings import (
    WelcomeWords,
    complete_greeting,
    count_greetings,
    greetings_of_contact,
    open_greetings,
)
from app.intake.wecom.welcoming import LEASE, OWN_DEADLINE, Outcome, claim, record, welcome_due
from app.lanes import Deadline, Progress
from app.messaging.digests import DigestSender, gather_due
from app.messaging.models import Notice, OutboundMessage, Welcome, WelcomeState
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.client import LONGEST_CALL_S
from app.wecom.errors import WeComRejected, WeComRetryable
from app.worklist.expiry import expire_due
from app.worklist.models import WorkItem, WorkKind, WorkState
from app.worklist.queries import open_items
from config.welcome import read_welcome
from tasks.clock import RING_S
from tasks.timetable import TIMETABLE
from tests.checker import violations
from tests.intake.wecom.conftest import Desk
from tests.intake.wecom.fake_corp import contact_event

T0 = 1_790_000_000
WORDS = WelcomeWords.of(read_welcome())
ADD = "add_external_contact"
PATH = "externalcontact/send_welcome_msg"
BUSY = WeComRetryable(PATH, "41096 another app is sending")


class Hall:
    """The welcome lane and what came of it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.database = desk, desk.database

    def arrive(self, who: str = "wm1", userid: str = "owner", code: str = "code1") -> None:
        self.desk.corp.add(userid, who, T0)
        self.desk.keep(contact_event(ADD, T0, userid, who, WelcomeCode=code))

    def work(self) -> Progress:
        return welcome_due(self.database, self.desk.corp.port, WORDS, Deadline(30))

    def welcome(self) -> Welcome:
        with self.database.reading() as session:
            return session.scalars(select(Welcome)).one()

    def items(self) -> list[WorkItem]:
        with self.database.reading() as session:
            return list(session.scalars(select(WorkItem)))

    def age_timers(self, by: timedelta) -> None:
        """As if so much real time had passed for the lane."""
        with self.database.transaction() as session:
            for timer in session.scalars(select(Timer).where(Timer.lane == str(Lane.WELCOME))).all():
                earlier = timer.due_at - by
                clear_timers(session, [TimerKey(Lane.WELCOME, timer.due_at, timer.subject_id)])
                set_timers(session, [(TimerKey(Lane.WELCOME, earlier, timer.subject_id), None)])
                for model in (ReceivedEvent, Welcome):
                    column = "welcome_due_at" if model is ReceivedEvent else "next_due_at"
                    row = session.get(model, timer.subject_id)
                    if row is not None and getattr(row, column) is not None:
                        setattr(row, column, earlier)

    def claim_and_die(self) -> None:
        self.database.in_transaction(lambda session: claim(session, WORDS, 10))

    def settled(self) -> None:
        """Nothing waits, and the books are right."""
        self.desk.work()
        assert violations(self.database) == []


@pytest.fixture
def hall(desk: Desk) -> Hall:
    return Hall(desk)


def test_a_new_contact_is_welcomed_by_name_once(hall: Hall):
    hall.arrive()
    assert hall.work().done == 1
    assert hall.work().done == 0
    ((code, text),) = hall.desk.corp.sent
    assert code == "code1"
    assert "南京路店" in text
    assert "owner" in text
    assert text.startswith("顾客wm1您好")
    assert (hall.welcome().state, hall.welcome().contact_name) == ("sent", "顾客wm1")
    assert hall.items() == []
    hall.settled()


def test_the_same_event_again_and_an_event_without_a_code_welcome_nobody(hall: Hall):
    hall.arrive()
    hall.arrive()
    hall.desk.keep(contact_event(ADD, T0 + 1, who="wm2"))
    hall.work()
    hall.work()
    assert len(hall.desk.corp.sent) == 1


def test_somebody_whose_name_is_not_known_is_welcomed_all_the_same(hall: Hall):
    hall.desk.keep(contact_event("add_half_external_contact", T0, WelcomeCode="code1"))
    hall.work()
    assert [text for _, text in hall.desk.corp.sent] == [
        WORDS.welcome(associate="owner", store="南京路店", contact="")
    ]
    assert "{" not in hall.desk.corp.sent[0][1]


@pytest.mark.parametrize(
    ("answers", "state", "calls", "asks"),
    [
        ([WelcomeOutcome.SENT], "sent", 1, False),
        ([WelcomeOutcome.ALREADY], "taken", 1, False),
        ([WelcomeOutcome.TOO_LATE], "late", 1, True),
        ([BUSY, WelcomeOutcome.SENT], "sent", 2, False),
        ([BUSY, WelcomeOutcome.ALREADY], "taken", 2, False),
        ([BUSY, BUSY, WelcomeOutcome.SENT], "failed", 2, True),
        ([WeComRetryable(PATH, "read timed out", sent=True), WelcomeOutcome.SENT], "unknown", 1, True),
        ([WeComRejected(PATH, 41065, "attachment")], "failed", 1, True),
    ],
)
def test_each_answer_of_wecoms(
    hall: Hall, answers: list[Exception | WelcomeOutcome], state: str, calls: int, asks: bool
):
    hall.desk.corp.answers = list(answers)
    hall.arrive()
    hall.work()
    assert (hall.welcome().state, len(hall.desk.corp.sent)) == (state, calls)
    assert [item.kind for item in hall.items()] == [WorkKind.WELCOME] * asks
    hall.settled()


def test_past_our_own_deadline_nothing_is_sent_and_the_associate_is_asked(hall: Hall):
    hall.arrive()
    hall.age_timers(OWN_DEADLINE)
    hall.work()
    assert hall.desk.corp.sent == []
    assert (hall.welcome().state, hall.welcome().reason) == ("late", "past_deadline")
    (item,) = hall.items()
    assert (item.member_id, item.assignee_id) == (None, hall.desk.world.person("owner").id)
    assert item.title == WORDS.task_title
    hall.settled()


def test_where_the_process_died_after_its_claim_one_is_asked_and_nothing_is_sent(hall: Hall):
    hall.arrive()
    hall.claim_and_die()
    assert hall.work().done == 0, "the claim still lives"
    hall.age_timers(LEASE)
    assert hall.work().done == 1
    assert hall.work().done == 0
    assert hall.desk.corp.sent == []
    assert (hall.welcome().state, hall.welcome().reason) == ("unknown", "interrupted")
    assert len(hall.items()) == 1
    hall.settled()


def test_an_outcome_that_comes_after_it_was_given_up_changes_nothing(hall: Hall):
    hall.arrive()
    _, (claimed,) = hall.database.in_transaction(lambda session: claim(session, WORDS, 10))
    hall.age_timers(LEASE)
    hall.work()
    from_the_dead = [Outcome(claimed.inbound_id, WelcomeState.SENT, "您好", "")]
    hall.database.in_transaction(lambda session: record(session, WORDS, from_the_dead))
    assert hall.welcome().state == "unknown"
    assert len(hall.items()) == 1
    hall.settled()


def test_nobody_is_asked_for_an_account_that_is_nobody_of_ours(hall: Hall):
    hall.arrive(userid="stranger")
    hall.work()
    assert hall.desk.corp.sent == []
    assert (hall.welcome().state, hall.welcome().reason) == ("unneeded", "unknown_account")
    assert hall.items() == []
    hall.settled()


def test_a_digest_tells_of_it_like_of_any_task(hall: Hall):
    late(hall)
    with hall.database.transaction() as session:
        clock.jump_to(session, clock.now(session) + timedelta(minutes=5))
    sender = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)
    assert gather_due(hall.database, sender, Deadline(10)).done == 1
    with hall.database.reading() as session:
        (message,) = session.scalars(select(OutboundMessage)).all()
        (notice,) = session.scalars(select(Notice)).all()
    assert notice.state == "gathered"
    assert WORDS.task_title in message.body


def late(hall: Hall) -> int:
    """A welcome that came too late; its id."""
    hall.desk.hear(contact_event("edit_external_contact", T0 - 1))
    hall.arrive()
    hall.age_timers(OWN_DEADLINE)
    hall.work()
    return hall.welcome().inbound_id


def test_it_stands_in_the_worklist_and_in_the_chat_and_one_tap_completes_it(hall: Hall):
    welcome_id, owner = late(hall), hall.desk.world.actor("owner")
    with hall.database.reading() as session:
        (listed,) = open_greetings(session, owner, 10)
        assert greetings_of_contact(session, owner, "wm1") == [listed]
        assert greetings_of_contact(session, owner, "wm2") == []
        assert open_greetings(session, hall.desk.world.actor("colleague"), 10) == []
    assert (listed.id, listed.external_userid, listed.state) == (welcome_id, "wm1", WorkState.OPEN)
    assert listed.text.endswith("直接在这里找我。")
    done = [
        hall.database.in_transaction(lambda session: complete_greeting(session, owner, welcome_id))
        for _ in range(2)
    ]
    assert done[0] == done[1]
    assert done[0].state is WorkState.DONE
    with hall.database.reading() as session:
        assert open_greetings(session, owner, 10) == []
        assert count_greetings(session, owner, clock.now(session) - timedelta(days=1)) == (0, 1)
    hall.settled()


def test_only_who_is_asked_completes_it(hall: Hall):
    welcome_id, colleague = late(hall), hall.desk.world.actor("colleague")
    with pytest.raises(Forbidden), hall.database.transaction() as session:
        complete_greeting(session, colleague, welcome_id)
    with pytest.raises(NotFound), hall.database.transaction() as session:
        complete_greeting(session, colleague, 1)


def test_it_expires(hall: Hall):
    welcome_id, owner = late(hall), hall.desk.world.actor("owner")
    with hall.database.transaction() as session:
        clock.jump_to(session, clock.now(session) + WORDS.valid_for + timedelta(seconds=1))
    assert expire_due(hall.database, ask_served_again, Deadline(10)).done == 1
    assert [item.state for item in hall.items()] == [WorkState.EXPIRED]
    with pytest.raises(Conflict), hall.database.transaction() as session:
        complete_greeting(session, owner, welcome_id)
    hall.settled()


def test_who_left_is_not_asked_their_manager_is(hall: Hall):
    with hall.database.transaction() as session:
        owner = hall.desk.world.person("owner")
        session.merge(owner).ended_at = clock.now(session)
    late(hall)
    assert [item.assignee_id for item in hall.items()] == [hall.desk.world.person("manager").id]


def test_a_name_that_wecom_does_not_say_in_time_is_not_waited_for(hall: Hall):
    said = threading.Event()
    hall.desk.corp.on_look = lambda: waited(said)
    hall.arrive()
    try:
        hall.work()
        assert hall.desk.corp.looks == 1
        assert [text for _, text in hall.desk.corp.sent] == [
            WORDS.welcome(associate="owner", store="南京路店", contact="")
        ]
        assert hall.welcome().state == "sent"
    finally:
        said.set()


def test_who_arrives_while_another_is_slow_does_not_wait_for_them(hall: Hall):
    quick = threading.Event()

    def slow_until_the_other_is_welcomed(code: str) -> None:
        if code == "code2":
            quick.set()
            return
        hall.arrive("wm2", code="code2")
        waited(quick)

    hall.desk.corp.on_send = slow_until_the_other_is_welcomed
    hall.arrive()
    assert hall.work().done == 2
    assert quick.is_set()
    with hall.database.reading() as session:
        assert list(session.scalars(select(Welcome.state))) == ["sent", "sent"]
    assert sorted(code for code, _ in hall.desk.corp.sent) == ["code1", "code2"]
    hall.settled()


def waited(event: threading.Event) -> None:
    assert event.wait(60)


def test_a_claim_outlives_the_longest_way_of_sending():
    assert LEASE.total_seconds() > OWN_DEADLINE.total_seconds() + LONGEST_CALL_S


def test_rings_overlap_so_that_slow_sends_hold_up_nobody():
    (bell,) = [bell for bell in TIMETABLE if bell.lane is Lane.WELCOME]
    assert bell.at_once * RING_S > RING_S + LEASE.total_seconds() - OWN_DEADLINE.total_seconds()


@pytest.mark.parametrize("ahead_s", [0, 300])
def test_a_clock_ahead_of_wecoms_makes_no_welcome_late_and_is_told_of_once(
    hall: Hall, ahead_s: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(welcoming, "_skew_is_told", threading.Event())
    with hall.database.transaction() as session:
        session.execute(update(clock.ClockOffset).values(offset_us=0))
        told_at = int(clock.real_now(session).timestamp()) - ahead_s
    for number in (1, 2):
        who = f"wm{number}"
        hall.desk.corp.add("owner", who, told_at)
        hall.desk.keep(contact_event(ADD, told_at, "owner", who, WelcomeCode=f"code{number}"))
    with capture_logs() as logs:
        hall.work()
    assert len(hall.desk.corp.sent) == 2
    assert hall.items() == []
    alarms = [log for log in logs if log["event"] == "clock_ahead_of_wecom"]
    assert len(alarms) == (1 if ahead_s else 0)


@pytest.mark.parametrize("missing", ["text", "task"])
def test_words_that_say_nothing_are_refused(missing: str):
    document = read_welcome()
    del document[missing]
    with pytest.raises(KeyError):
        WelcomeWords.of(document)
    with pytest.raises(ValueError, match="text"):
        WelcomeWords.of(read_welcome() | {"text": " "})
