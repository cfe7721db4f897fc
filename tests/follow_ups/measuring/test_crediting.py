"""Which tasks a purchase is attributed to, with which share, and in which month it counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.follow_ups.measuring.crediting import WHOLE_PPM, DoneTask, booked_on, credits_of, divide, split
from app.follow_ups.states import Touch

BOUGHT = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)
BOUGHT_ON = date(2026, 3, 20)


def done(task_id: int, days_before: int, touch: Touch = Touch.LAST, credit_days: int = 14) -> DoneTask:
    at = BOUGHT - timedelta(days=days_before)
    return DoneTask(task_id, at, BOUGHT_ON - timedelta(days=days_before), credit_days, touch)


def shares(*tasks: DoneTask) -> dict[int, int]:
    return {credit.task_id: credit.share_ppm for credit in credits_of(tasks, BOUGHT, BOUGHT_ON)}


def test_the_last_task_before_the_purchase_earns_it():
    assert shares(done(1, 9), done(2, 3), done(3, 13)) == {2: WHOLE_PPM}


def test_the_first_task_earns_it_where_the_plan_says_so():
    assert shares(done(1, 9, Touch.FIRST), done(2, 3, Touch.FIRST)) == {1: WHOLE_PPM}


def test_all_tasks_share_it_where_the_plan_says_so():
    assert shares(*(done(number, number, Touch.SHARED) for number in (1, 2, 3))) == {
        3: 333_334,
        2: 333_333,
        1: 333_333,
    }


def test_the_plan_of_the_latest_task_decides_for_all():
    assert shares(done(1, 9, Touch.FIRST), done(2, 3, Touch.SHARED)) == {1: 500_000, 2: 500_000}
    assert shares(done(1, 9, Touch.SHARED), done(2, 3, Touch.LAST)) == {2: WHOLE_PPM}


def test_the_last_day_of_the_window_counts_and_the_day_after_does_not():
    assert shares(done(1, 14)) == {1: WHOLE_PPM}
    assert shares(done(1, 15)) == {}


def test_a_task_done_after_the_purchase_earns_nothing():
    assert credits_of([done(1, -1)], BOUGHT, BOUGHT_ON) == []


@given(
    st.lists(st.tuples(st.integers(-3, 40), st.sampled_from(Touch), st.integers(1, 90)), max_size=8),
)
def test_a_purchase_is_attributed_wholly_once_or_not_at_all(tasks: list[tuple[int, Touch, int]]):
    given_tasks = [done(number, ago, touch, days) for number, (ago, touch, days) in enumerate(tasks)]
    total = sum(shares(*given_tasks).values())
    assert total == (WHOLE_PPM if any(0 <= ago <= days for ago, _, days in tasks) else 0)


@given(st.integers(0, 10**12), st.integers(1, 9))
def test_no_fen_is_lost_in_dividing(amount: int, tasks: int):
    parts = divide(amount, split(WHOLE_PPM, tasks))
    assert sum(parts) == amount
    assert max(parts) - min(parts) <= amount // 100_000 + tasks


def test_what_is_reported_late_is_booked_in_the_oldest_open_month():
    assert booked_on(date(2026, 2, 27), today=date(2026, 3, 2)) == date(2026, 2, 27)
    assert booked_on(date(2026, 2, 27), today=date(2026, 3, 3)) == date(2026, 2, 27)
    assert booked_on(date(2026, 2, 27), today=date(2026, 3, 4)) == date(2026, 3, 1)
    assert booked_on(date(2026, 3, 4), today=date(2026, 3, 4)) == date(2026, 3, 4)
