"""Who is on duty when: days off, nights, days without a plan, and days on which clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.associates.models import Shift
from app.associates.roster import Roster, Times
from app.db import Database
from app.stores.rules import StoreHours

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SHOP = StoreHours(SHANGHAI, time(10), time(22))
BAR = StoreHours(SHANGHAI, time(18), time(2))
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
ANN = 1


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def roster(shifts: Mapping[str, tuple[int, int] | None]) -> Roster:
    known = {
        (ANN, date.fromisoformat(on)): None if hours is None else Times(time(hours[0]), time(hours[1]))
        for on, hours in shifts.items()
    }
    return Roster(known, FIRST - timedelta(days=1), LAST)


@pytest.mark.parametrize(
    ("when", "works"),
    [
        ("2026-03-02 09:59", False),
        ("2026-03-02 10:00", True),
        ("2026-03-02 21:59", True),
        ("2026-03-02 22:00", False),
    ],
)
def test_a_day_of_which_nothing_is_known_is_worked_while_the_store_is_open(when: str, works: bool):
    assert roster({}).is_on_duty(ANN, SHOP, at(when)) is works


@pytest.mark.parametrize(
    ("when", "works"),
    [
        ("2026-03-02 13:59", False),
        ("2026-03-02 14:00", True),
        ("2026-03-02 18:00", False),
        ("2026-03-03 11:00", False),
    ],
)
def test_a_shift_counts_and_a_day_off_too(when: str, works: bool):
    plan = roster({"2026-03-02": (14, 18), "2026-03-03": None})
    assert plan.is_on_duty(ANN, SHOP, at(when)) is works


def test_a_night_belongs_to_the_day_on_which_it_begins():
    plan = roster({"2026-03-02": (22, 6), "2026-03-03": None})
    assert plan.is_on_duty(ANN, SHOP, at("2026-03-03 05:59"))
    assert not plan.is_on_duty(ANN, SHOP, at("2026-03-03 06:00"))
    assert not plan.is_on_duty(ANN, SHOP, at("2026-03-03 23:00"))


def test_a_night_shop_without_a_plan_is_worked_past_midnight():
    plan = roster({"2026-03-03": None})
    assert plan.is_on_duty(ANN, BAR, at("2026-03-03 01:59"))
    assert not plan.is_on_duty(ANN, BAR, at("2026-03-04 01:00")), "the third was off"


def test_the_next_duty_may_be_days_away_and_must_begin_in_time():
    plan = roster({"2026-03-02": (10, 14), "2026-03-03": None, "2026-03-04": (15, 20)})
    asked = at("2026-03-02 14:00")
    assert plan.next_duty(ANN, SHOP, asked, at("2026-03-10 00:00")) == at("2026-03-04 15:00")
    assert plan.next_duty(ANN, SHOP, asked, at("2026-03-04 15:00")) is None
    assert plan.next_duty(ANN, SHOP, at("2026-03-02 11:30"), at("2026-03-03 00:00")) == at("2026-03-02 11:30")


def test_nobody_is_said_to_work_on_days_that_were_not_read():
    plan = roster({})
    with pytest.raises(LookupError):
        plan.is_on_duty(ANN, SHOP, at("2026-04-01 12:00"))
    assert plan.next_duty(ANN, SHOP, at("2026-03-31 22:00"), at("2026-04-05 00:00")) is None


def test_clocks_that_change_move_the_shift_with_the_wall():
    hours = StoreHours(BERLIN, time(1), time(5))
    plan = Roster({}, date(2026, 3, 27), date(2026, 10, 27))
    # 02:00 to 03:00 is skipped on the 29th of March, and lived twice on the 25th of October
    for on, long in (("2026-03-29", 3), ("2026-10-25", 5)):
        begins, ends = at(f"{on} 01:00", BERLIN), at(f"{on} 05:00", BERLIN)
        assert (ends - begins) == timedelta(hours=long)
        assert plan.is_on_duty(ANN, hours, begins)
        assert plan.is_on_duty(ANN, hours, ends - timedelta(minutes=1))
        assert not plan.is_on_duty(ANN, hours, ends)


def test_a_shift_that_the_clocks_skip_is_none():
    plan = Roster({(ANN, date(2026, 3, 29)): Times(time(2), time(3))}, date(2026, 3, 28), date(2026, 3, 30))
    noon = at("2026-03-29 02:30", BERLIN)
    assert not plan.is_on_duty(ANN, StoreHours(BERLIN, time(1), time(5)), noon)


@settings(deadline=None)
@given(
    shifts=st.dictionaries(
        st.integers(0, 9), st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=8
    ),
    minutes=st.integers(0, 9 * 24 * 60),
)
def test_next_duty_is_the_first_instant_on_duty(shifts: dict[int, tuple[int, int] | None], minutes: int):
    plan = roster(
        {
            (FIRST + timedelta(days=day)).isoformat(): hours
            for day, hours in shifts.items()
            if hours is None or hours[0] != hours[1]
        }
    )
    asked = at("2026-03-01 00:00") + timedelta(minutes=minutes)
    until = at("2026-03-15 00:00")
    found = plan.next_duty(ANN, SHOP, asked, until)
    assert found is not None
    assert plan.is_on_duty(ANN, SHOP, found)
    step = timedelta(minutes=30)
    while asked < found:
        assert not plan.is_on_duty(ANN, SHOP, asked)
        asked += step


def test_a_roster_is_read_with_the_night_before(database: Database):
    with database.transaction() as session:
        for day, hours in ((1, (time(22), time(6))), (2, (None, None)), (4, (time(9), time(12)))):
            session.add(
                Shift(associate_id=ANN, work_on=date(2026, 3, day), starts_at=hours[0], ends_at=hours[1])
            )
    with database.reading() as session:
        plan = Roster.read(session, [ANN, 2], [date(2026, 3, 2), date(2026, 3, 4)])
    assert plan.is_on_duty(ANN, SHOP, at("2026-03-02 03:00"))
    assert not plan.is_on_duty(ANN, SHOP, at("2026-03-02 12:00"))
    assert plan.is_on_duty(2, SHOP, at("2026-03-02 12:00"))
    assert plan.is_on_duty(ANN, SHOP, at("2026-03-04 11:00"))
    with pytest.raises(ValueError, match="no day"), database.reading() as session:
        Roster.read(session, [ANN], [])
