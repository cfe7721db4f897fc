"""Publishing plans and reading published versions, which never change and are therefore remembered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.errors import Invalid
from app.follow_ups.models import FollowUpPlan, PlanStep, PlanVersion
from app.follow_ups.rules import Step, validate_steps
from app.follow_ups.states import OnRepurchase
from app.ids import new_id

AFTER = re.compile(r"(\d+) (minutes|days)")
VALID = re.compile(r"(\d+) (noon|days)")


@dataclass(frozen=True, slots=True)
class Version:
    """A published plan version with its steps in order."""

    id: int
    plan_id: int
    product_fallback: str
    steps: tuple[Step, ...]

    def step(self, step_no: int) -> Step:
        """The step with this number, counted from 1."""
        return self.steps[step_no - 1]

    def following(self, step_no: int) -> tuple[Step, ...]:
        """The steps after this number, in order."""
        return self.steps[step_no:]


def publish(session: Session, document: Mapping[str, Any]) -> tuple[Version, bool]:
    """Publish a plan document (see config/plans) as the next version of its plan; False: it is the newest already.

    Raises `Invalid` naming the step and the field that is wrong; nothing is published then.
    """
    steps = read_steps(document)
    plan = _plan(session, str(document["code"]), str(document["name"]))
    digest = _digest(document, steps)
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
        product_fallback=str(document["product_fallback"]),
        published_at=clock.now(session),
    )
    session.add(version)
    session.flush()
    session.add_all(
        PlanStep(id=new_id(session), plan_version_id=version.id, **asdict(step)) for step in steps
    )
    session.flush()
    return get_version(session, version.id), True


def read_steps(document: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps of a plan document. Raises `Invalid` with the place."""
    steps = tuple(_read_step(number, raw) for number, raw in enumerate(document.get("steps", ()), start=1))
    problems = validate_steps(steps)
    if problems or not steps:
        raise Invalid("bad_plan", place=str(document.get("code", "?")), problems=problems or ["no steps"])
    return steps


def purchase_versions(session: Session) -> list[Version]:
    """The newest version of every plan: what a purchase enrolls into today."""
    newest = select(func.max(PlanVersion.id)).group_by(PlanVersion.plan_id)
    return [get_version(session, version_id) for version_id in session.scalars(newest)]


def versions(session: Session, ids: Iterable[int]) -> dict[int, Version]:
    """The given versions by id."""
    return {version_id: get_version(session, version_id) for version_id in set(ids)}


def get_version(session: Session, version_id: int) -> Version:
    """A published version; read once per process, because it can never change."""
    remembered: dict[int, Version] = session.info["memory"].setdefault("plan_versions", {})
    if version_id not in remembered:
        remembered[version_id] = _load(session, version_id)
    return remembered[version_id]


def _load(session: Session, version_id: int) -> Version:
    row = session.get_one(PlanVersion, version_id)
    steps = session.scalars(
        select(PlanStep).where(PlanStep.plan_version_id == version_id).order_by(PlanStep.step_no)
    )
    names = [field.name for field in fields(Step)]
    return Version(
        row.id,
        row.plan_id,
        row.product_fallback,
        tuple(
            Step(
                **{
                    **{name: getattr(step, name) for name in names},
                    "on_repurchase": OnRepurchase(step.on_repurchase),
                }
            )
            for step in steps
        ),
    )


def _plan(session: Session, code: str, name: str) -> FollowUpPlan:
    plan = session.scalar(select(FollowUpPlan).where(FollowUpPlan.code == code))
    if plan is None:
        plan = FollowUpPlan(id=new_id(session), code=code, name=name)
        session.add(plan)
        session.flush()
    return plan


def _read_step(number: int, raw: Mapping[str, Any]) -> Step:
    try:
        after, valid = AFTER.fullmatch(raw["after"]), VALID.fullmatch(raw["valid"])
        if after is None or valid is None:
            raise Invalid("bad_plan_step", place=f"steps[{number}].{'valid' if after else 'after'}")
        in_minutes = after[2] == "minutes"
        return Step(
            step_no=number,
            kind=raw["kind"],
            offset_minutes=int(after[1]) if in_minutes else None,
            offset_days=None if in_minutes else int(after[1]),
            valid_days=int(valid[1]),
            valid_to_noon=valid[2] == "noon",
            on_repurchase=OnRepurchase(raw["on_repurchase"]),
            priority=int(raw["priority"]),
            title=raw["title"],
            why=raw["why"],
            script_code=raw["script"],
            invite_script_code=raw["invite_script"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Invalid("bad_plan_step", place=f"steps[{number}]", problem=str(error)) from error


def _digest(document: Mapping[str, Any], steps: tuple[Step, ...]) -> str:
    text = repr((document["name"], document["product_fallback"], steps))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
