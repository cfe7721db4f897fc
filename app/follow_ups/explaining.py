"""Why somebody sees a task: which plan and step, which event, which rule, which script; and what became of it since."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.criteria.words import Language
from app.follow_ups.facts import criterion_of
from app.follow_ups.firing.conditions import Conditions, Subject
from app.follow_ups.measuring.choosing import ChoiceReason
from app.follow_ups.models import CareAct, Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import get_version
from app.follow_ups.queries import TaskView
from app.follow_ups.rules import Step
from app.follow_ups.serving import Served, also_served
from app.follow_ups.states import StepReason
from app.orders.models import Order
from app.orders.queries import main_articles
from app.sales_scripts.queries import scripts_by_code
from app.worklist.models import WorkItemMove, WorkState


@dataclass(frozen=True, slots=True)
class Clause:
    """A deciding part of a step's rule and the fact it rests on as it is now, in people's words."""

    said: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class ScriptChoice:
    """Which script the words are of, and why that one; None for the reason where there was nothing to choose."""

    title: str
    reason: ChoiceReason | None


@dataclass(frozen=True, slots=True)
class ActView:
    """What somebody did with the task; `to_name` is whom it was handed to."""

    act: str
    reason: str
    note: str
    by_name: str
    to_name: str
    until: datetime | None
    acted_at: datetime


@dataclass(frozen=True, slots=True)
class TakenOver:
    """From whom a task came to its assignee, and when."""

    from_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskWhy:
    """Everything a person may ask of a task in front of them."""

    plan_name: str
    step_no: int
    steps: int
    trigger: TriggerKind
    anchor_on: date
    article: str | None
    opened_because: StepReason | None
    clauses: Sequence[Clause]
    script: ScriptChoice | None
    also: Sequence[Served]
    acts: Sequence[ActView]
    taken_over: TakenOver | None


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase while a task was open: it completes nothing by itself, but whoever has the task should know."""

    on: date
    amount_fen: int
    currency: str


def why_of(session: Session, task: TaskView, language: Language) -> TaskWhy | None:
    """Why this task was opened and what became of it; None where its series is not kept any more."""
    row = session.get_one(FollowUpTask, task.id)
    series = session.get(Enrollment, row.enrollment_id)
    if series is None:
        return None
    version = get_version(session, series.plan_version_id)
    step = version.step(row.step_no)
    record = session.get(StepRecord, (series.id, row.step_no))
    article = main_articles(session, [(task.member_id, series.anchor_on)]).get(
        (task.member_id, series.anchor_on)
    )
    return TaskWhy(
        plan_name=version.document.name,
        step_no=row.step_no,
        steps=len(version.steps),
        trigger=version.trigger.kind,
        anchor_on=series.anchor_on,
        article=article,
        opened_because=StepReason(record.reason) if record else None,
        clauses=_clauses(session, series, step, language),
        script=_script(session, row),
        also=also_served(session, task),
        acts=_acts(session, task.id),
        taken_over=_taken_over(session, row.work_item_id, task.assignee_id),
    )


def bought_while_open(session: Session, tasks: Collection[TaskView]) -> dict[int, Bought]:
    """By task, the latest purchase of its member since it was opened and before it was closed; one query."""
    if not tasks:
        return {}
    query = (
        select(Order.member_id, Order.purchased_at, Order.purchased_on, Order.amount_fen, Order.currency)
        .where(
            Order.member_id.in_(sorted({task.member_id for task in tasks})),
            Order.purchased_at >= min(task.opened_at for task in tasks),
            Order.wholly_refunded.is_(False),
        )
        .order_by(Order.purchased_at)
    )
    orders = session.execute(query).all()
    return {
        task.id: Bought(order.purchased_on, order.amount_fen, order.currency)
        for task in tasks
        for order in orders
        if order.member_id == task.member_id and _was_open(task, order.purchased_at)
    }


def _was_open(task: TaskView, at: datetime) -> bool:
    ended_at = task.valid_until if task.state is WorkState.OPEN or task.closed_at is None else task.closed_at
    return task.opened_at <= at <= ended_at


def _clauses(session: Session, series: Enrollment, step: Step, language: Language) -> list[Clause]:
    if not step.condition:
        return []
    subject = Subject(series.id, series.member_id, series.anchor_event, series.anchor_on)
    facts = Conditions(session, [(subject, step)], clock.now(session)).facts(series.id)
    reasons = criterion_of(step.condition).explain(facts).reasons
    return [Clause(one.said(language), one.met) for one in reasons]


def _script(session: Session, row: FollowUpTask) -> ScriptChoice | None:
    script = scripts_by_code(session, [row.script_code]).get(row.script_code) if row.script_code else None
    if script is None:
        return None
    reason = json.loads(row.chosen_because).get("reason") if row.chosen_because else None
    return ScriptChoice(script.title, ChoiceReason(reason) if reason else None)


def _taken_over(session: Session, item_id: int, assignee_id: int) -> TakenOver | None:
    query = (
        select(Associate.name, WorkItemMove.moved_at)
        .join(Associate, Associate.id == WorkItemMove.from_id)
        .where(WorkItemMove.work_item_id == item_id, WorkItemMove.to_id == assignee_id)
    )
    row = session.execute(query.order_by(WorkItemMove.id.desc()).limit(1)).one_or_none()
    return TakenOver(*row) if row else None


def _acts(session: Session, task_id: int) -> list[ActView]:
    """In the order they were done."""
    query = select(CareAct).where(CareAct.task_id == task_id).order_by(CareAct.acted_at, CareAct.id)
    acts = session.scalars(query).all()
    people = {act.associate_id for act in acts} | {act.to_id for act in acts if act.to_id is not None}
    names = dict(
        session.execute(select(Associate.id, Associate.name).where(Associate.id.in_(sorted(people)))).all()
    )
    return [
        ActView(
            act.act,
            act.reason,
            act.note,
            names.get(act.associate_id, ""),
            names.get(act.to_id, "") if act.to_id is not None else "",
            act.until,
            act.acted_at,
        )
        for act in acts
    ]
