"""Messages are delivered once as far as anybody can see, or given up with a reason."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from app import clock
from app.messaging.delivery import Outcome, claim, record
from app.messaging.models import MessageState
from app.messaging.rules import LEASE, MAX_ATTEMPTS, REPEATABLE_FOR, longest_wait
from app.timers import Lane, Timer
from app.wecom.errors import WeComMisconfigured, WeComPaused, WeComRejected, WeComRetryable
from tests.checker import violations
from tests.messaging.conftest import Office

TIMEOUT = WeComRetryable("message/send", "ReadTimeout", sent=True)
NOT_REACHED = WeComRetryable("message/send", "NewConnectionError")
TOO_LONG_S = REPEATABLE_FOR.total_seconds() + 1


def test_a_message_is_delivered_as_it_was_rendered(office: Office):
    body = office.digest().body
    assert office.deliver() == 1
    message = office.message()
    assert office.wecom.bodies == [body]
    assert (message.state, message.wecom_msgid, message.attempts) == (MessageState.DELIVERED, "msgid1", 1)
    assert message.delivered_at is not None
    assert message.delivered_at - message.enqueued_at < timedelta(seconds=10)
    assert office.deliver() == 0


def test_the_duplicate_check_is_on_and_outlasts_all_attempts(office: Office):
    sent = json.loads(office.digest().body)
    assert (sent["enable_duplicate_check"], sent["duplicate_check_interval"]) == (1, 4 * 3600)


def test_many_are_delivered_in_one_go(office: Office):
    for n in range(40):
        office.digest((1 + n % 3, n * 10))
    assert office.deliver() == 40
    assert sorted(office.wecom.bodies) == sorted(message.body for message in office.messages())


def test_an_attempt_that_failed_is_repeated_byte_for_byte(office: Office):
    body = office.digest().body
    office.wecom.answers.extend([TIMEOUT, TIMEOUT])
    for _ in range(3):
        assert office.deliver() == 1
        office.make_due()
    assert office.wecom.bodies == [body] * 3
    assert (office.message().state, office.message().attempts) == (MessageState.DELIVERED, 3)


def test_the_wait_before_the_next_attempt_is_within_its_bounds(office: Office):
    office.digest()
    office.wecom.answers.append(TIMEOUT)
    office.deliver()
    with office.database.reading() as session:
        wait_s = (
            office.timers(Lane.PUSH)[office.message().id].due_at - clock.real_now(session)
        ).total_seconds()
    assert longest_wait(1) / 2 - 1 <= wait_s <= longest_wait(1)
    assert "ReadTimeout" in office.message().reason
    assert office.deliver() == 0


def test_wecom_is_left_alone_as_long_as_it_asks(office: Office):
    office.digest()
    office.wecom.answers.append(WeComPaused("message/send", "45009", wait_s=60))
    office.deliver()
    with office.database.reading() as session:
        wait_s = (
            office.timers(Lane.PUSH)[office.message().id].due_at - clock.real_now(session)
        ).total_seconds()
    assert 59 <= wait_s <= 60


def test_a_pause_costs_no_attempt_however_often_it_comes(office: Office):
    body = office.digest().body
    pauses = [WeComPaused("message/send", "45009", wait_s=3600)] * (2 * MAX_ATTEMPTS)
    office.wecom.answers.extend([TIMEOUT, *pauses])
    for attempts in [1] * (1 + len(pauses)):
        office.deliver()
        assert (office.message().state, office.message().attempts) == (MessageState.ENQUEUED, attempts)
        office.check()
        office.make_due()
    office.deliver()
    assert (office.message().state, office.message().attempts) == (MessageState.DELIVERED, 2)
    assert set(office.wecom.bodies) == {body}


def test_a_long_pause_is_waited_for_by_what_wecom_has_not_seen(office: Office):
    office.digest()
    office.wecom.answers.append(WeComPaused("message/send", "45009", wait_s=TOO_LONG_S))
    office.deliver()
    assert (office.message().state, office.message().attempts) == (MessageState.ENQUEUED, 0)


def test_a_pause_wecom_would_not_recognise_the_body_after_ends_the_message(office: Office):
    office.digest()
    office.wecom.answers.extend([TIMEOUT, WeComPaused("message/send", "45009", wait_s=TOO_LONG_S)])
    office.deliver()
    office.make_due()
    office.deliver()
    assert (office.message().state, office.message().attempts) == (MessageState.ABANDONED, 1)
    assert "held back too long" in office.message().reason


def test_pauses_that_are_short_each_end_what_wecom_would_not_recognise_after_them_all(office: Office):
    office.digest()
    pauses = [WeComPaused("message/send", "45009", wait_s=5400)] * 5
    office.wecom.answers.extend([TIMEOUT, *pauses])
    office.deliver()
    for asked in (2, 3):
        office.make_due()
        office.deliver()
        assert (office.message().state, len(office.wecom.bodies)) == (MessageState.ENQUEUED, asked)
        office.age_sending(timedelta(seconds=5400))
    office.make_due()
    office.deliver()
    assert office.message().state == MessageState.ABANDONED
    assert "held back too long" in office.message().reason


def test_pauses_do_not_end_what_never_reached_wecom(office: Office):
    office.digest()
    office.wecom.answers.extend([NOT_REACHED, WeComPaused("message/send", "45009", wait_s=TOO_LONG_S)])
    office.deliver()
    assert office.message().maybe_sent_at is None
    office.make_due()
    office.deliver()
    assert (office.message().state, office.message().attempts) == (MessageState.ENQUEUED, 1)


def test_the_first_attempt_that_may_have_been_sent_counts(office: Office):
    office.digest()
    office.wecom.answers.extend([TIMEOUT, NOT_REACHED, TIMEOUT])
    office.deliver()
    first = office.message().maybe_sent_at
    assert first is not None
    for _ in range(2):
        office.make_due()
        office.deliver()
        assert office.message().maybe_sent_at == first


def test_what_a_dead_process_may_have_sent_long_ago_is_not_sent_again(office: Office):
    office.digest()
    office.database.in_transaction(lambda session: claim(session, 1))  # and nothing more is heard
    office.age_sending(REPEATABLE_FOR)
    office.make_due()
    office.deliver()
    assert office.wecom.bodies == []
    assert office.message().state == MessageState.ABANDONED
    assert "would show it twice" in office.message().reason


@pytest.mark.parametrize("error", [TIMEOUT, WeComMisconfigured("gettoken", 40001, "invalid credential")])
def test_a_message_is_given_up_after_eight_attempts(office: Office, error: Exception):
    office.digest()
    office.wecom.answers.extend([error] * 20)
    for _ in range(12):
        office.deliver()
        office.make_due()
    message = office.message()
    assert len(office.wecom.bodies) == message.attempts == MAX_ATTEMPTS
    assert message.state == MessageState.ABANDONED
    assert "gave up after 8 attempts" in message.reason
    assert str(error) in message.reason


def test_a_refused_message_is_given_up_at_once_with_the_reason(office: Office):
    office.digest()
    office.wecom.answers.append(WeComRejected("message/send", 81013, "user & party & tag all invalid"))
    office.deliver()
    assert office.message().state == MessageState.ABANDONED
    assert "81013" in office.message().reason


def test_a_receiver_wecom_does_not_know_is_a_reason_to_give_up(office: Office):
    office.digest()
    office.wecom.answers.append(office.wecom.taken("lina"))
    office.deliver()
    assert (office.message().state, office.message().reason) == (
        MessageState.ABANDONED,
        "WeCom does not know lina",
    )


def test_one_bad_receiver_stops_nobody_else(office: Office):
    office.digest((1, 11), (2, 21), (3, 31))
    office.wecom.answers.append(WeComRejected("message/send", 81013, "no"))
    office.deliver()
    states = sorted(message.state for message in office.messages())
    assert states == [MessageState.ABANDONED, MessageState.DELIVERED, MessageState.DELIVERED]


def test_a_bug_in_one_call_is_raised_and_stops_nobody_else(office: Office):
    office.digest((1, 11), (2, 21), (3, 31))
    office.wecom.answers.append(KeyError("planted"))
    with pytest.raises(KeyError):
        office.deliver()
    states = sorted(message.state for message in office.messages())
    assert states == [MessageState.DELIVERED, MessageState.DELIVERED, MessageState.ENQUEUED]


def test_a_claimed_message_is_nobody_elses_until_its_lease_ends(office: Office):
    office.digest()
    with office.database.transaction() as session:
        (ours,) = claim(session, 10)
        assert ours.lease_until == clock.real_now(session) + LEASE
    office.check()
    with office.database.transaction() as session:
        assert claim(session, 10) == []


class NoFence(int):
    """A fence that is like every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def test_without_fences_the_checker_notices_what_was_overtaken(office: Office):
    """Whoever stalled beyond its lease would have the message sent again while somebody else is at it."""
    office.digest()
    with office.database.transaction() as session:
        (stalled,) = claim(session, 10)
    office.make_due()
    with office.database.transaction() as session:
        claim(session, 10)
    before = set(violations(office.database))
    late = replace(stalled, fence=NoFence(stalled.fence))
    with office.database.transaction() as session:
        assert record(session, [Outcome(late, MessageState.ENQUEUED, "stalled")]) == 1
    assert any("timers and their owners" in one for one in set(violations(office.database)) - before)
    with office.database.transaction() as session:  # nobody else is to find what was planted here
        session.execute(delete(Timer).where(Timer.due_at != office.message().next_due_at))


