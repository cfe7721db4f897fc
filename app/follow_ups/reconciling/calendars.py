"""On which days plans of the calendar look for a member, reckoned from the member's side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.models import PlanSweep
from app.follow_ups.reconciling.clocks import A_DAY, MIDNIGHT, StoreClock
from app.follow_ups.reconciling.moons import solar_day
from app.follow_ups.reconciling.papers import BLUR, Paper
from app.follow_ups.reconciling.raw import Facts, Yearly
from app.follow_ups.triggers.festivals import festivals

SILENCE = "silence"
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

    `stays`: nothing has happened since that could have made it otherwise while it was looked. `until`: the last day on
    which it may have been found instead, where it became known, or the plan was released, after its own day began.
    """

    on: date
    event: str
    known_at: datetime | None
    stays: bool = True
    until: date | None = None


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

    def has_looked(self, plan_id: int, on: date) -> bool:
        """True where the plan has looked at that day to its end."""
        return (plan_id, on) in self.looks

    def days_of(
        self, paper: Paper, facts: Facts, shop: StoreClock, first: date, last: date
    ) -> Iterator[Found]:
        """The days from `first` to `last` on which a version of a plan of the calendar looks for the member."""
        if paper.on == SILENCE:
            yield from self._silent(paper, facts, shop, first, last)
            return
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

    def _silent(
        self, paper: Paper, facts: Facts, shop: StoreClock, first: date, last: date
    ) -> Iterator[Found]:
        """Once for each silence: on its n-th day or, where it was then not known or not asked about, soon after."""
        asked_on = date.min
        for since in sorted({shop.day_of(one.at) for one in facts.bought}):
            its = [one.recorded_at for one in facts.bought if shop.day_of(one.at) == since]
            newer = [one for one in facts.bought if shop.day_of(one.at) > since]
            reached = since + timedelta(days=paper.days)
            on = max(reached, first)
            if min(its) >= self.look(paper.plan_id, on).began_at - BLUR:
                on = max(on, shop.day_of(min(its)))
            if on > last:
                continue
            until = on if on == reached and on > first else on + A_DAY
            look, end = self.look(paper.plan_id, on), self.look(paper.plan_id, until)
            if any(one.recorded_at < look.began_at - BLUR for one in newer):
                continue
            stays = end.is_over and asked_on <= since
            stays &= all(one.recorded_at > end.ended_at + BLUR for one in newer)
            yield Found(on, f"{SILENCE}:{since.isoformat()}", min(its), stays, until)
            asked_on = max(asked_on, until)

    def _on_dates(self, paper: Paper, facts: Facts, _shop: StoreClock, _years: range) -> Iterator[Found]:
        for day in paper.dates:
            yield Found(day - paper.days * A_DAY, f"date:{day.isoformat()}", facts.known_since)

    def _on_festival(self, paper: Paper, facts: Facts, _shop: StoreClock, years: range) -> Iterator[Found]:
        for year in years:
            on = festival_of(paper.festival, year) - paper.days * A_DAY
            yield Found(on, f"festival:{paper.festival}:{year}", facts.known_since)


DAYS: Mapping[str, Callable[[Calendars, Paper, Facts, StoreClock, range], Iterator[Found]]] = {
    "birthday": Calendars._yearly,
    "anniversary": Calendars._yearly,
    "dates": Calendars._on_dates,
    "festival": Calendars._on_festival,
}


def festival_of(name: str, year: int) -> date:
    """When a festival of the list is, reckoned apart from the engine's almanac."""
    found = festivals()[name]
    if "lunar" in found:
        month, day = map(int, found["lunar"].split("-"))
        return solar_day(year, month, day)
    if "solar" in found:
        return date.fromisoformat(f"{year}-" + "-".join(part.zfill(2) for part in found["solar"].split("-")))
    in_month, nth, weekday = found["weekday"].split("-")
    days = (date(year, int(in_month), number) for number in range(1, 29))
    return [day for day in days if f"{day:%A}".lower() == weekday][int(nth) - 1]


def comes_on(day: Yearly, year: int) -> date:
    """The Gregorian day on which it comes in a year, of its own calendar.

    A day that the year does not have comes on the last one before it; of a leap month in the regular one.
    """
    found = MONTH_AND_DAY.search(day.text or "")
    if found is None:
        raise ValueError("not a yearly day")
    month, number = int(found[1]), int(found[2])
    build = solar_day if day.calendar == "lunar" else date
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
