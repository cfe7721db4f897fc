"""Reading follow-up tasks: what people have to do and have done. What became of steps is in `history`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, select, true
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Role
from app.associates.queries import Actor
from app.db import table_of
from app.errors import NotFound
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM, Channel, Evidence
from app.members.models import ContactBinding, ExternalContact, Member
from app.members.queries import live_bindings
from app.worklist.models import WorkItem, WorkState
from app.worklist.queries import is_at_hand

PAGE_TASKS = 100
_FIRST_THINGS_FIRST = (WorkItem.rank.desc(), WorkItem.due_at, WorkItem.id)


class Show(StrEnum):
    """Which of a worklist's tasks are looked at."""

    ALL = "all"
    PROMISES = "promises"  # service: what the member was promised
    CHAT = "chat"
    INVITE = "invite"
    CONFIRM = "confirm"  # in WeCom: group sends and moments
    OTHER = "other"  # calls, and what is done in the store


_SHOWN: dict[Show, ColumnElement[bool]] = {
    Show.PROMISES: WorkItem.is_service.is_(True),
    Show.CHAT: FollowUpTask.channel == Channel.CHAT,
    Show.INVITE: FollowUpTask.channel == Channel.INVITE,
    Show.CONFIRM: FollowUpTask.channel.in_(CONFIRMED_BY_WECOM),
    Show.OTHER: FollowUpTask.channel.not_in([Channel.CHAT, Channel.INVITE, *CONFIRMED_BY_WECOM]),
}


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


@dataclass(frozen=True, slots=True)
class WorklistCounts:
    """How much a worklist holds: `shown` are what is to be done now of one kind, `ahead` of them before the page.

    `open` is all that is to be done now, `later` what was put off, `done` what was done since a time; `kinds` how many
    of those to be done now are of each kind.
    """

    shown: int
    ahead: int
    open: int
    later: int
    done: int
    kinds: Mapping[Show, int]


@dataclass(frozen=True, slots=True)
class PersonDay:
    """A person's tasks in a store that fell due from `start` to before `end`, in any state and proof or in one."""

    store_id: int
    associate_id: int
    start: datetime
    end: datetime
    state: WorkState | None = None
    evidence: Evidence | None = None


def get_task(session: Session, actor: Actor, task_id: int) -> TaskView:
    """A task the actor may see. Raises `NotFound` otherwise, whether or not there is one."""
    row = session.execute(_tasks(actor).where(FollowUpTask.id == task_id)).first()
    if row is None:
        raise NotFound("unknown_task", place="task")
    return _view(row)


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
    """`_visible_to` of one task."""
    if actor.role is Role.HQ:
        return True
    if actor.role is Role.STORE_MANAGER:
        return store_id == actor.store_id
    return assignee_id == actor.associate_id


def tasks_of_member(session: Session, actor: Actor, member_id: int, since: datetime) -> list[TaskView]:
    """The member's open tasks, most important first, then those closed since then."""
    is_recent = (WorkItem.state == WorkState.OPEN) | (WorkItem.closed_at >= since)
    query = _tasks(actor).where(WorkItem.member_id == member_id, is_recent)
    views = [_view(row) for row in session.execute(query.order_by(*_FIRST_THINGS_FIRST))]
    return sorted(views, key=lambda view: view.state is not WorkState.OPEN)


def worklist(
    session: Session,
    actor: Actor,
    *,
    after: int | None = None,
    limit: int = PAGE_TASKS,
    show: Show = Show.ALL,
) -> list[TaskView]:
    """What the actor is to do now, highest rank first; `after` is the task at which the last page ended.

    Raises `NotFound` for an `after` the actor may not see.
    """
    query = _tasks(actor).where(*_own_now(session, actor), *_kind(show), _behind(session, actor, after))
    return [_view(row) for row in session.execute(query.order_by(*_FIRST_THINGS_FIRST).limit(limit))]


def put_off_tasks(session: Session, actor: Actor, limit: int = PAGE_TASKS) -> list[TaskView]:
    """What the actor has put off, the next to come back first."""
    query = _tasks(actor).where(*_own_later(session, actor)).order_by(WorkItem.postponed_until, WorkItem.id)
    return [_view(row) for row in session.execute(query.limit(limit))]


def done_tasks(session: Session, actor: Actor, since: datetime, limit: int = PAGE_TASKS) -> list[TaskView]:
    """What the actor did since then, the latest first."""
    query = _tasks(actor).where(*_own_done(actor, since)).order_by(WorkItem.closed_at.desc(), WorkItem.id)
    return [_view(row) for row in session.execute(query.limit(limit))]


