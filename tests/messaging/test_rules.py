"""When notices are gathered, and the bounds of the waits between attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.messaging.rules import (
    LEASE,
    MAX_ATTEMPTS,
    REPEATABLE_FOR,
    gather_at,
    is_recognised,
    longest_wait,
    wait_after,
)
from app.wecom.bodies import DUPLICATE_CHECK_S
from app.wecom.client import LONGEST_CALL_S

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


def test_urgent_notices_wait_one_minute_others_two():
    hour = timedelta(hours=1)
    assert gather_at(NOW, NOW + timedelta(minutes=5)) == NOW + timedelta(seconds=60)
    assert gather_at(NOW, NOW + hour - timedelta(microseconds=1)) == NOW + timedelta(seconds=60)
    assert gather_at(NOW, NOW + hour) == NOW + timedelta(seconds=120)
    assert gather_at(NOW, NOW - hour) == NOW + timedelta(seconds=60)


@given(st.integers(1, MAX_ATTEMPTS), st.floats(0, 1, exclude_max=True), st.floats(0, 100))
def test_waits_stay_within_their_bounds(attempt: int, chance: float, asked_s: float):
    wait_s = wait_after(attempt, chance, asked_s).total_seconds()
    rounding = 1e-6  # a timedelta counts microseconds
    assert longest_wait(attempt) / 2 - rounding <= wait_s <= max(asked_s, longest_wait(attempt)) + rounding
    assert wait_s >= asked_s - rounding


def test_waits_grow():
    waits = [longest_wait(attempt) for attempt in range(1, MAX_ATTEMPTS)]
    assert waits == sorted(waits)
    assert waits[0] == 5


def test_all_attempts_end_while_wecom_still_recognises_the_body():
    waits_s = sum(longest_wait(attempt) for attempt in range(1, MAX_ATTEMPTS))
    assert waits_s + MAX_ATTEMPTS * LEASE.total_seconds() < REPEATABLE_FOR.total_seconds()
    assert (REPEATABLE_FOR + LEASE).total_seconds() < DUPLICATE_CHECK_S


def test_what_was_never_sent_may_be_sent_whenever():
    assert is_recognised(None, NOW)
    assert is_recognised(NOW - REPEATABLE_FOR, NOW)
    assert not is_recognised(NOW - REPEATABLE_FOR - timedelta(microseconds=1), NOW)


def test_a_lease_outlasts_a_call():
    assert LEASE.total_seconds() > LONGEST_CALL_S
