"""When a menswear chain sells: months, weekdays, festivals, and the hours of a day."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

OPENS_AT = 10
CLOSES_AT = 22

_MONTHS = (1.15, 0.85, 0.85, 0.95, 1.05, 1.0, 0.85, 0.85, 1.0, 1.1, 1.15, 1.2)
_WEEKDAYS = (0.8, 0.78, 0.8, 0.85, 1.05, 1.4, 1.32)
# Share of each opening hour, 10:00 first: quiet at noon, busy after work.
_HOURS = (0.4, 0.6, 0.75, 0.8, 0.9, 0.95, 1.0, 1.05, 1.3, 1.7, 1.7, 0.9)
_HOURS_UNTIL = list(accumulate(_HOURS, initial=0.0))

# First day of the lunar year; other years take a middle date.
_SPRING_FESTIVALS = {
    2010: "02-14", 2011: "02-03", 2012: "01-23", 2013: "02-10", 2014: "01-31", 2015: "02-19", 2016: "02-08",
    2017: "01-28", 2018: "02-16", 2019: "02-05", 2020: "01-25", 2021: "02-12", 2022: "02-01", 2023: "01-22",
    2024: "02-10", 2025: "01-29", 2026: "02-17", 2027: "02-06", 2028: "01-26", 2029: "02-13", 2030: "02-03",
    2031: "01-23", 2032: "02-11", 2033: "01-31", 2034: "02-19", 2035: "02-08",
}  # fmt: skip
_MIDDLE_SPRING_FESTIVAL = "02-05"


@dataclass(frozen=True)
class Season:
    """What a date means for a shop: `traffic` multiplies the usual number of sales, `percent` is paid of the price."""

    traffic: float
    percent: int


_ORDINARY = Season(1.0, 100)
# (month, first day, last day): what happens then.
_FESTIVALS = {
    (5, 1, 5): Season(1.5, 88),
    (6, 12, 15): Season(1.2, 90),
    (6, 16, 18): Season(1.9, 80),
    (10, 1, 7): Season(1.8, 85),
    (11, 1, 8): Season(1.15, 85),
    (11, 9, 11): Season(2.4, 70),
    (11, 12, 16): Season(0.7, 100),
    (12, 12, 12): Season(1.4, 85),
    (12, 24, 25): Season(1.3, 100),
}


def season_of(on: date) -> Season:
    """Traffic (about 1 over a year) and the percentage of the list price that is paid on that date."""
    festival = _festival(on)
    usual = _MONTHS[on.month - 1] * _WEEKDAYS[on.weekday()]
    return Season(usual * festival.traffic, festival.percent)


def _festival(on: date) -> Season:
    new_year = date.fromisoformat(f"{on.year:04d}-{_SPRING_FESTIVALS.get(on.year, _MIDDLE_SPRING_FESTIVAL)}")
    since = (on - new_year) // timedelta(days=1)
    if -21 <= since < -1:
        return Season(1.7, 88)
    if -1 <= since <= 2:
        return Season(0.35, 100)
    for (month, first, last), season in _FESTIVALS.items():
        if on.month == month and first <= on.day <= last:
            return season
    return _ORDINARY


def second_of_day(quantile: float) -> int:
    """The second after midnight by which that share of a day's business is done: rising, within opening hours."""
    target = quantile * _HOURS_UNTIL[-1]
    hour = min(bisect_right(_HOURS_UNTIL, target) - 1, len(_HOURS) - 1)
    into = (target - _HOURS_UNTIL[hour]) / _HOURS[hour]
    return min(int((OPENS_AT + hour + into) * 3600), CLOSES_AT * 3600 - 1)