def count_worklist(
    session: Session, actor: Actor, since: datetime, after: int | None = None, show: Show = Show.ALL
) -> WorklistCounts:
    """Everything of the actor's, whatever fits on a page. Raises as `worklist` does."""
    kinds = _count_kinds(session, actor)
    rest = kinds[show]
    if after is not None:
        rest = _count(session, *_own_now(session, actor), *_kind(show), _behind(session, actor, after))
    return WorklistCounts(
        shown=kinds[show],
        ahead=kinds[show] - rest,
        open=kinds[Show.ALL],
        later=_count(session, *_own_later(session, actor)),
        done=_count(session, *_own_done(actor, since)),
        kinds=kinds,
    )


def _count_kinds(session: Session, actor: Actor) -> dict[Show, int]:
    sums = [func.coalesce(func.sum(case((condition, 1), else_=0)), 0) for condition in _SHOWN.values()]
    query = select(func.count(), *sums).select_from(WorkItem)
    query = query.join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
    row = session.execute(query.where(*_own_now(session, actor))).one()
    return dict(zip([Show.ALL, *_SHOWN], map(int, row), strict=True))


def tasks_of_person(session: Session, actor: Actor, of: PersonDay, page: int = 1) -> list[TaskView]:
    """A page of them, what is open first, then by priority and due instant; pages count from 1."""
    is_closed = case((WorkItem.state == WorkState.OPEN, 0), else_=1)
    query = _tasks(actor).where(*_of_person(of)).order_by(is_closed, *_FIRST_THINGS_FIRST)
    return [_view(row) for row in session.execute(query.limit(PAGE_TASKS).offset((page - 1) * PAGE_TASKS))]


def count_tasks_of_person(session: Session, actor: Actor, of: PersonDay) -> int:
    """How many those are."""
    return _count(session, _visible_to(actor), *_of_person(of))


def _own_now(session: Session, actor: Actor) -> list[ColumnElement[bool]]:
    return [*_own_open(actor), is_at_hand(clock.now(session))]


def _own_later(session: Session, actor: Actor) -> list[ColumnElement[bool]]:
    return [*_own_open(actor), WorkItem.postponed_until > clock.now(session)]


def _own_open(actor: Actor) -> list[ColumnElement[bool]]:
    """What the system does by itself is on nobody's list."""
    return [
        WorkItem.assignee_id == actor.associate_id,
        WorkItem.state == WorkState.OPEN,
        FollowUpTask.channel.not_in(sorted(BY_THE_SYSTEM)),
    ]


def _kind(show: Show) -> list[ColumnElement[bool]]:
    return [] if show is Show.ALL else [_SHOWN[show]]


def _own_done(actor: Actor, since: datetime) -> list[ColumnElement[bool]]:
    return [
        WorkItem.assignee_id == actor.associate_id,
        WorkItem.state == WorkState.DONE,
        WorkItem.closed_at >= since,
    ]


def _of_person(of: PersonDay) -> list[ColumnElement[bool]]:
    states = list(WorkState) if of.state is None else [of.state]
    return [
        WorkItem.assignee_id == of.associate_id,
        WorkItem.store_id == of.store_id,
        WorkItem.state.in_(states),  # named, so that the index of assignee, state and due time can be used
        WorkItem.due_at >= of.start,
        WorkItem.due_at < of.end,
        *([FollowUpTask.evidence == of.evidence] if of.evidence is not None else []),
    ]


def _behind(session: Session, actor: Actor, after: int | None) -> ColumnElement[bool]:
    """What comes after this task in the order of `_FIRST_THINGS_FIRST`, whether or not it is still open itself."""
    if after is None:
        return true()
    last = get_task(session, actor, after)
    item_id = session.scalars(select(FollowUpTask.work_item_id).where(FollowUpTask.id == after)).one()
    return or_(
        WorkItem.rank < last.rank,
        and_(WorkItem.rank == last.rank, WorkItem.due_at > last.due_at),
        and_(WorkItem.rank == last.rank, WorkItem.due_at == last.due_at, WorkItem.id > item_id),
    )


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Work items of other kinds are not follow-up tasks: the join leaves them out."""
    query = select(func.count()).select_from(WorkItem)
    query = query.join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
    return session.scalars(query.where(*conditions)).one()


def _tasks(actor: Actor) -> Select[Any]:
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
        rank=item.rank,
        store_id=item.store_id,
        opened_at=item.opened_at,
        postponed_until=item.postponed_until,
        note=task.note,
        completed_by=task.completed_by,
    )