def test_a_stale_fence_writes_nothing(office: Office):
    office.digest()
    with office.database.transaction() as session:
        (stalled,) = claim(session, 10)
    office.make_due()
    with office.database.transaction() as session:
        (second,) = claim(session, 10)
        assert (stalled.fence, second.fence) == (1, 2)
    before = vars(office.message()) | {"_sa_instance_state": None}
    for state in MessageState:
        with office.database.transaction() as session:
            assert record(session, [Outcome(stalled, state, "stalled", "stale")]) == 0
        assert vars(office.message()) | {"_sa_instance_state": None} == before
    office.check()
    with office.database.transaction() as session:
        assert record(session, [Outcome(second, MessageState.DELIVERED, msgid="good")]) == 1
    with office.database.transaction() as session:
        assert record(session, [Outcome(second, MessageState.ABANDONED, "again")]) == 0
    assert (office.message().state, office.message().wecom_msgid) == (MessageState.DELIVERED, "good")


def test_a_message_whose_last_attempt_was_interrupted_is_given_up(office: Office):
    office.digest()
    for _ in range(MAX_ATTEMPTS):
        with office.database.transaction() as session:
            assert len(claim(session, 10)) == 1
        office.make_due()
    assert office.deliver() == 0
    assert office.message().state == MessageState.ABANDONED
    assert "interrupted" in office.message().reason


