"""Days, weeks and months as the corp lives them: quotas and statistics of WeCom follow China's calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone

from app.sandbox.clock import SECOND

ZONE = timezone(timedelta(hours=8))  # China has one zone and no summer time
DAY_S = 86_400


def day_of(instant: int) -> date:
    """The corp's date at an instant in microseconds."""
    return datetime.fromtimestamp(instant // SECOND, UTC).astimezone(ZONE).date()


def start_of(day: date) -> int:
    """The first instant of a corp's day, in microseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * SECOND


def start_of_week(day: date) -> int:
    """The first instant of the Monday of that week, in microseconds."""
    return start_of(day - timedelta(days=day.weekday()))


def start_of_month(day: date) -> int:
    """The first instant of that month, in microseconds."""
    return start_of(day.replace(day=1))


def days_in_month(day: date) -> int:
    """How many days that month has."""
    return monthrange(day.year, day.month)[1]
