"""Reading follow-up tasks. What people have to do is in `worklists`, what became of steps in `history`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select, true
from sqlalchemy.orm import Session

from app.associates.models import Role
from app.associates.queries import Actor
from app.db import table_of
from app.errors import NotFound
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Channel, Evidence
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.queries import live_bindings
from app.worklist.models import WorkItem, WorkState

FIRST_THINGS_FIRST = (WorkItem.rank.desc(), WorkItem.due_at, WorkItem.id)


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
    rank: int
    store_id: int
    opened_at: datetime
    postponed_until: datetime | None
    note: str
    completed_by: int | None


def get_task(session: Session, actor: Actor, task_id: int) -> TaskView:
    """A task the actor may see. Raises `NotFound` otherwise, whether or not there is one."""
    row = session.execute(seen_tasks(actor).where(FollowUpTask.id == task_id)).first()
    if row is None:
        raise NotFound("unknown_task", place="task")
    return task_view(row)


TASKS, ITEMS = table_of(FollowUpTask), table_of(WorkItem)
# Built once: whoever does something with a task begins by this.
MEMBER_OF = (
    select(ITEMS.c.member_id, ITEMS.c.store_id, ITEMS.c.assignee_id)
    .join(TASKS, TASKS.c.work_item_id == ITEMS.c.id)
    .where(TASKS.c.id == bindparam("task"))
)


def member_of_task(session: Session, actor: Actor, task_id: int) -> int:
    """Whom a task is about that the actor may see. Raises `NotFound` otherwise, whether or not there is one."""
    row = session.connection().execute(MEMBER_OF, {"task": task_id}).one_or_none()
    if row is None or row.member_id is None or not _sees(actor, row.store_id, row.assignee_id):
        raise NotFound("unknown_task", place="task")
    return int(row.member_id)


def _sees(actor: Actor, store_id: int, assignee_id: int) -> bool:
    """`visible_to` of one task."""
    if actor.role is Role.HQ:
        return True
    if actor.role is Role.STORE_MANAGER:
        return store_id == actor.store_id
    return assignee_id == actor.associate_id


def tasks_of_member(session: Session, actor: Actor, member_id: int, since: datetime) -> list[TaskView]:
    """The member's open tasks, most important first, then those closed since then."""
    is_recent = (WorkItem.state == WorkState.OPEN) | (WorkItem.closed_at >= since)
    query = seen_tasks(actor).where(WorkItem.member_id == member_id, is_recent)
    views = [task_view(row) for row in session.execute(query.order_by(*FIRST_THINGS_FIRST))]
    return sorted(views, key=lambda view: view.state is not WorkState.OPEN)


def seen_tasks(actor: Actor) -> Select[Any]:
    """Rows for `task_view` of every task the actor may see."""
    contact = (
        live_bindings(ExternalContact.external_userid)
        .where(
            ExternalContact.member_id == WorkItem.member_id,
            ContactBinding.associate_id == WorkItem.assignee_id,
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(FollowUpTask, WorkItem, Member.name, contact)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(Member, Member.id == WorkItem.member_id)
        .where(visible_to(actor))
    )


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Of which work items the actor sees the tasks: HQ everybody's, a manager the store's, others their own."""
    if actor.role is Role.HQ:
        return true()
    if actor.role is Role.STORE_MANAGER:
        return WorkItem.store_id == actor.store_id
    return WorkItem.assignee_id == actor.associate_id


def task_view(row: Any) -> TaskView:
    """The view that a row of `seen_tasks` makes."""
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
        rank=item.rank,
        store_id=item.store_id,
        opened_at=item.opened_at,
        postponed_until=item.postponed_until,
        note=task.note,
        completed_by=task.completed_by,
    )
