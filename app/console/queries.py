"""What the console reads beyond the domains' own queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.errors import NotFound
from app.follow_ups.models import FollowUpTask
from app.inbound.models import Inbound, InboundState
from app.intake.models import PurchaseImport
from app.members.models import Member
from app.stores.models import Store
from app.worklist.models import WorkItem, WorkState

TASKS_SHOWN = 200
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task of a person, open or closed."""

    member_name: str
    title: str
    why: str
    channel: str
    state: WorkState
    close_reason: str
    due_at: datetime
    valid_until: datetime
    closed_at: datetime | None
    evidence: str | None


def tasks_of_person(
    session: Session, store_id: int, associate_id: int, start: datetime, end: datetime
) -> list[TaskRow]:
    """A person's tasks in a store that fell due in the span: open ones first, then as they fell due."""
    query = (
        select(Member.name, WorkItem, FollowUpTask)
        .join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        .join(Member, Member.id == WorkItem.member_id)
        .where(
            WorkItem.assignee_id == associate_id,
            WorkItem.store_id == store_id,
            WorkItem.due_at >= start,
            WorkItem.due_at < end,
        )
        .order_by(WorkItem.due_at, WorkItem.id)
        .limit(TASKS_SHOWN)
    )
    rows = [_task_row(*row) for row in session.execute(query)]
    return sorted(rows, key=lambda row: row.state is not WorkState.OPEN)


def get_store_by_id(session: Session, store_id: int) -> Store:
    """The store. Raises `NotFound`."""
    store = session.get(Store, store_id)
    if store is None:
        raise NotFound("unknown_id", place="store")
    return store


def get_person(session: Session, associate_id: int) -> Associate:
    """The person, also one who has left: their tasks remain. Raises `NotFound`."""
    person = session.get(Associate, associate_id)
    if person is None:
        raise NotFound("unknown_id", place="person")
    return person


def latest_imports(session: Session) -> Sequence[PurchaseImport]:
    """The latest import runs, newest first."""
    return session.scalars(select(PurchaseImport).order_by(PurchaseImport.id.desc()).limit(PAGE_ROWS)).all()


def quarantined(session: Session, before: int | None) -> tuple[list[Inbound], int | None]:
    """A page of quarantined events, newest first, and the id to continue `before`; None at the end."""
    query = select(Inbound).where(Inbound.state == InboundState.QUARANTINED)
    if before is not None:
        query = query.where(Inbound.id < before)
    rows = list(session.scalars(query.order_by(Inbound.id.desc()).limit(PAGE_ROWS + 1)))
    return rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None


def _task_row(member_name: str, item: Any, task: Any) -> TaskRow:
    return TaskRow(
        member_name=member_name,
        title=item.title,
        why=task.why,
        channel=task.channel,
        state=WorkState(item.state),
        close_reason=item.close_reason,
        due_at=item.due_at,
        valid_until=item.valid_until,
        closed_at=item.closed_at,
        evidence=task.evidence,
    )
