"""What people have to do and have done: an associate's own worklist, and a person's day as managers and HQ see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from app import clock
from app.associates.queries import Actor
from app.follow_ups.models import FollowUpTask
from app.follow_ups.queries import FIRST_THINGS_FIRST, TaskView, get_task, seen_tasks, task_view, visible_to
from app.follow_ups.states import BY_THE_SYSTEM, CONFIRMED_BY_WECOM, Channel, Evidence
from app.worklist.models import WorkItem, WorkState
from app.worklist.queries import is_at_hand

PAGE_TASKS = 100


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
    query = seen_tasks(actor).where(*_own_now(session, actor), *_kind(show), _behind(session, actor, after))
    return [task_view(row) for row in session.execute(query.order_by(*FIRST_THINGS_FIRST).limit(limit))]


def put_off_tasks(session: Session, actor: Actor, limit: int = PAGE_TASKS) -> list[TaskView]:
    """What the actor has put off, the next to come back first."""
    query = (
        seen_tasks(actor).where(*_own_later(session, actor)).order_by(WorkItem.postponed_until, WorkItem.id)
    )
    return [task_view(row) for row in session.execute(query.limit(limit))]


def done_tasks(session: Session, actor: Actor, since: datetime, limit: int = PAGE_TASKS) -> list[TaskView]:
    """What the actor did since then, the latest first."""
    query = seen_tasks(actor).where(*_own_done(actor, since)).order_by(WorkItem.closed_at.desc(), WorkItem.id)
    return [task_view(row) for row in session.execute(query.limit(limit))]


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
    query = seen_tasks(actor).where(*_of_person(of)).order_by(is_closed, *FIRST_THINGS_FIRST)
    return [
        task_view(row) for row in session.execute(query.limit(PAGE_TASKS).offset((page - 1) * PAGE_TASKS))
    ]


def count_tasks_of_person(session: Session, actor: Actor, of: PersonDay) -> int:
    """How many those are."""
    return _count(session, visible_to(actor), *_of_person(of))


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
    """What comes after this task in the order of `FIRST_THINGS_FIRST`, whether or not it is still open itself."""
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
