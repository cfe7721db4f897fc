"""The inbox lane: each event is looked at outside a transaction and applied once, whatever fails or dies on the way."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count, pairwise
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.errors import NotFound
from app.inbound.models import InboundState, ReceivedEvent
from app.inbound.rules import (
    FORGIVING_ATTEMPTS,
    LEASE,
    LONGEST_WAIT_S,
    MOST_FAILURES,
    longest_wait,
    wait_after,
)
from app.inbound.service import put_back, receive_all
from app.intake import inbox as lane
from app.intake.inbox import BATCH, NOT_HANDLED, Failure, claim, record
from app.intake.quarantine import quarantined_events, retry_events
from app.stores.models import Branch
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComMisconfigured, WeComRejected, WeComRetryable
from tests.intake.wecom_inbox import Inbox, Recorder, event


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def always(error: Exception) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail


def test_an_event_is_looked_at_and_applied_once(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1), event(2))
    assert inbox.run(recorder.handlers()).done == 2
    assert inbox.states() == [InboundState.APPLIED] * 2
    assert sorted(inbox.written()) == ["saw wm1", "saw wm2"]
    assert inbox.timers() == set()
    assert inbox.run(recorder.handlers()).done == 0


def test_a_hundred_repeats_in_any_order_between_runs_have_one_effect_each(inbox: Inbox, recorder: Recorder):
    told = [event(number, WelcomeCode=f"c{number}") for number in range(5) for _ in range(100)]
    random.Random(3).shuffle(told)
    for start in range(0, len(told), 50):
        inbox.receive(*told[start : start + 50])
        inbox.run(recorder.handlers())
    assert sorted(inbox.written()) == [f"saw wm{number}" for number in range(5)]
    assert len(inbox.rows()) == 5


def test_receiving_many_at_once_tells_repeats_from_what_is_new(inbox: Inbox, database: Database):
    inbox.receive(event(1))
    with database.transaction() as session:
        now = clock.real_now(session)
        assert receive_all(session, [event(number % 300) for number in range(600)], now) == 299
        assert receive_all(session, [], now) == 0
    inbox.assert_timers_are_their_owners()


def test_wecom_is_looked_at_while_no_transaction_is_open(inbox: Inbox, recorder: Recorder):
    """Another writer gets its turn during a look; within a transaction of ours SQLite would keep it waiting."""

    def look(_event: WeComEvent) -> str:
        with Database(inbox.database.engine.url.render_as_string(hide_password=False)).transaction() as other:
            other.add(Branch(id=10**6, code="other", name="written during the look"))
        return "saw"

    recorder.look_does = look
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    assert set(inbox.written()) == {"written during the look", "saw"}


def test_an_event_without_a_handler_is_kept_as_such(inbox: Inbox):
    inbox.receive(event(1))
    inbox.run({})
    assert [(row.state, row.reason) for row in inbox.rows()] == [(InboundState.APPLIED, NOT_HANDLED)]
    assert inbox.timers() == set()


def test_the_handler_of_the_change_comes_before_that_of_the_event(inbox: Inbox):
    whole, change = Recorder(), Recorder()
    inbox.receive(event(1), event(2, ChangeType="del_follow_user"))
    inbox.run({**whole.handlers(), **change.handlers("change_external_contact:del_follow_user")})
    assert (whole.looks, change.looks) == (["wm1"], ["wm2"])


def test_wecoms_troubles_last_as_long_as_they_last(inbox: Inbox, recorder: Recorder):
    """Far more often than an event's own failures are forgiven."""
    recorder.look_does = always(WeComRetryable("externalcontact/get", "-1 system busy"))
    inbox.receive(event(1))
    for _ in range(4 * MOST_FAILURES):
        inbox.run(recorder.handlers())
        inbox.assert_timers_are_their_owners()
        inbox.bring_due()
    recorder.look_does = always(WeComMisconfigured("externalcontact/get", 48002, "api forbidden"))
    for _ in range(2 * MOST_FAILURES):
        inbox.run(recorder.handlers())
        inbox.bring_due()
    assert inbox.states() == [InboundState.RECEIVED]
    recorder.look_does = lambda _event: "saw"
    inbox.run(recorder.handlers())
    assert inbox.states() == [InboundState.APPLIED]
    assert [row.reason for row in inbox.rows()] == [""]


def test_a_permission_that_nobody_grants_for_a_day_is_listed_in_the_end(inbox: Inbox, recorder: Recorder):
    recorder.look_does = always(WeComMisconfigured("externalcontact/get", 48002, "api forbidden"))
    inbox.receive(event(1))
    with inbox.database.transaction() as session:
        tried = update(ReceivedEvent).values(attempts=FORGIVING_ATTEMPTS, excused=FORGIVING_ATTEMPTS)
        session.execute(tried)
    for _ in range(MOST_FAILURES):
        assert inbox.states() == [InboundState.RECEIVED]
        inbox.run(recorder.handlers())
        inbox.bring_due()
    assert inbox.states() == [InboundState.QUARANTINED]
    assert "48002" in inbox.rows()[0].reason


