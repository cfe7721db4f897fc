"""When somebody who has something to do is reminded of it: after so much working time, or of half of what there is.

Pure. Who may be disturbed when is for callers to say: by a store's hours, or by the roster too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from app.stores.rules import StoreHours
from app.worklist.attention import Budget

# People are urged at round times, so that what became late together is told of together.
URGE_GRID = timedelta(minutes=10)


def reminded_at(
    urge_after: timedelta,
    since: datetime,
    valid_until: datetime,
    allowed_from: Callable[[datetime], datetime | None],
) -> datetime | None:
    """When they have had it for `urge_after` of working time, or for half of the working time it is valid for, where
    that is less: what ends at noon is not first spoken of in the afternoon. None where it ends before.

    Counted in whole steps of the grid; `allowed_from` is the first instant from then on at which they may be disturbed,
    None where it ends before.
    """
    wanted, at = max(1, -(-urge_after // URGE_GRID)), on_grid(since)
    ends: list[datetime] = []
    while len(ends) < 2 * wanted:
        begins = allowed_from(at)
        if begins is None:
            break
        at = on_grid(begins) + URGE_GRID
        ends.append(at)
    if not ends:
        return None
    found = ends[max(1, len(ends) // 2) - 1]
    return found if found < valid_until else None


def first_urge(budget: Budget, hours: StoreHours, since: datetime, valid_until: datetime) -> datetime | None:
    """When it is first looked whether somebody is to be urged who has it to do since then; None where it ends before.

    By the hours of the store: the urge lane then finds out how much of them they worked.
    """
    return _first_urge(budget, hours, on_grid(since), valid_until)


@lru_cache(maxsize=4096)
def _first_urge(budget: Budget, hours: StoreHours, since: datetime, valid_until: datetime) -> datetime | None:
    """Remembered: what is opened together in stores with the same hours is mostly valid until the same instant."""

    def allowed_from(instant: datetime) -> datetime | None:
        asked = budget.askable_from(hours, instant, valid_until)
        return asked if asked < valid_until else None

    return reminded_at(budget.urge_after, since, valid_until, allowed_from)


def on_grid(instant: datetime) -> datetime:
    """The next round time from then on."""
    over = timedelta(minutes=instant.minute % 10, seconds=instant.second, microseconds=instant.microsecond)
    return instant + URGE_GRID - over if over else instant
