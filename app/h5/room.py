"""What an associate sees of the attention budget: what was too much for their day, and when they are off."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.roster import Roster, Times
from app.follow_ups.models import FollowUpTask
from app.worklist.attention import read_budget
from app.worklist.models import Overflow, OverflowKind, WorkItem
from app.worklist.overflows import OverflowView, count_overflows_of_person, overflows_of_person

SHOWN = 20
LOOK_AHEAD_DAYS = 7


@dataclass(frozen=True, slots=True)
class Duty:
    """What the roster says: `today` their shift, None for a day off; nothing where `is_known` is False."""

    is_known: bool = False
    today: Times | None = None
    off_on: tuple[date, ...] = ()

    @property
    def is_off(self) -> bool:
        """True on a day off."""
        return self.is_known and self.today is None


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits into their day (`capacity` tasks), and what did not: the most valuable first, and how many in all.

    `put_off`: of the tasks that wait for another day those that were put there for their value, not by hand.
    """

    capacity: int
    too_much: list[OverflowView] = field(default_factory=list)
    counts: Mapping[OverflowKind, int] = field(default_factory=dict)
    put_off: frozenset[int] = frozenset()
    duty: Duty = Duty()

    @property
    def total(self) -> int:
        """How many tasks were too much today."""
        return sum(self.counts.values())


def see_room(
    session: Session, associate_id: int, today: date, day: tuple[datetime, datetime], later: Collection[int]
) -> Room:
    """Their local day, which lies between the two instants of `day`; `later` are the tasks that wait."""
    return Room(
        capacity=read_budget(session).daily_capacity,
        too_much=overflows_of_person(session, associate_id, *day, SHOWN),
        counts=count_overflows_of_person(session, associate_id, *day),
        put_off=_put_off_for_value(session, later),
        duty=_duty(session, associate_id, today),
    )


def _put_off_for_value(session: Session, task_ids: Collection[int]) -> frozenset[int]:
    if not task_ids:
        return frozenset()
    query = (
        select(FollowUpTask.id)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(Overflow, Overflow.work_item_id == WorkItem.id)
        .where(
            FollowUpTask.id.in_(sorted(task_ids)),
            Overflow.kind == OverflowKind.POSTPONED,
            Overflow.until == WorkItem.postponed_until,
        )
    )
    return frozenset(session.scalars(query))


def _duty(session: Session, associate_id: int, today: date) -> Duty:
    ahead = [today + timedelta(days=number) for number in range(1, LOOK_AHEAD_DAYS)]
    known = Roster.read(session, [associate_id], [today, *ahead]).known
    off_on = tuple(day for day in ahead if known.get((associate_id, day), ...) is None)
    return Duty((associate_id, today) in known, known.get((associate_id, today)), off_on)
