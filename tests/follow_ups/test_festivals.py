"""The lunar calendar and the festivals: the almanac against public tables, and against the moon itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.almanac import LunarDay, is_last_of_lunar_month, lunar_day, solar_date
from app.follow_ups.reconciling.calendars import festival_of
from app.follow_ups.reconciling.moons import solar_day
from app.follow_ups.triggers.festivals import festival_day, festival_on, festivals
from app.members.dates import recurring_on

# Public record of the lunar new year, e.g. the Hong Kong Observatory's Gregorian-lunar conversion table.
SPRING_FESTIVALS = (
    *("2020-01-25", "2021-02-12", "2022-02-01", "2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17"),
    *("2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03", "2031-01-23", "2032-02-11", "2033-01-31"),
    *("2034-02-19", "2035-02-08"),
)


def test_spring_festivals_lie_where_they_do():
    assert [festival_day("spring_festival", year).isoformat() for year in range(2020, 2036)] == list(
        SPRING_FESTIVALS
    )


@settings(deadline=None, database=None)
@given(st.integers(1930, 2096), st.integers(1, 12), st.integers(0, 30))
def test_the_almanac_agrees_with_the_moon(year: int, month: int, day: int):
    """What plans go by is a library; what they are checked by is reckoned from new moons and solstices."""
    its = solar_date(year, month, day) if day else solar_date(year, month, 1) - timedelta(days=1)
    assert solar_day(year, month, day) == its


def test_both_find_every_festival_on_the_same_day():
    days = [(name, year) for name in festivals() for year in range(2024, 2044)]
    assert [festival_of(*one) for one in days] == [festival_day(*one) for one in days]


def test_other_festivals_lie_where_they_do():
    found = {name: festival_day(name, 2026).isoformat() for name in festivals()}
    assert found["lunar_new_year_eve"] == "2026-02-16"
    assert found["lantern"] == "2026-03-03"
    assert found["dragon_boat"] == "2026-06-19"
    assert found["qixi"] == "2026-08-19"
    assert found["mid_autumn"] == "2026-09-25"
    assert found["double_ninth"] == "2026-10-18"
    assert found["mothers_day"] == "2026-05-10"
    assert found["618"] == "2026-06-18"
    assert festival_on("laba", date(2027, 1, 15)) == 2026
    assert festival_on("laba", date(2027, 1, 16)) is None


def test_leap_months_are_where_they_are():
    assert lunar_day(date(2025, 7, 25)) == LunarDay(2025, 6, 1, is_leap=True)
    assert lunar_day(date(2033, 12, 22)) == LunarDay(2033, 11, 1, is_leap=True)
    with pytest.raises(ValueError, match="1901 to 2099"):
        lunar_day(date(2100, 1, 1))


@settings(deadline=None, database=None)
@given(st.dates(date(1930, 1, 1), date(2060, 12, 31)))
def test_lunar_days_lead_back_to_their_own(day: date):
    its = lunar_day(day)
    if not its.is_leap:
        assert solar_date(its.year, its.month, its.day) == day
    assert is_last_of_lunar_month(day) == (lunar_day(day + timedelta(days=1)).day == 1)


@settings(deadline=None, database=None, max_examples=5)
@given(st.integers(2020, 2040), st.integers(1, 12), st.integers(1, 30))
def test_a_lunar_birthday_comes_exactly_once_in_a_lunar_year(year: int, month: int, day: int):
    start = solar_date(year, 1, 1)
    days = (start + timedelta(days=ahead) for ahead in range((solar_date(year + 1, 1, 1) - start).days))
    assert sum(f"lunar:{month:02d}-{day:02d}" in recurring_on(one) for one in days) == 1


@settings(deadline=None, database=None, max_examples=6)  # each asks the almanac 366 times
@given(st.integers(2000, 2050))
def test_29_february_comes_exactly_once_a_year(year: int):
    days = [date(year, 1, 1) + timedelta(days=ahead) for ahead in range(366)]
    found = [one for one in days if one.year == year and "solar:02-29" in recurring_on(one)]
    is_leap = (date(year, 2, 28) + timedelta(days=1)).month == 2
    assert found == [date(year, 2, 29 if is_leap else 28)]
