"""On which days plans of the calendar find a member, as the sweep would have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.almanac import lunar_day
from app.follow_ups.forecasting.lives import Life
from app.follow_ups.plans.documents import Trigger, TriggerKind
from app.follow_ups.series.entering import event_name
from app.follow_ups.triggers.festivals import festival_on
from app.members.dates import recurring_on
from app.members.models import DateCalendar, DateKind
from app.sealing import Keyring

A_DAY = timedelta(days=1)
YEARLY = {TriggerKind.BIRTHDAY: DateKind.BIRTHDAY, TriggerKind.ANNIVERSARY: DateKind.ANNIVERSARY}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of a dry run.

    `yearly`: by kind and index value the days on which such a date comes; `festivals`: by name and days before, when it
    is looked for the festival, and of which year.
    """

    first: date
    last: date
    zones: tuple[ZoneInfo, ...]
    yearly: Mapping[tuple[str, str], tuple[date, ...]]
    festivals: Mapping[tuple[str, int], tuple[tuple[date, int], ...]]

    @classmethod
    def of(
        cls, keys: Keyring, triggers: list[Trigger], first: date, last: date, zones: list[ZoneInfo]
    ) -> Calendar:
        """For plans with these triggers: dates of members are found by their index, none is opened."""
        wanted = [trigger for trigger in triggers if trigger.kind in YEARLY]
        ahead = max((trigger.days for trigger in wanted), default=0)
        yearly: dict[tuple[str, str], list[date]] = defaultdict(list)
        for kind in {YEARLY[trigger.kind] for trigger in wanted}:
            day = first
            while day <= last + ahead * A_DAY:
                for value in recurring_on(day):
                    for index in keys.indexes(kind, value):
                        yearly[kind, index].append(day)
                day += A_DAY
        festivals = {
            (trigger.festival, trigger.days): tuple(_festivals(trigger, first, last))
            for trigger in triggers
            if trigger.kind is TriggerKind.FESTIVAL
        }
        return cls(first, last, tuple(zones), {key: tuple(days) for key, days in yearly.items()}, festivals)

    def begins(self, on: date) -> datetime:
        """When it is looked for the members of a day: as it begins in the first of the chain's zones."""
        return min(datetime.combine(on, time(), zone).astimezone(UTC) for zone in self.zones)

    def finds(self, trigger: Trigger, life: Life) -> Iterator[tuple[date, str]]:
        """The days on which the member is found, with the name of the anchor event."""
        if trigger.kind in YEARLY:
            yield from self._yearly(trigger, life)
        elif trigger.kind is TriggerKind.SILENCE:
            yield from self._silent(trigger, life)
        elif trigger.kind is TriggerKind.DATES:
            for day in trigger.dates:
                yield day - trigger.days * A_DAY, event_name("date", day.isoformat())
        else:
            for on, year in self.festivals[trigger.festival, trigger.days]:
                yield on, event_name("festival", trigger.festival, year)

    def _yearly(self, trigger: Trigger, life: Life) -> Iterator[tuple[date, str]]:
        for one in life.yearly:
            for day in self.yearly.get((one.kind, one.day_index), ()) if one.kind == trigger.kind else ():
                on = day - trigger.days * A_DAY
                year = lunar_day(day).year if one.calendar == DateCalendar.LUNAR else day.year
                if one.known_at <= self.begins(on):
                    yield on, event_name(one.kind, year)

    def _silent(self, trigger: Trigger, life: Life) -> Iterator[tuple[date, str]]:
        """Days that are so many after one on which the member bought; whether something followed, the sweep sees."""
        hours = life.store.hours
        for last_on in sorted({hours.local_date(one.anchor.at) for one in life.bought}):
            on = last_on + trigger.days * A_DAY
            if not self.first <= on <= self.last:
                continue
            known = [one for one in life.bought if one.known_at <= self.begins(on)]
            if known and max(hours.local_date(one.anchor.at) for one in known) == last_on:
                yield on, event_name("silence", last_on.isoformat())


def _festivals(trigger: Trigger, first: date, last: date) -> Iterator[tuple[date, int]]:
    on = first
    while on <= last:
        year = festival_on(trigger.festival, on + trigger.days * A_DAY)
        if year:
            yield on, year
        on += A_DAY