def test_four_deliverers_at_once_send_everything_once(office: Office):
    for n in range(15):
        office.digest(*((who, n * 10 + who) for who in (1, 2, 3)))
    delivering = [threading.Thread(target=office.deliver) for _ in range(4)]
    for thread in delivering:
        thread.start()
    for thread in delivering:
        thread.join()
    assert sorted(office.wecom.bodies) == sorted(message.body for message in office.messages())
    assert {message.state for message in office.messages()} == {MessageState.DELIVERED}


def test_two_claims_share_nothing(office: Office):
    for n in range(10):
        office.digest((1 + n % 3, n * 10))
    with office.database.transaction() as session:
        first = claim(session, 4)
    with office.database.transaction() as session:
        second = claim(session, 10)
    ids = [each.message_id for each in (*first, *second)]
    assert len(ids) == len(set(ids)) == 10


def test_a_claim_passes_over_what_another_holds(office: Office, database_kind: str):
    if database_kind == "sqlite":
        return  # its writers queue up: nobody else is ever inside
    for n in range(10):
        office.digest((1 + n % 3, n * 10))
    with office.database.transaction() as one, office.database.transaction() as other:
        ids = [each.message_id for session in (one, other) for each in claim(session, 5)]
        assert len(set(ids)) == len(ids) == 10
