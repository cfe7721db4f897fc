"""The lunar calendar (农历), reckoned from the moon and the sun themselves, so that the almanac is not its own witness.

GB/T 33661-2017: a month begins on the day of the new moon, in Beijing; month 11 has the winter solstice; of thirteen
months from one such to the next the first without a major solar term is a leap month. New moons and the sun's longitude
after Meeus, Astronomical Algorithms (1998), chapters 49 and 25: right to a minute and to 0.01 degrees. For 1930 to
2096: in August 2097 the moon is new within seconds of midnight.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from math import floor, radians, sin

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
MONTH = 29.530588861
BEIJING = timezone(timedelta(hours=8))
A_DAY = timedelta(days=1)
SOLSTICE, TERM = 270.0, 30.0
# Days for the sines of (sun's anomaly, moon's anomaly, argument of latitude); powers of E are those of the first.
TERMS = (
    *((-0.40720, 0, 1, 0), (0.17241, 1, 0, 0), (0.01608, 0, 2, 0), (0.01039, 0, 0, 2), (0.00739, -1, 1, 0)),
    *((-0.00514, 1, 1, 0), (0.00208, 2, 0, 0), (-0.00111, 0, 1, -2), (-0.00057, 0, 1, 2)),
    *((0.00056, 1, 2, 0), (-0.00042, 0, 3, 0), (0.00042, 1, 0, 2), (0.00038, 1, 0, -2), (-0.00024, -1, 2, 0)),
    *((-0.00007, 2, 1, 0), (0.00004, 0, 2, -2), (0.00004, 3, 0, 0), (0.00003, 1, 1, -2), (0.00003, 0, 2, 2)),
    *(
        (-0.00003, 1, 1, 2),
        (0.00003, -1, 1, 2),
        (-0.00002, -1, 1, -2),
        (-0.00002, 1, 3, 0),
        (0.00002, 0, 4, 0),
    ),
)
# Of the planets: days for the sine of an angle that grows with the number of the moon.
PLANETS = (
    *((0.000325, 299.77, 0.107408), (0.000165, 251.88, 0.016321), (0.000164, 251.83, 26.651886)),
    *((0.000126, 349.42, 36.412478), (0.000110, 84.66, 18.206239), (0.000062, 141.74, 53.303771)),
    *((0.000060, 207.14, 2.453732), (0.000056, 154.84, 7.306860), (0.000047, 34.52, 27.261239)),
    *((0.000042, 207.19, 0.121824), (0.000040, 291.34, 1.844379), (0.000037, 161.72, 24.198154)),
    *((0.000035, 239.56, 25.513099), (0.000023, 331.55, 3.592518)),
)


def solar_day(year: int, month: int, day: int) -> date:
    """The Gregorian day of a lunar one of a regular month; day 30 of a month of 29 days is its last, 0 the one before.

    The year is named after the Gregorian one in which its first month begins.
    """
    begins, ends = _months(year)[month]
    return min(begins + (day - 1) * A_DAY, ends - A_DAY)


@lru_cache(maxsize=256)
def _months(year: int) -> dict[int, tuple[date, date]]:
    """The regular months of a lunar year: when each begins, and when it is over."""
    found = {}
    for sui, numbers in ((year - 1, range(1, 11)), (year, range(11, 13))):
        for number, begins, ends in _from_solstice(sui):
            if number in numbers:
                found[number] = (begins, ends)
    return found


@lru_cache(maxsize=256)
def _from_solstice(year: int) -> list[tuple[int, date, date]]:
    """The regular months from the one with this year's winter solstice up to the next such."""
    starts = _new_moons(year)
    first, last = (_with_solstice(starts, of_year) for of_year in (year, year + 1))
    months = list(pairwise(starts[first : last + 1]))
    has_leap, found, number = len(months) > 12, [], 11
    for begins, ends in months:
        if has_leap and floor(_longitude(begins) / TERM) == floor(_longitude(ends) / TERM):
            has_leap = False
            continue
        found.append((number, begins, ends))
        number = number % 12 + 1
    return found


def _with_solstice(starts: list[date], year: int) -> int:
    """Which of the months has the winter solstice of a year."""
    return next(
        place
        for place, (begins, ends) in enumerate(pairwise(starts))
        if begins.year == year and begins.month >= 11 and _longitude(begins) < SOLSTICE <= _longitude(ends)
    )


def _new_moons(year: int) -> list[date]:
    """The days of the new moons from a November to the January after the next."""
    first = floor((date(year, 11, 1) - J2000.date()).days / MONTH)
    days = [_new_moon(first + number).astimezone(BEIJING).date() for number in range(18)]
    return sorted({day for day in days if day >= date(year, 11, 1)})


def _new_moon(number: int) -> datetime:
    """The instant (UT) of a new moon, counted from that of 6 January 2000."""
    t = number / 1236.85
    day = 2451550.09766 - 2451545.0 + MONTH * number + 0.00015437 * t**2 - 0.000000150 * t**3
    e = 1 - 0.002516 * t - 0.0000074 * t**2
    sun = 2.5534 + 29.10535670 * number - 0.0000014 * t**2
    moon = 201.5643 + 385.81693528 * number + 0.0107582 * t**2 + 0.00001238 * t**3
    latitude = 160.7108 + 390.67050284 * number - 0.0016118 * t**2 - 0.00000227 * t**3
    node = 124.7746 - 1.56375588 * number + 0.0020672 * t**2
    for size, of_sun, of_moon, of_latitude in TERMS:
        angle = of_sun * sun + of_moon * moon + of_latitude * latitude
        day += size * e ** abs(of_sun) * _sin(angle)
    day += -0.00017 * _sin(node) + sum(size * _sin(at + by * number) for size, at, by in PLANETS)
    return J2000 + timedelta(days=day) - _delta(2000 + 100 * t)


def _longitude(on: date) -> float:
    """The sun's apparent longitude in degrees as a day begins in Beijing."""
    at = datetime.combine(on, time(), BEIJING) + _delta(on.year)
    t = (at - J2000) / A_DAY / 36525
    anomaly = 357.52911 + 35999.05029 * t - 0.0001537 * t**2
    centre = (1.914602 - 0.004817 * t) * _sin(anomaly)
    centre += (0.019993 - 0.000101 * t) * _sin(2 * anomaly) + 0.000289 * _sin(3 * anomaly)
    mean = 280.46646 + 36000.76983 * t + 0.0003032 * t**2
    return (mean + centre - 0.00569 - 0.00478 * _sin(125.04 - 1934.136 * t)) % 360


def _delta(year: float) -> timedelta:
    """By how much uniform time is ahead of the earth's, about: seconds are of no account here."""
    t = year - 2000
    return timedelta(seconds=62.92 + 0.32217 * t + 0.005589 * t * t)


def _sin(degrees: float) -> float:
    return sin(radians(degrees % 360))
