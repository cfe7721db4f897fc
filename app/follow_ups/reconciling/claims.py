"""What members have a claim to: each anchor event that puts one into a plan, found in raw facts alone. Pure.

A claim is sure where every fact that decided it can still be told as it was. Where one cannot, what the engine did is
taken on trust: the claim then only says that it may have done so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.follow_ups.reconciling.calendars import SILENCE, Calendars
from app.follow_ups.reconciling.clocks import MIDNIGHT, StoreClock
from app.follow_ups.reconciling.doubts import Doubt
from app.follow_ups.reconciling.judging import (
    doubt_of_day,
    doubt_on_day,
    held_for_day,
    held_for_event,
    held_on_day,
)
from app.follow_ups.reconciling.papers import BLUR, OF_CALENDAR, Paper, Papers
from app.follow_ups.reconciling.raw import Bought, Facts, Happened

PURCHASE, REPLY, TAG_GAINED = "purchase", "reply", "tag_gained"
Key = tuple[str, date, datetime | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """A member's claim to a series of a plan, in one of `versions` (the likeliest first).

    `event` is the key of the event where there is one, `doubt` why the claim is not sure. `came_back` says what of the
    day's purchases was returned: "", "part" or "whole". `until`: the series may count from a later day up to this one,
    where it is another than `on`.
    """

    plan_id: int
    member_id: int
    kind: str
    event: str
    on: date
    at: datetime
    time_known: bool
    store_id: int
    versions: tuple[int, ...]
    doubt: Doubt | None
    known_at: datetime
    came_back: str = ""
    until: date | None = None

    @property
    def is_sure(self) -> bool:
        """True where the series must be there: everything that decided it can still be told."""
        return self.doubt is None

    @property
    def key(self) -> Key:
        """By what its series is found again: of a silence since when it lasts, as it may be found some days later."""
        if self.kind == SILENCE:
            return self.kind, date.fromisoformat(self.event.rpartition(":")[2]), None
        by_the_day = self.kind == PURCHASE or self.kind in OF_CALENDAR
        return self.kind, self.on, None if by_the_day else self.at


@dataclass(frozen=True, slots=True)
class Verdict:
    """The versions that something may have begun (None: none at all), and why that is not known for sure."""

    versions: frozenset[int | None]
    doubt: Doubt | None


@dataclass(frozen=True, slots=True)
class Claims:
    """Finds the claims of members; `shops` and `calendars` are those of the whole chain."""

    papers: Papers
    shops: Mapping[int, StoreClock]
    calendars: Calendars

    def of(self, facts: Facts, now: datetime) -> Iterator[Claim]:
        """Every claim of one member, by plan."""
        days = _days(facts)
        for plan_id in self.papers.releases:
            released = self.papers.of(plan_id)
            kinds = {paper.on for paper in released}
            if PURCHASE in kinds:
                for day in days:
                    yield from self._of_day(plan_id, facts, day)
            for happened in facts.happened:
                if happened.kind in kinds and happened.kind != REPLY:
                    yield from self._of_event(plan_id, facts, happened)
            for paper in released:
                if paper.on in OF_CALENDAR:
                    yield from self._of_calendar(paper, facts, now)

    def _of_day(self, plan_id: int, facts: Facts, day: Sequence[Bought]) -> Iterator[Claim]:
        came_back = any(one.some_came_back for one in day)
        first, versions, doubt = self._first_to_hold(plan_id, facts, day, came_back=came_back)
        if first is None:
            return
        gone = all(one.all_came_back for one in day)
        yield Claim(
            plan_id=plan_id,
            member_id=facts.member_id,
            kind=PURCHASE,
            event="",
            on=first.on,
            at=min(one.at for one in day),
            time_known=min(day, key=lambda one: one.at).time_known,
            store_id=first.store_id,
            versions=versions,
            doubt=doubt,
            known_at=first.recorded_at,
            came_back="whole" if gone else "part" if came_back else "",
        )

    def _first_to_hold(
        self, plan_id: int, facts: Facts, day: Sequence[Bought], *, came_back: bool
    ) -> tuple[Bought | None, tuple[int, ...], Doubt | None]:
        """The purchase that put the member into the plan, the versions it may have been, and why that is not sure."""
        versions: dict[int, None] = {}
        by_instant: dict[datetime, list[Bought]] = defaultdict(list)
        for one in day:
            by_instant[one.recorded_at].append(one)
        first: Bought | None = None
        doubt: Doubt | None = None
        for together in by_instant.values():
            found = [self._on_purchase(plan_id, facts, day, one) for one in together]
            possible = {version for one in found for version in one.versions if version is not None}
            if possible and (first is None or doubt is not None):
                is_one = all(one.versions == found[0].versions for one in found)
                doubt = found[0].doubt if is_one else Doubt.TOGETHER
                first = min(together, key=lambda one: one.at)
            versions |= dict.fromkeys(sorted(possible, reverse=True))
            if first is not None and doubt is None and not came_back:  # a day that came back may begin anew
                break
        return first, tuple(versions), doubt

    def _on_purchase(self, plan_id: int, facts: Facts, day: Sequence[Bought], told: Bought) -> Verdict:
        held: dict[int | None, bool | None] = {}
        of_rule = Doubt.CONDITION
        for version in self.papers.in_force(plan_id, told.store_id, told.recorded_at, told.recorded_at):
            paper = self.papers.versions[version] if version is not None else None
            starts = paper is not None and paper.on == PURCHASE
            held[version] = starts and paper is not None and held_for_day(paper.rule, facts, day, told)
            if paper is not None and held[version] is None:
                of_rule = doubt_of_day(paper.rule, day)
        return _verdict(held, of_rule)

    def _of_event(self, plan_id: int, facts: Facts, told: Happened) -> Iterator[Claim]:
        held: dict[int | None, bool | None] = {}
        for version in self.papers.in_force(plan_id, told.store_id, told.recorded_at, told.recorded_at):
            paper = self.papers.versions[version] if version is not None else None
            starts = paper is not None and _starts_by(paper, told)
            held[version] = starts and paper is not None and held_for_event(paper.rule, told)
        found = _verdict(held, Doubt.CONDITION)
        possible = tuple(sorted((one for one in found.versions if one is not None), reverse=True))
        if not possible or told.enrolls is False:
            return
        yield Claim(
            plan_id=plan_id,
            member_id=facts.member_id,
            kind=told.kind,
            event=told.key,
            on=told.on,
            at=told.at,
            time_known=told.time_known,
            store_id=told.store_id,
            versions=possible,
            doubt=found.doubt if told.enrolls else Doubt.HISTORY,
            known_at=told.recorded_at,
        )

    def _of_calendar(self, paper: Paper, facts: Facts, now: datetime) -> Iterator[Claim]:
        shop = self.shops[facts.store_id]
        first_at = self.papers.first_release(paper.plan_id)
        for found in self.calendars.days_of(paper, facts, shop, shop.day_of(first_at), shop.day_of(now)):
            look = self.calendars.look(paper.plan_id, found.on)
            end = self.calendars.look(paper.plan_id, found.until or found.on)
            since = max(look.began_at, first_at)
            looked = self.calendars.has_looked(paper.plan_id, found.until or found.on)
            in_force = self.papers.in_force(paper.plan_id, facts.store_id, since, end.ended_at, looked=looked)
            if paper.version_id not in in_force or look.began_at > now:
                continue
            known = found.known_at is not None and found.known_at < end.began_at - BLUR
            blur = self.papers.blur
            held = held_on_day(paper.rule, facts, shop.day_of, found.on, since - blur, end.ended_at + blur)
            if held is False:
                continue
            doubt = None if known and found.stays and end.is_over else Doubt.CALENDAR
            if held is None:
                doubt = doubt_on_day(paper.rule, facts)
            elif len(in_force) > 1:
                doubt = Doubt.RELEASE
            yield Claim(
                plan_id=paper.plan_id,
                member_id=facts.member_id,
                kind=paper.on,
                event=found.event,
                on=found.on,
                at=shop.wall(found.on, MIDNIGHT),
                time_known=False,
                store_id=facts.store_id,
                versions=(paper.version_id,),
                doubt=doubt,
                known_at=end.ended_at,
                until=found.until,
            )


def _verdict(held: Mapping[int | None, bool | None], of_rule: Doubt) -> Verdict:
    """From whether each version that may have been in force held; `of_rule`: why that is not known of one, if so."""
    versions = frozenset(one for version, its in held.items() for one in _versions(version, its))
    if None not in versions:
        return Verdict(versions, None)
    return Verdict(versions, of_rule if None in held.values() else Doubt.RELEASE)


def _versions(version: int | None, held: bool | None) -> set[int | None]:
    return {version} if held else {None} if held is False else {version, None}


def _starts_by(paper: Paper, told: Happened) -> bool:
    return paper.on == told.kind and (told.kind != TAG_GAINED or told.data.get("tag") == paper.tag)


def _days(facts: Facts) -> list[list[Bought]]:
    grouped: dict[date, list[Bought]] = defaultdict(list)
    for one in facts.bought:
        if one.anchors:
            grouped[one.on].append(one)
    return [grouped[on] for on in sorted(grouped)]
