"""On which days plans of the calendar look for a member, reckoned from the member's side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.almanac import solar_date
from app.follow_ups.models import PlanSweep
from app.follow_ups.reconciling.clocks import A_DAY, MIDNIGHT, StoreClock
from app.follow_ups.reconciling.papers import BLUR, Paper
from app.follow_ups.reconciling.raw import Facts, Yearly
from app.follow_ups.triggers.festivals import festival_day

MONTH_AND_DAY = re.compile(r"(\d\d)-(\d\d)$")


@dataclass(frozen=True, slots=True)
class Looked:
    """When it was looked for the members of a day; of one that was forgotten both are its beginning."""

    began_at: datetime
    ended_at: datetime
    is_over: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A day on which a plan looks for the member; `known_at`: since when what makes it so is known.

    `stays`: nothing has happened since that could have made it otherwise while it was looked.
    """

    on: date
    event: str
    known_at: datetime | None
    stays: bool = True


@dataclass(frozen=True, slots=True)
class Calendars:
    """When days were looked at to their end, by plan the day that is next, and the clocks by which they begin."""

    looks: Mapping[tuple[int, date], datetime]
    waiting: Mapping[int, date]
    shops: Sequence[StoreClock]

    def look(self, plan_id: int, on: date) -> Looked:
        """When the plan looked for the members of a day."""
        began_at = min(shop.wall(on, MIDNIGHT) for shop in self.shops)
        ended_at = self.looks.get((plan_id, on))
        is_over = ended_at is not None or on < self.waiting.get(plan_id, date.max)
        return Looked(began_at, ended_at or began_at, is_over)

    def days_of(
        self, paper: Paper, facts: Facts, shop: StoreClock, first: date, last: date
    ) -> Iterator[Found]:
        """The days from `first` to `last` on which a version of a plan of the calendar looks for the member."""
        for found in DAYS[paper.on](self, paper, facts, shop, range(first.year - 1, last.year + 2)):
            if first <= found.on <= last:
                yield found

    def _yearly(self, paper: Paper, facts: Facts, _shop: StoreClock, years: range) -> Iterator[Found]:
        for one in facts.yearly:
            if one.kind == paper.on and one.text is not None:
                for year in years:
                    yield Found(
                        comes_on(one, year) - paper.days * A_DAY, f"{paper.on}:{year}", one.reported_at
                    )

    def _silent(self, paper: Paper, facts: Facts, shop: StoreClock, _years: range) -> Iterator[Found]:
        days = {shop.day_of(one.at) for one in facts.bought}
        for last_on in sorted(days):
            on = last_on + timedelta(days=paper.days)
            look = self.look(paper.plan_id, on)
            newer = [one for one in facts.bought if shop.day_of(one.at) > last_on]
            if any(one.recorded_at < look.began_at - BLUR for one in newer):
                continue
            stays = all(one.recorded_at > look.ended_at + BLUR for one in newer)
            its = [one.recorded_at for one in facts.bought if shop.day_of(one.at) == last_on]
            yield Found(on, f"silence:{last_on.isoformat()}", min(its), stays)

    def _on_dates(self, paper: Paper, facts: Facts, _shop: StoreClock, _years: range) -> Iterator[Found]:
        for day in paper.dates:
            yield Found(day - paper.days * A_DAY, f"date:{day.isoformat()}", facts.known_since)

    def _on_festival(self, paper: Paper, facts: Facts, _shop: StoreClock, years: range) -> Iterator[Found]:
        for year in years:
            on = festival_day(paper.festival, year) - paper.days * A_DAY
            yield Found(on, f"festival:{paper.festival}:{year}", facts.known_since)


DAYS: Mapping[str, Callable[[Calendars, Paper, Facts, StoreClock, range], Iterator[Found]]] = {
    "birthday": Calendars._yearly,
    "anniversary": Calendars._yearly,
    "silence": Calendars._silent,
    "dates": Calendars._on_dates,
    "festival": Calendars._on_festival,
}


def comes_on(day: Yearly, year: int) -> date:
    """The Gregorian day on which it comes in a year, of its own calendar.

    A day that the year does not have comes on the last one before it; of a leap month in the regular one.
    """
    found = MONTH_AND_DAY.search(day.text or "")
    if found is None:
        raise ValueError("not a yearly day")
    month, number = int(found[1]), int(found[2])
    build = solar_date if day.calendar == "lunar" else date
    try:
        return build(year, month, number)
    except ValueError:
        return build(year, month, number - 1)


def read_calendars(session: Session, shops: Sequence[StoreClock]) -> Calendars:
    """What was looked at so far; days are looked at one after the other, so those behind a waiting one wait too."""
    looks: dict[tuple[int, date], datetime] = {}
    waiting: dict[int, date] = {}
    rows = session.execute(
        select(PlanSweep.plan_id, PlanSweep.sweep_on, PlanSweep.finished_at, PlanSweep.next_due_at)
    )
    for plan_id, on, finished_at, next_due_at in rows:
        if finished_at is not None:
            looks[plan_id, on] = finished_at
        if next_due_at is not None:
            waiting[plan_id] = min(on, waiting.get(plan_id, on))
    return Calendars(looks, waiting, shops)