def test_a_pause_that_wecom_asks_for_is_kept(inbox: Inbox, recorder: Recorder):
    recorder.look_does = always(WeComRetryable("externalcontact/get", "45009", wait_s=900.0))
    inbox.receive(event(1))
    with inbox.database.reading() as session:
        before = clock.real_now(session)
    inbox.run(recorder.handlers())
    (work,) = inbox.works()
    assert work.next_due_at is not None
    assert work.next_due_at - before >= timedelta(seconds=900)


@pytest.mark.parametrize(
    "error",
    [
        WeComRejected("externalcontact/get", 40096, "invalid external userid"),
        KeyError("a bug"),
        NotFound("unknown_id"),
    ],
)
@pytest.mark.parametrize("half", ["look", "apply"])
def test_what_fails_by_itself_is_set_aside_after_some_attempts_and_nothing_of_it_is_written(
    inbox: Inbox, error: Exception, half: str
):
    failing = Recorder(**{f"{half}_does": always(error)})
    inbox.receive(event(1))
    for attempt in range(1, MOST_FAILURES + 1):
        assert inbox.states() == [InboundState.RECEIVED], attempt
        inbox.run(failing.handlers())
        inbox.bring_due()
    (row,) = inbox.rows()
    assert row.state == InboundState.QUARANTINED
    assert row.reason.startswith(type(error).__name__)
    assert inbox.written() == []
    assert inbox.timers() == set()
    assert len(failing.looks) == MOST_FAILURES


def test_one_that_fails_holds_up_no_other(inbox: Inbox, recorder: Recorder):
    def look(told: WeComEvent) -> str:
        if told.text("ExternalUserID") == "wm7":
            raise ValueError("poison")
        return "saw"

    recorder.look_does = look
    inbox.receive(*map(event, range(3 * BATCH)))
    inbox.run(recorder.handlers())
    assert Counter(inbox.states()) == {InboundState.APPLIED: 3 * BATCH - 1, InboundState.RECEIVED: 1}


def test_a_payload_that_cannot_be_read_is_set_aside(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1))
    with inbox.database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE inbound SET payload = 'noise'")
    for _ in range(MOST_FAILURES):
        inbox.run(recorder.handlers())
        inbox.bring_due()
    assert inbox.states() == [InboundState.QUARANTINED]


def test_what_was_set_aside_is_listed_and_can_be_tried_again(inbox: Inbox, recorder: Recorder):
    recorder.look_does = always(ValueError("not yet"))
    inbox.receive(event(1), event(2))
    for _ in range(MOST_FAILURES):
        inbox.run(recorder.handlers())
        inbox.bring_due()
    with inbox.database.reading() as session:
        listed = quarantined_events(session)
    assert [(one.source, one.reason) for one in listed] == [("wecom", "ValueError: not yet")] * 2
    outcomes = list(retry_events(inbox.database, [one.id for one in listed]))
    assert [(one.id, result) for one, result in outcomes] == [(one.id, None) for one in listed]
    inbox.assert_timers_are_their_owners()
    recorder.look_does = lambda _event: "saw"
    inbox.run(recorder.handlers())
    assert inbox.states() == [InboundState.APPLIED] * 2
    assert list(retry_events(inbox.database, [one.id for one in listed])) == []


def test_only_what_is_in_quarantine_is_put_back(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    with inbox.database.transaction() as session:
        now = clock.real_now(session)
        assert not put_back(session, inbox.rows()[0].id, now)
        assert not put_back(session, 12345, now)


def test_a_lease_keeps_others_away_until_it_ends(inbox: Inbox, recorder: Recorder):
    """A process that claimed and died."""
    inbox.receive(event(1))
    with inbox.database.transaction() as session:
        (lost,) = claim(session, BATCH)
    assert inbox.run(recorder.handlers()).done == 0
    inbox.assert_timers_are_their_owners()
    inbox.bring_due()
    assert inbox.run(recorder.handlers()).done == 1
    assert lost.fence == 1
    assert inbox.written() == ["saw wm1"]


def test_who_was_overtaken_writes_nothing(inbox: Inbox, recorder: Recorder):
    """It stalls after its look, longer than its lease; meanwhile another process applies the event."""
    inbox.receive(event(1))

    def stall(told: WeComEvent) -> str:
        recorder.look_does = lambda _event: "second"
        inbox.bring_due()
        inbox.run(recorder.handlers())
        return "first"

    recorder.look_does = stall
    inbox.run(recorder.handlers())
    assert inbox.written() == ["second"]
    assert inbox.states() == [InboundState.APPLIED]
    assert inbox.timers() == set()


def test_a_failure_of_who_was_overtaken_is_not_recorded(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1))
    with inbox.database.transaction() as session:
        (lost,) = claim(session, BATCH)
    inbox.bring_due()
    inbox.run(recorder.handlers())
    with inbox.database.transaction() as session:
        assert record(session, [Failure(lost, "too late", excused=False)]) == 0
    assert [(row.state, row.reason) for row in inbox.rows()] == [(InboundState.APPLIED, "")]


