"""The festival calendar: on which Gregorian day a festival of a year lies (festivals.toml)."""

from __future__ import annotations

import tomllib
from calendar import day_name
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from app.almanac import solar_date

A_WEEK = 7


@lru_cache(maxsize=1)
def festivals() -> Mapping[str, Mapping[str, str]]:
    """Every festival by its name, with its Chinese name and how it is found."""
    with Path(__file__).with_name("festivals.toml").open("rb") as file:
        return tomllib.load(file)


@lru_cache(maxsize=1024)
def festival_day(name: str, year: int) -> date:
    """The day of the festival of this year; a lunar one's year is that of its lunar new year.

    Raises KeyError for an unknown name, ValueError for a year the lunar calendar is not known of.
    """
    found = festivals()[name]
    if "lunar" in found:
        month, day = map(int, found["lunar"].split("-"))
        return solar_date(year, month, day) if day else solar_date(year, month, 1) - timedelta(days=1)
    if "solar" in found:
        month, day = map(int, found["solar"].split("-"))
        return date(year, month, day)
    month_text, nth, weekday = found["weekday"].split("-")
    first = date(year, int(month_text), 1)
    ahead = (_number_of(weekday) - first.weekday()) % A_WEEK
    return first + timedelta(days=ahead + A_WEEK * (int(nth) - 1))


def festival_on(name: str, day: date) -> int | None:
    """The year whose festival lies on this day, None on every other day."""
    return next((year for year in (day.year - 1, day.year) if festival_day(name, year) == day), None)


def _number_of(weekday: str) -> int:
    return [name.lower() for name in day_name].index(weekday)
