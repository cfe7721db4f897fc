"""Which share of members was held out when: of everything, and of each plan in each store, as releases had it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.models import PlanRelease, PlanReleaseStore
from app.follow_ups.plans.versions import get_version
from app.worklist.models import HoldOutShare

# From an instant on, so many per mille; nobody before the first.
Line = Sequence[tuple[datetime, int]]


class Shares:
    """The shares over time; a plan that was withdrawn holds nobody out."""

    def __init__(self, session: Session, plan_ids: Collection[int]) -> None:
        """`plan_ids`: whose releases are read; what is held out of everything always is."""
        rows = session.execute(
            select(HoldOutShare.began_at, HoldOutShare.per_mille).order_by(HoldOutShare.id)
        )
        self._everything: Line = [(at, share) for at, share in rows]
        self._released: dict[int, list[tuple[datetime, frozenset[int] | None, int]]] = defaultdict(list)
        self._lines: dict[tuple[int, int], Line] = {}
        of_these = PlanRelease.plan_id.in_(sorted(plan_ids))
        stores: dict[int, set[int]] = defaultdict(set)
        covered = select(PlanReleaseStore.release_id, PlanReleaseStore.store_id)
        for release_id, store_id in session.execute(
            covered.join(PlanRelease, PlanRelease.id == PlanReleaseStore.release_id).where(of_these)
        ):
            stores[release_id].add(store_id)
        for row in session.scalars(select(PlanRelease).where(of_these).order_by(PlanRelease.id)):
            version = get_version(session, row.plan_version_id) if row.plan_version_id else None
            share = version.document.hold_out_per_mille if version else 0
            where = None if row.is_everywhere else frozenset(stores[row.id])
            self._released[row.plan_id].append((row.released_at, where, share))

    def of_everything(self, at: datetime) -> int:
        """Per mille held out of all plans at that instant."""
        return _at(self._everything, at)

    def of_plan(self, plan_id: int, store_id: int, at: datetime) -> int:
        """Per mille held out of a plan, among a store's members."""
        return _at(self._line(plan_id, store_id), at)

    def is_steady(self, plan_id: int | None, store_id: int, since: datetime, until: datetime) -> bool:
        """Whether nothing changed between: what is held out of everything, and, if given, of the plan."""
        lines = [self._everything, *([] if plan_id is None else [self._line(plan_id, store_id)])]
        return all(
            not since < at < until or share == _at(line[:number], at)
            for line in lines
            for number, (at, share) in enumerate(line)
        )

    def _line(self, plan_id: int, store_id: int) -> Line:
        key = plan_id, store_id
        if key not in self._lines:
            its = self._released.get(plan_id, ())
            self._lines[key] = [(at, share) for at, where, share in its if where is None or store_id in where]
        return self._lines[key]


def _at(line: Line, at: datetime) -> int:
    number = bisect_right(line, at, key=lambda one: one[0])
    return line[number - 1][1] if number else 0