def test_an_event_that_kills_its_process_every_time_is_set_aside(inbox: Inbox, recorder: Recorder):
    inbox.receive(event(1), event(2))
    for _ in range(MOST_FAILURES):
        with inbox.database.transaction() as session:
            assert len(claim(session, BATCH)) == 2
        inbox.bring_due()
    assert inbox.run(recorder.handlers()).done == 0
    assert inbox.states() == [InboundState.QUARANTINED] * 2
    assert "interrupted" in inbox.rows()[0].reason
    assert inbox.timers() == set()


def test_what_was_seen_before_another_process_applied_a_later_look_is_looked_at_again(
    inbox: Inbox, recorder: Recorder
):
    """Two events of one customer in two processes: the one that looked first must not write last."""
    shown = iter(["old", "new", "new"])
    told = count()
    inbox.receive(event(1))

    def look(_event: WeComEvent) -> str:
        saw = next(shown)
        if next(told) == 0:  # while we think about it, the customer changes and another process is told
            inbox.receive(event(1, CreateTime="1772352005"))
            inbox.run(recorder.handlers())
        return saw

    recorder.look_does = look
    inbox.run(recorder.handlers())
    assert inbox.written() == ["new", "new"]
    assert inbox.states() == [InboundState.APPLIED] * 2
    assert [work.attempts - work.excused for work in inbox.works()] == [1, 1]


def test_events_of_one_customer_follow_one_another_and_others_do_not_wait(inbox: Inbox, recorder: Recorder):
    """In one batch: a look at a customer begins once the customer's last event is written."""
    states: list[tuple[str, int]] = []

    def look(told: WeComEvent) -> str:
        states.append((told.text("ExternalUserID"), len(inbox.written())))
        return told.text("ExternalUserID")

    recorder.look_does = look
    inbox.receive(*(event(1, CreateTime=f"177235200{number}") for number in range(4)), event(2))
    inbox.run(recorder.handlers())
    written_before = [written for subject, written in states if subject == "wm1"]
    assert len(recorder.looks) == 5  # nothing was looked at twice
    assert all(later > earlier for earlier, later in pairwise(written_before))
    assert Counter(inbox.written()) == {"wm1": 4, "wm2": 1}


def test_several_processes_apply_each_event_once(inbox: Inbox, recorder: Recorder):
    inbox.receive(*map(event, range(120)))
    url = inbox.database.engine.url.render_as_string(hide_password=False)
    hands = [Inbox(Database(url)) for _ in range(4)]
    with ThreadPoolExecutor(len(hands)) as threads:
        list(threads.map(lambda hand: hand.run(recorder.handlers()), hands))
    for hand in hands:
        hand.database.close()
    assert set(inbox.states()) == {InboundState.APPLIED}
    assert Counter(inbox.written()) == {f"saw wm{number}": 1 for number in range(120)}


def test_what_ends_the_process_is_not_an_events_failure(inbox: Inbox, recorder: Recorder):
    recorder.look_does = always(SystemExit(3))  # type: ignore[arg-type]
    inbox.receive(event(1))
    with pytest.raises(SystemExit):
        inbox.run(recorder.handlers())
    assert inbox.states() == [InboundState.RECEIVED]


def test_the_databases_trouble_is_no_failure_of_an_event(
    inbox: Inbox, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
):
    """A statement the database does not understand stands for one that it lost."""

    def break_off(session: Session, _event: WeComEvent, _looked: Any) -> None:
        session.connection().exec_driver_sql("SELECT * FROM no_such_table")

    recorder.apply_does = break_off
    inbox.receive(event(1))
    for _ in range(2 * MOST_FAILURES):
        inbox.run(recorder.handlers())
        inbox.bring_due()
    assert inbox.states() == [InboundState.RECEIVED]


def test_failpoints_stand_where_a_crash_would_hurt(
    inbox: Inbox, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
):
    passed: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(lane, "failpoint", lambda name: passed.append((name, inbox.written())))
    inbox.receive(event(1))
    inbox.run(recorder.handlers())
    assert passed[:3] == [("inbox.claimed", []), ("inbox.looked", []), ("inbox.applied", ["saw wm1"])]


def test_waits_grow_within_bounds_and_a_lease_outlasts_the_first_of_them():
    waits = [longest_wait(attempt) for attempt in range(1, 200)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    for attempt in (1, 3, 50):
        bound = timedelta(seconds=longest_wait(attempt))
        assert bound / 2 <= wait_after(attempt, 0.0) <= wait_after(attempt, 0.999) <= bound
    assert wait_after(1, 0.5, asked_s=3600) == timedelta(hours=1)
    assert timedelta(seconds=longest_wait(1)) < LEASE


def test_no_more_is_claimed_than_asked_for(inbox: Inbox):
    inbox.receive(*map(event, range(5)))
    with inbox.database.transaction() as session:
        assert len(claim(session, 3)) == 3
        assert len(claim(session, 3)) == 2
        assert claim(session, 3) == []
        assert session.scalar(select(func.count()).select_from(Branch)) == 0
