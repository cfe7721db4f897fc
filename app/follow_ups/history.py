"""Reading what became of steps: of one member, and of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.documents import TriggerKind
from app.follow_ups.plans.versions import versions
from app.follow_ups.states import Evidence, StepOutcome, StepReason
from app.members.models import Member
from app.stores.models import Branch, Store
from app.worklist.models import WorkItem, WorkState

ROWS = 50


@dataclass(frozen=True, slots=True)
class StepView:
    """What became of a step; of an opened one also where its task stands, why it was closed and how that is proven."""

    title: str
    outcome: StepOutcome
    reason: StepReason
    due_at: datetime
    trigger: TriggerKind  # what `anchor_on` is the day of
    anchor_on: date
    task_state: WorkState | None
    close_reason: str
    closed_at: datetime | None
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class MemberStep:
    """A step as it stands in a list over many members."""

    member_id: int
    member_name: str
    store_name: str
    step: StepView


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many steps ended alike."""

    outcome: StepOutcome
    reason: StepReason
    steps: int


@dataclass(frozen=True, slots=True)
class StepsOfDay:
    """Steps due from `start` to before `end` of purchases in one branch's stores, or in all where it is ""."""

    start: datetime
    end: datetime
    branch: str = ""


def step_history(session: Session, member_id: int, limit: int = 20, page: int = 1) -> list[StepView]:
    """What became of the member's steps, each with its reason, newest first; pages count from 1."""
    query = (
        _steps()
        .where(Enrollment.member_id == member_id)
        .order_by(
            StepRecord.recorded_at.desc(),
            StepRecord.due_at.desc(),
            StepRecord.enrollment_id,
            StepRecord.step_no,
        )
    )
    return [step.step for step in _read(session, _page(query, limit, page))]


def count_steps(session: Session, member_id: int) -> int:
    """How many steps of the member have an outcome."""
    query = (
        select(func.count())
        .select_from(StepRecord)
        .join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .where(Enrollment.member_id == member_id)
    )
    return session.scalars(query).one()


def step_counts(session: Session, of: StepsOfDay) -> list[StepCount]:
    """How the steps of a day ended, by outcome and reason, most first. Answered from an index where `branch` is ""."""
    counted = func.count()
    query = select(StepRecord.outcome, StepRecord.reason, counted).where(
        # Every value is named so that the index of outcome, reason and due time can be used.
        *_on_day(of, list(StepOutcome), list(StepReason))
    )
    rows = session.execute(
        _in_branch(query, of.branch).group_by(StepRecord.outcome, StepRecord.reason).order_by(counted.desc())
    )
    return [StepCount(StepOutcome(outcome), StepReason(reason), steps) for outcome, reason, steps in rows]


def steps_that_ended(
    session: Session, of: StepsOfDay, outcome: StepOutcome, reason: StepReason, page: int = 1
) -> list[MemberStep]:
    """A page of the steps behind one of those counts, as they fell due."""
    query = _steps().where(*_on_day(of, [outcome], [reason]))
    if of.branch:
        query = query.join(Branch, Branch.id == Store.branch_id).where(Branch.name == of.branch)
    query = query.order_by(StepRecord.due_at, StepRecord.enrollment_id, StepRecord.step_no)
    return _read(session, _page(query, ROWS, page))


def _steps() -> Select[*tuple[Any, ...]]:
    return (
        select(StepRecord, Enrollment, Member.name, Store.name, WorkItem, FollowUpTask.evidence)
        .join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .join(Member, Member.id == Enrollment.member_id)
        .join(Store, Store.id == Enrollment.store_id)
        # What became of a task tells of the step it was opened for, not of those that it also serves.
        .outerjoin(
            FollowUpTask,
            and_(FollowUpTask.id == StepRecord.task_id, StepRecord.outcome == StepOutcome.OPENED),
        )
        .outerjoin(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
    )


def _on_day(
    of: StepsOfDay, outcomes: Sequence[StepOutcome], reasons: Sequence[StepReason]
) -> list[ColumnElement[bool]]:
    return [
        StepRecord.outcome.in_(outcomes),
        StepRecord.reason.in_(reasons),
        StepRecord.due_at >= of.start,
        StepRecord.due_at < of.end,
    ]


def _in_branch(query: Select[*tuple[Any, ...]], branch: str) -> Select[*tuple[Any, ...]]:
    if not branch:
        return query
    return (
        query.join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .join(Store, Store.id == Enrollment.store_id)
        .join(Branch, Branch.id == Store.branch_id)
        .where(Branch.name == branch)
    )


def _page(query: Select[*tuple[Any, ...]], limit: int, page: int) -> Select[*tuple[Any, ...]]:
    return query.limit(limit).offset((page - 1) * limit)


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> list[MemberStep]:
    rows = session.execute(query).all()
    known = versions(session, {enrollment.plan_version_id for _, enrollment, *_ in rows})
    return [
        MemberStep(
            enrollment.member_id,
            member_name,
            store_name,
            StepView(
                title=known[enrollment.plan_version_id].step(record.step_no).title,
                outcome=StepOutcome(record.outcome),
                reason=StepReason(record.reason),
                due_at=record.due_at,
                trigger=known[enrollment.plan_version_id].document.trigger.kind,
                anchor_on=enrollment.anchor_on,
                task_state=WorkState(item.state) if item else None,
                close_reason=item.close_reason if item else "",
                closed_at=item.closed_at if item else None,
                evidence=Evidence(evidence) if evidence else None,
            ),
        )
        for record, enrollment, member_name, store_name, item, evidence in rows
    ]
