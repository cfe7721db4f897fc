"""Reading follow-ups: what an associate has to do, and what becomes of a member's steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Role
from app.associates.queries import Actor
from app.errors import NotFound
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans import versions
from app.follow_ups.records import anchor_of
from app.follow_ups.rules import due_at
from app.follow_ups.states import Channel, EnrollmentState, Evidence, StepOutcome, StepReason
from app.members.models import ContactBinding, ExternalContact, Member
from app.stores.queries import stores_by_id
from app.worklist.models import WorkItem, WorkState

RECENTLY = timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A follow-up task with its work item, as the toolbar shows it."""

    id: int
    title: str
    why: str
    text: str
    channel: Channel
    state: WorkState
    close_reason: str
    due_at: datetime
    valid_until: datetime
    closed_at: datetime | None
    evidence: Evidence | None
    member_id: int
    member_name: str
    external_userid: str | None
    assignee_id: int
    priority: int
    store_id: int


@dataclass(frozen=True, slots=True)
class UpcomingStep:
    """A step that will fall due."""

    title: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class StepView:
    """What became of a step; of an opened one also where its task stands and how that is proven."""

    title: str
    outcome: StepOutcome
    reason: StepReason
    due_at: datetime
    anchor_on: date
    task_state: WorkState | None
    evidence: Evidence | None


def get_task(session: Session, actor: Actor, task_id: int) -> TaskView:
    """A task the actor may see. Raises `NotFound` otherwise, whether or not there is one."""
    row = session.execute(_tasks(actor).where(FollowUpTask.id == task_id)).first()
    if row is None:
        raise NotFound("unknown_task", place="task")
    return _view(row)


def tasks_of_member(session: Session, actor: Actor, member_id: int) -> list[TaskView]:
    """The member's open tasks, most important first, then those closed within the last hours."""
    since = clock.now(session) - RECENTLY
    is_recent = (WorkItem.state == WorkState.OPEN) | (WorkItem.closed_at >= since)
    query = _tasks(actor).where(WorkItem.member_id == member_id, is_recent)
    views = [_view(row) for row in session.execute(query.order_by(WorkItem.priority.desc(), WorkItem.due_at))]
    return sorted(views, key=lambda view: view.state is not WorkState.OPEN)


def worklist(session: Session, actor: Actor, *, done_today: bool = False, limit: int = 100) -> list[TaskView]:
    """The actor's own tasks: the open ones by priority and due instant, or those done within the last hours."""
    query = _tasks(actor).where(WorkItem.assignee_id == actor.associate_id)
    if done_today:
        since = clock.now(session) - RECENTLY
        query = query.where(WorkItem.state == WorkState.DONE, WorkItem.closed_at >= since)
        query = query.order_by(WorkItem.closed_at.desc())
    else:
        query = query.where(WorkItem.state == WorkState.OPEN)
        query = query.order_by(WorkItem.priority.desc(), WorkItem.due_at, WorkItem.id)
    return [_view(row) for row in session.execute(query.limit(limit))]


def upcoming_steps(session: Session, member_id: int) -> list[UpcomingStep]:
    """What the member's purchases will still ask for, soonest first; later purchases may change it."""
    rows = session.scalars(
        select(Enrollment).where(
            Enrollment.member_id == member_id, Enrollment.state == EnrollmentState.ACTIVE
        )
    ).all()
    known, stores = versions(session, {row.plan_version_id for row in rows}), stores_by_id(session)
    upcoming = [
        UpcomingStep(step.title, due_at(step, anchor_of(row), stores[row.store_id].hours))
        for row in rows
        for step in known[row.plan_version_id].following((row.next_step_no or 1) - 1)
    ]
    return sorted(upcoming, key=lambda step: step.due_at)


def step_history(session: Session, member_id: int, limit: int = 20) -> list[StepView]:
    """What became of the member's latest steps, each with its reason, newest first."""
    query = (
        select(
            StepRecord,
            Enrollment.plan_version_id,
            Enrollment.anchor_on,
            WorkItem.state,
            FollowUpTask.evidence,
        )
        .join(Enrollment, Enrollment.id == StepRecord.enrollment_id)
        .outerjoin(FollowUpTask, FollowUpTask.id == StepRecord.task_id)
        .outerjoin(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(Enrollment.member_id == member_id)
        .order_by(StepRecord.recorded_at.desc(), StepRecord.due_at.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    known = versions(session, {version_id for _, version_id, *_ in rows})
    return [
        StepView(
            known[version_id].step(record.step_no).title,
            StepOutcome(record.outcome),
            StepReason(record.reason),
            record.due_at,
            anchor_on,
            WorkState(task_state) if task_state else None,
            Evidence(evidence) if evidence else None,
        )
        for record, version_id, anchor_on, task_state, evidence in rows
    ]


def _tasks(actor: Actor) -> Select[Any]:
    contact = (
        select(ExternalContact.external_userid)
        .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
        .where(
            ExternalContact.member_id == WorkItem.member_id,
            ContactBinding.associate_id == WorkItem.assignee_id,
            ContactBinding.ended_at.is_(None),
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(FollowUpTask, WorkItem, Member.name, contact)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(Member, Member.id == WorkItem.member_id)
        .where(_visible_to(actor))
    )


def _visible_to(actor: Actor) -> ColumnElement[bool]:
    if actor.role is Role.HQ:
        return true()
    if actor.role is Role.STORE_MANAGER:
        return WorkItem.store_id == actor.store_id
    return WorkItem.assignee_id == actor.associate_id


def _view(row: Any) -> TaskView:
    task, item, member_name, external_userid = row
    return TaskView(
        id=task.id,
        title=item.title,
        why=task.why,
        text=task.text,
        channel=Channel(task.channel),
        state=WorkState(item.state),
        close_reason=item.close_reason,
        due_at=item.due_at,
        valid_until=item.valid_until,
        closed_at=item.closed_at,
        evidence=Evidence(task.evidence) if task.evidence else None,
        member_id=item.member_id,
        member_name=member_name,
        external_userid=external_userid,
        assignee_id=item.assignee_id,
        priority=item.priority,
        store_id=item.store_id,
    )
