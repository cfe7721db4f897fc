"""What quiet hours leave of stores' opening hours: how long in a day each may ask its people. Pure but for one read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.stores.models import Store

A_DAY_S = 24 * 60 * 60
# A store that has less is hardly ever asked anything: whoever sets that says that it is meant.
LITTLE_MIN = 120
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Left:
    """A store with little left: its opening hours, and how many minutes of them are not quiet."""

    store_name: str
    opens_at: time
    closes_at: time
    minutes: int


def minutes_left(opens_at: time, closes_at: time, quiet_from: time, quiet_until: time) -> int:
    """How many whole minutes of a day a store is open and nothing is quiet, all by its own clock.

    A closing time at or before the opening time lies on the next day, and so does the end of quiet hours before their
    beginning; those that end as they begin are none. Days on which clocks change are not looked at.
    """
    is_open = _spans(opens_at, closes_at)
    quiet = _spans(quiet_from, quiet_until) if quiet_from != quiet_until else []
    both = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in is_open for b in quiet)
    return (sum(end - begin for begin, end in is_open) - both) // 60


def stores_with_little(session: Session, quiet_from: time, quiet_until: time) -> list[Left]:
    """The stores in business that such quiet hours leave with less than two hours, those with least first."""
    stores = session.scalars(select(Store).where(Store.ended_at.is_(None)).order_by(Store.name, Store.id))
    found = [
        Left(
            one.name,
            one.opens_at,
            one.closes_at,
            minutes_left(one.opens_at, one.closes_at, quiet_from, quiet_until),
        )
        for one in stores
    ]
    return sorted((one for one in found if one.minutes < LITTLE_MIN), key=lambda one: one.minutes)


def without_any(stores: Iterable[Left]) -> Sequence[Left]:
    """Those that may never ask."""
    return [one for one in stores if one.minutes < 1]


def _spans(begin: time, end: time) -> list[Span]:
    first, last = _second(begin), _second(end)
    return [(first, last)] if last > first else [(first, A_DAY_S), (0, last)]


def _second(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
