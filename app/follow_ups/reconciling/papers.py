"""Plan documents and releases, read anew: what was promised where, when. Pure but for `read_papers`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.models import PlanRelease, PlanReleaseStore, PlanVersion

# A transaction reads its instant as it begins and is seen by others when it commits. Of two that are under way at the
# same time their instants do not tell which saw the other: within this much of each other they may have been.
BLUR = timedelta(minutes=2)
# Writers of one SQLite file take turns, each from before it reads its instant until it has committed: there instants
# are in the order of commits, and only equal ones (they are told to the millisecond) leave it open.
ONE_WRITER = timedelta(0)
YEARLY = ("birthday", "anniversary")
OF_CALENDAR = (*YEARLY, "silence", "dates", "festival")


@dataclass(frozen=True, slots=True)
class Promise:
    """A step of a plan version, as far as it says when, for whom and instead of what."""

    step_no: int
    kind: str
    minutes: int | None
    days: int | None
    at: time | None
    valid_days: int
    to_noon: bool
    restarts: bool
    asks: bool  # it has a rule of its own, which is asked as it falls due
    is_service: bool
    channel: str


@dataclass(frozen=True, slots=True)
class Paper:
    """What a published version says, without its words."""

    version_id: int
    plan_id: int
    code: str
    on: str
    rule: str
    days: int
    tag: str
    dates: tuple[date, ...]
    festival: str
    refund_ends: str
    ended_by: frozenset[str]
    per_mille: int
    promises: tuple[Promise, ...]


def read_paper(version_id: int, plan_id: int, raw: Mapping[str, Any]) -> Paper:
    """A version's document as values."""
    trigger, stops = raw.get("trigger", {}), raw.get("stops", {})
    return Paper(
        version_id=version_id,
        plan_id=plan_id,
        code=raw["code"],
        on=trigger.get("on", "purchase"),
        rule=trigger.get("when", ""),
        days=trigger.get("days", 0),
        tag=trigger.get("tag", ""),
        dates=tuple(date.fromisoformat(day) for day in trigger.get("dates", ())),
        festival=trigger.get("festival", ""),
        refund_ends=stops.get("refund", "whole"),
        ended_by=frozenset(
            name for name in ("purchase", "reply", "unfriend", "hand_over") if stops.get(name)
        ),
        per_mille=round(raw.get("hold_out", 0) * 10),
        promises=tuple(_promise(number, step) for number, step in enumerate(raw["steps"], start=1)),
    )


def _promise(step_no: int, step: Mapping[str, Any]) -> Promise:
    amount, unit, *at = step["after"].split(" ")
    valid, valid_unit = step["valid"].split(" ")
    minutes = {"minutes": 1, "hours": 60}.get(unit)
    return Promise(
        step_no,
        step["kind"],
        int(amount) * minutes if minutes else None,
        None if minutes else int(amount),
        time.fromisoformat(at[-1]) if at else None,
        int(valid),
        valid_unit == "noon",
        step["on_repurchase"] == "restart",
        bool(step.get("when")),
        bool(step.get("service")),
        step.get("channel", "chat"),
    )


@dataclass(frozen=True, slots=True)
class Release:
    """A version put in force (None: none any more), in some stores or, for None, everywhere."""

    at: datetime
    version_id: int | None
    stores: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Papers:
    """Every version by id, and every plan's releases in their order."""

    versions: Mapping[int, Paper]
    releases: Mapping[int, Sequence[Release]]
    blur: timedelta = BLUR  # how near a release and what it may have decided leave open which came first

    def in_force(
        self, plan_id: int, store_id: int, since: datetime, until: datetime, *, looked: bool = False
    ) -> set[int | None]:
        """The versions that may have been in force in the store at some instant of that span; None: none was.

        `looked`: the plan looked for members then, to the end, and none does before its first release.
        """
        found: set[int | None] = {None}
        for place, release in enumerate(self.releases[plan_id]):
            if release.at <= until + self.blur and (release.stores is None or store_id in release.stores):
                is_sure = release.at < since - self.blur or (looked and place == 0)
                found = {release.version_id} if is_sure else found | {release.version_id}
        return found

    def first_release(self, plan_id: int) -> datetime:
        """When the plan was first released anywhere."""
        return self.releases[plan_id][0].at

    def of(self, plan_id: int) -> list[Paper]:
        """The versions of the plan that were ever released."""
        ids = {one.version_id for one in self.releases[plan_id]}
        return [self.versions[version_id] for version_id in sorted(one for one in ids if one is not None)]

    def was_withdrawn(self, plan_id: int) -> bool:
        """True where headquarters took the plan out of force anywhere."""
        return any(one.version_id is None for one in self.releases[plan_id])


def read_papers(session: Session) -> Papers:
    """All versions and releases there are: some hundreds, so read whole."""
    versions = {
        row.id: read_paper(row.id, row.plan_id, json.loads(row.document))
        for row in session.execute(select(PlanVersion.id, PlanVersion.plan_id, PlanVersion.document))
    }
    stores: dict[int, set[int]] = defaultdict(set)
    for release_id, store_id in session.execute(
        select(PlanReleaseStore.release_id, PlanReleaseStore.store_id)
    ):
        stores[release_id].add(store_id)
    releases: dict[int, list[Release]] = defaultdict(list)
    for row in session.scalars(select(PlanRelease).order_by(PlanRelease.id)):
        where = None if row.is_everywhere else frozenset(stores[row.id])
        releases[row.plan_id].append(Release(row.released_at, row.plan_version_id, where))
    has_one_writer = session.get_bind().dialect.name == "sqlite"
    return Papers(versions, releases, ONE_WRITER if has_one_writer else BLUR)
