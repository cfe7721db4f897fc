"""The lunar calendar (农历), as far as members and shops live by it: the one place that knows the library.

Counted as in Beijing (GB/T 33661-2017), years 1900 to 2100. A lunar year is named after the Gregorian year in which its
first month begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from lunar_python import Lunar, LunarMonth, Solar

FIRST_YEAR, LAST_YEAR = 1901, 2099


@dataclass(frozen=True, slots=True)
class LunarDay:
    """A day of the lunar calendar; `is_leap` in the second of two months with one number."""

    year: int
    month: int
    day: int
    is_leap: bool = False


@lru_cache(maxsize=4096)
def lunar_day(day: date) -> LunarDay:
    """The lunar day of a Gregorian one. Raises ValueError outside 1901 to 2099."""
    _check(day.year)
    found = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    month = found.getMonth()
    return LunarDay(found.getYear(), abs(month), found.getDay(), month < 0)


@lru_cache(maxsize=4096)
def solar_date(year: int, month: int, day: int) -> date:
    """The Gregorian day of a lunar one of a regular month; day 30 of a month of 29 days is its last.

    Raises ValueError outside 1901 to 2099.
    """
    _check(year)
    length = LunarMonth.fromYm(year, month).getDayCount()
    found = Lunar.fromYmd(year, month, min(day, length)).getSolar()
    return date(found.getYear(), found.getMonth(), found.getDay())


@lru_cache(maxsize=4096)
def is_last_of_lunar_month(day: date) -> bool:
    """True on the last day of a lunar month."""
    its = lunar_day(day)
    length: int = LunarMonth.fromYm(its.year, -its.month if its.is_leap else its.month).getDayCount()
    return its.day == length


def _check(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the lunar calendar is known from {FIRST_YEAR} to {LAST_YEAR}, not in {year}")
