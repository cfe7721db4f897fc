"""Publishing plans and reading published versions, which never change and are therefore remembered."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.models import FollowUpPlan, PlanVersion
from app.follow_ups.plans.checking import check, seen_by_held_out
from app.follow_ups.plans.documents import Credit, Document, Stops, Trigger, TriggerKind, canonical
from app.follow_ups.plans.reading import read_document
from app.follow_ups.plans.releases import InForce, in_force, release
from app.follow_ups.rules import Step
from app.ids import new_id


@dataclass(frozen=True, slots=True)
class Version:
    """A published plan version with its steps in order."""

    id: int
    plan_id: int
    number: int
    document: Document

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in order."""
        return self.document.steps

    @property
    def trigger(self) -> Trigger:
        """What starts it."""
        return self.document.trigger

    @property
    def stops(self) -> Stops:
        """What ends it."""
        return self.document.stops

    @property
    def credit(self) -> Credit:
        """What is attributed to its tasks."""
        return self.document.credit

    def step(self, step_no: int) -> Step:
        """The step with this number, counted from 1."""
        return self.steps[step_no - 1]

    def following(self, step_no: int) -> tuple[Step, ...]:
        """The steps after this number, in order."""
        return self.steps[step_no:]


def publish(session: Session, raw: Mapping[str, Any], by: int | None = None) -> tuple[Version, bool]:
    """Publish a plan document as the next version of its plan, in force everywhere; False: it is the newest already.

    Raises `Invalid` naming the step and the field that is wrong; nothing is published then.
    """
    version, is_new = add_version(session, raw, by)
    if is_new:
        release(session, version.plan_id, version.id, by=by)
    return version, is_new


def add_version(session: Session, raw: Mapping[str, Any], by: int | None = None) -> tuple[Version, bool]:
    """Store a document as the next version without putting it in force; False: it is the newest already.

    Raises as `publish` does.
    """
    document, text = read_document(raw), canonical(raw)
    check(document)
    for mistake in seen_by_held_out(session, document):
        raise mistake
    plan = _plan(session, document.code, document.name)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    latest = session.scalar(
        select(PlanVersion).where(PlanVersion.plan_id == plan.id).order_by(PlanVersion.number.desc()).limit(1)
    )
    if latest is not None and latest.content_hash == digest:
        return get_version(session, latest.id), False
    version = PlanVersion(
        id=new_id(session),
        plan_id=plan.id,
        number=latest.number + 1 if latest else 1,
        content_hash=digest,
        document=text,
        published_at=clock.now(session),
        published_by=by,
    )
    session.add(version)
    session.flush()
    return get_version(session, version.id), True


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """A plan that members enter by one kind of trigger, and the version they enter, by store."""

    plan_id: int
    everywhere: Version | None
    in_stores: Mapping[int, Version | None]

    def version_for(self, store_id: int) -> Version | None:
        """The version a member of this store enters; None where there is none."""
        return self.in_stores.get(store_id, self.everywhere)


def open_plans(session: Session, kinds: Collection[TriggerKind]) -> list[OpenPlan]:
    """The plans that are entered by one of these triggers, in at least one store, in the order they were made.

    Remembered like what is in force: every purchase asks.
    """
    force, memory = in_force(session), session.info["memory"]
    known, plans = memory.get("open_plans", (None, {}))
    if known is not force:
        plans = {}
        memory["open_plans"] = force, plans
    wanted = frozenset(kinds)
    if wanted not in plans:
        plans[wanted] = _open_plans(session, force, wanted)
    return list(plans[wanted])


def _open_plans(session: Session, force: InForce, kinds: Collection[TriggerKind]) -> list[OpenPlan]:
    known = versions(session, force.version_ids())

    def entered(version_id: int | None) -> Version | None:
        version = known[version_id] if version_id is not None else None
        return version if version is not None and version.trigger.kind in kinds else None

    in_stores: dict[int, dict[int, Version | None]] = defaultdict(dict)
    for (plan_id, store_id), version_id in force.in_stores.items():
        in_stores[plan_id][store_id] = entered(version_id)
    plans = []
    for plan_id in sorted(force.everywhere.keys() | in_stores.keys()):
        everywhere, its = entered(force.everywhere.get(plan_id)), in_stores.get(plan_id, {})
        if everywhere is not None or any(its.values()):
            plans.append(OpenPlan(plan_id, everywhere, its))
    return plans


def versions(session: Session, ids: Iterable[int]) -> dict[int, Version]:
    """The given versions by id."""
    return {version_id: get_version(session, version_id) for version_id in set(ids)}


def get_version(session: Session, version_id: int) -> Version:
    """A published version; read once per process, because it can never change."""
    remembered: dict[int, Version] = session.info["memory"].setdefault("plan_versions", {})
    if version_id not in remembered:
        row = session.get_one(PlanVersion, version_id)
        document = read_document(json.loads(row.document))
        remembered[version_id] = Version(row.id, row.plan_id, row.number, document)
    return remembered[version_id]


def _plan(session: Session, code: str, name: str) -> FollowUpPlan:
    """The plan, locked: of two who publish at once the second goes by what the first has published.

    Of two who both make it one loses a race, which whoever publishes does again (`Database.in_transaction`).
    """
    query = select(FollowUpPlan).where(FollowUpPlan.code == code).with_for_update()
    plan = session.scalar(query)
    if plan is None:
        plan = FollowUpPlan(id=new_id(session), code=code)
        session.add(plan)
    plan.name = name
    session.flush()
    return plan
