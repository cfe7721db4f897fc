"""Which version of a plan is in force in which store: the newest release that covers the store counts.

Releases are only ever added, so what was in force when can always be told. A canary is a release to some stores, a
roll-back one of an older version, a withdrawal one of no version at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.follow_ups.models import FollowUpPlan, PlanRelease, PlanReleaseStore
from app.follow_ups.plans.sweeps import settle_sweeps
from app.ids import new_id

# One that commits late may have an id below that of one before it: then there is one more.
NEWEST_RELEASE = "newest_release"
NEWEST = select(func.max(PlanRelease.id), func.count(PlanRelease.id))


def release(
    session: Session,
    plan_id: int,
    version_id: int | None,
    *,
    store_ids: Collection[int] | None = None,
    by: int | None = None,
    note: str = "",
) -> int:
    """Put a version in force, in some stores (a canary) or, for None, everywhere; returns the release's id.

    Members already in the plan keep the version they began with. `version_id` None: nobody enters the plan any more.
    """
    # Ids tell which release of a plan is the newer one: they are given out one after the other, by whichever clock.
    session.execute(select(FollowUpPlan.id).where(FollowUpPlan.id == plan_id).with_for_update())
    newest = session.scalar(select(func.max(PlanRelease.id)).where(PlanRelease.plan_id == plan_id)) or 0
    row = PlanRelease(
        id=max(new_id(session), newest + 1),
        plan_id=plan_id,
        plan_version_id=version_id,
        is_everywhere=store_ids is None,
        released_at=clock.now(session),
        released_by=by,
        note=note,
    )
    session.add(row)
    session.flush()
    session.add_all(PlanReleaseStore(release_id=row.id, store_id=store_id) for store_id in store_ids or ())
    session.flush()
    session.info.pop(NEWEST_RELEASE, None)
    settle_sweeps(session, plan_id, in_force(session).version_ids(plan_id), row.released_at)
    return row.id


@dataclass(frozen=True, slots=True)
class InForce:
    """Per plan the version in force everywhere, and stores where it is another; None where it is withdrawn."""

    everywhere: Mapping[int, int | None]
    in_stores: Mapping[tuple[int, int], int | None]
    ever: frozenset[int]  # every version that was in force anywhere at any time

    def version_id(self, plan_id: int, store_id: int) -> int | None:
        """The version of the plan that a member of this store enters now."""
        return self.in_stores.get((plan_id, store_id), self.everywhere.get(plan_id))

    def holds(self, plan_id: int, version_id: int, store_ids: Collection[int] | None) -> bool:
        """True where this version is the one in these stores already, or everywhere for None."""
        if store_ids is None:
            return self.everywhere.get(plan_id) == version_id and self.version_ids(plan_id) == {version_id}
        return all(self.version_id(plan_id, store_id) == version_id for store_id in store_ids)

    def version_ids(self, of_plan: int | None = None) -> set[int]:
        """All versions that are in force anywhere, of one plan or of all."""
        found = [(plan_id, version_id) for plan_id, version_id in self.everywhere.items()]
        found += [(plan_id, version_id) for (plan_id, _), version_id in self.in_stores.items()]
        return {
            version_id
            for plan_id, version_id in found
            if version_id is not None and of_plan in (None, plan_id)
        }


def in_force(session: Session) -> InForce:
    """What is in force now. Ids of a plan's releases grow with each.

    Releases never change, so what they come to is remembered until there is another one, which is asked once per
    transaction.
    """
    memory = session.info["memory"]
    last = session.info.get(NEWEST_RELEASE)
    if last is None:
        last = session.info[NEWEST_RELEASE] = tuple(session.connection().execute(NEWEST).one())
    known, force = memory.get("in_force", (None, None))
    if known != last or not isinstance(force, InForce):
        force = _fold(session)
        memory["in_force"] = last, force
    return force


def _fold(session: Session) -> InForce:
    everywhere: dict[int, int | None] = {}
    in_stores: dict[int, dict[int, int | None]] = defaultdict(dict)
    ever: set[int | None] = set()
    stores = _stores_by_release(session)
    for row in session.connection().execute(select(table_of(PlanRelease)).order_by(PlanRelease.id)):
        ever.add(row.plan_version_id)
        if row.is_everywhere:
            everywhere[row.plan_id] = row.plan_version_id
            in_stores[row.plan_id].clear()
        else:
            in_stores[row.plan_id].update(dict.fromkeys(stores.get(row.id, ()), row.plan_version_id))
    return InForce(
        everywhere,
        {(plan_id, store_id): its[store_id] for plan_id, its in in_stores.items() for store_id in its},
        frozenset(version_id for version_id in ever if version_id is not None),
    )


@dataclass(frozen=True, slots=True)
class Released:
    """A release; `store_ids` None: everywhere, `version_id` None: a withdrawal; `is_in_force`: it decides somewhere."""

    id: int
    version_id: int | None
    store_ids: tuple[int, ...] | None
    at: datetime
    by: int | None
    note: str
    is_in_force: bool


def history(session: Session, plan_id: int) -> list[Released]:
    """What was put in force where, since when and by whom, newest first."""
    stores = _stores_by_release(session)
    query = select(PlanRelease).where(PlanRelease.plan_id == plan_id).order_by(PlanRelease.id.desc())
    found: list[Released] = []
    covered: set[int] = set()
    is_covered = False
    for row in session.scalars(query):
        its = None if row.is_everywhere else tuple(sorted(stores.get(row.id, ())))
        decides = not is_covered and (its is None or not covered.issuperset(its))
        found.append(
            Released(row.id, row.plan_version_id, its, row.released_at, row.released_by, row.note, decides)
        )
        covered.update(its or ())
        is_covered = is_covered or its is None
    return found


def _stores_by_release(session: Session) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for release_id, store_id in session.connection().execute(select(table_of(PlanReleaseStore))):
        found.setdefault(release_id, []).append(store_id)
    return found
