"""A task in hand: its member is locked, and it is read again after that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Role
from app.associates.queries import Actor
from app.db import table_of
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.follow_ups.acts.kinds import Act, Until
from app.follow_ups.acts.waiting import instant_of
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.queries import member_of_task
from app.follow_ups.states import BY_THE_SYSTEM, Evidence
from app.ids import new_id
from app.members.service import lock_members
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.worklist.models import WorkItem, WorkItemMove, WorkState

NOTE = 1024
JUST_NOW = timedelta(0)
OF_A_STANDING = ("state", "close_reason", "closed_at", "postponed_until")

TASKS, ITEMS, MOVES = table_of(FollowUpTask), table_of(WorkItem), table_of(WorkItemMove)
LOCKING = (
    select(FollowUpTask)
    .where(TASKS.c.id == bindparam("task"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
STORE = (
    select(ITEMS.c.store_id)
    .join(TASKS, TASKS.c.work_item_id == ITEMS.c.id)
    .where(TASKS.c.id == bindparam("task"))
)
MEMBER_OF_WHO_HAD_IT = (
    select(ITEMS.c.member_id)
    .join(TASKS, TASKS.c.work_item_id == ITEMS.c.id)
    .join(MOVES, MOVES.c.work_item_id == ITEMS.c.id)
    .where(TASKS.c.id == bindparam("task"), MOVES.c.from_id == bindparam("person"))
    .limit(1)
)


class May(StrEnum):
    """Who may do something with a task that they see."""

    ASSIGNEE = "assignee"
    MANAGER_TOO = "manager_too"  # of its store
    ANYONE = "anyone"  # who sees it
    WHO_HAD_IT = "who_had_it"  # its assignee, and whoever it was taken from


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap on a page, `age` ago by that device's clock; `key` is the same however often it comes."""

    key: str
    age: timedelta = JUST_NOW


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of a task now."""

    state: WorkState
    close_reason: str
    closed_at: datetime | None
    postponed_until: datetime | None
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Held:
    """A task whose member is locked until the transaction ends, and what is being done with it by whom."""

    session: Session
    actor: Actor
    tap: Tap
    task: FollowUpTask
    item: WorkItem
    now: datetime

    @property
    def member_id(self) -> int:
        """Whom it is about; a follow-up is always about a member."""
        assert self.item.member_id is not None
        return self.item.member_id

    @property
    def is_mine(self) -> bool:
        """True for its assignee."""
        return self.item.assignee_id == self.actor.associate_id

    def was_mine(self, since: datetime | None = None) -> bool:
        """True for whoever it was taken from, or was taken from no earlier than `since`."""
        its = [
            WorkItemMove.work_item_id == self.item.id,
            WorkItemMove.from_id == self.actor.associate_id,
            *([WorkItemMove.moved_at >= since] if since else []),
        ]
        return bool(self.session.scalar(select(exists().where(*its))))

    @property
    def was_theirs_to_do(self) -> bool:
        """True for who has it, and for who still had it when they acted."""
        return self.is_mine or self.was_mine(since=self.acted_at)

    @property
    def was_open(self) -> bool:
        """True where it is open, or was still open when they acted."""
        closed_at = self.item.closed_at
        return self.item.state == WorkState.OPEN or (closed_at is not None and self.acted_at < closed_at)

    @property
    def acted_at(self) -> datetime:
        """When the page was tapped, at the earliest when the task was opened, whatever the device's clock says."""
        return min(max(self.item.opened_at, self.now - self.tap.age), self.now)

    @property
    def hours(self) -> StoreHours:
        """Of the task's store."""
        return hours_of(self.session, [self.item.store_id])[self.item.store_id]

    def must_be_open(self) -> None:
        """Raises `Conflict` `task_done`, `task_cancelled` or `task_expired`: what it is, it stays."""
        if self.item.state != WorkState.OPEN:
            raise Conflict(f"task_{self.item.state}", place="task", reason=self.item.close_reason)

    def keep(
        self,
        act: Act,
        *,
        reason: str = "",
        note: str = "",
        to: int | None = None,
        until: datetime | None = None,
    ) -> None:
        """Write down what was done."""
        row = CareAct(
            id=new_id(self.session),
            associate_id=self.actor.associate_id,
            act_key=self.tap.key,
            member_id=self.member_id,
            task_id=self.task.id,
            act=act,
            reason=reason,
            note=note[:NOTE],
            to_id=to,
            until=until,
            acted_at=self.acted_at,
            recorded_at=self.now,
        )
        self.session.add(row)
        self.session.flush()

    def standing(self) -> Standing:
        """As it is after what was done."""
        self.session.flush()
        self.session.refresh(self.item, OF_A_STANDING)
        return _standing(self.task, self.item)


def hold(
    session: Session, actor: Actor, task_id: int, tap: Tap, may: May, *, also_system: bool = False
) -> Held:
    """Lock the task's member, then read it. Raises `NotFound` for a task the actor may not see, `Forbidden`, and
    `Invalid` `not_yours_to_do` for what the system does by itself unless the act is one for that, too.
    """
    lock_members(session, [_find_member(session, actor, task_id, may)])
    task = session.scalars(LOCKING, {"task": task_id}).one()
    item = session.get_one(WorkItem, task.work_item_id, populate_existing=True)
    held = Held(session, actor, tap, task, item, clock.now(session))
    _check_may(held, may)
    if task.channel in BY_THE_SYSTEM and not also_system:
        raise Invalid("not_yours_to_do", place="task")
    return held


def find_done_before(session: Session, actor: Actor, tap: Tap) -> CareAct | None:
    """What this very tap has done, if it was delivered before."""
    query = select(CareAct).where(CareAct.associate_id == actor.associate_id, CareAct.act_key == tap.key)
    return session.scalar(query)


def find_same_act(session: Session, actor: Actor, tap: Tap, act: Act, **told: object) -> CareAct | None:
    """The same of a tap that says so much, by columns of the act: delivered twice, it says the same both times.

    Raises `Invalid` `key_reused` where its key came with something else before: that was done, and this is not.
    """
    before = find_done_before(session, actor, tap)
    if before is not None:
        is_same = before.act == act and all(getattr(before, name) == value for name, value in told.items())
        check_same(is_same)
    return before


def check_same(is_same: bool) -> None:
    """Raises `Invalid` `key_reused` where what came with a key is not what came with it before."""
    if not is_same:
        raise Invalid("key_reused", place="key")


def until_of(session: Session, act: CareAct, until: Until | date) -> datetime:
    """The instant that was meant where an act with a task said so, by the hours of its store."""
    store_id = session.scalars(STORE, {"task": act.task_id}).one()
    return instant_of(until, hours_of(session, [store_id])[store_id], act.acted_at)


def standing_after(session: Session, act: CareAct) -> Standing:
    """What is true now of the task of an act; whoever did it may know, also of a task that is no longer theirs."""
    assert act.task_id is not None, "find_same_act was asked about a task"
    task = session.get_one(FollowUpTask, act.task_id)
    return _standing(task, session.get_one(WorkItem, task.work_item_id))


def _find_member(session: Session, actor: Actor, task_id: int, may: May) -> int:
    """Whom it is about; who had it may have to do with it also where they see it no more."""
    try:
        return member_of_task(session, actor, task_id)
    except NotFound:
        asked = {"task": task_id, "person": actor.associate_id}
        had_it = may is May.WHO_HAD_IT and session.connection().scalar(MEMBER_OF_WHO_HAD_IT, asked)
        if not had_it:
            raise
        return int(had_it)


def _check_may(held: Held, may: May) -> None:
    manages = held.actor.role is Role.STORE_MANAGER and held.item.store_id == held.actor.store_id
    is_allowed = may is May.ANYONE or (may is May.MANAGER_TOO and manages)
    if not (held.is_mine or is_allowed or (may is May.WHO_HAD_IT and held.was_mine())):
        raise Forbidden("not_your_task", place="task")


def _standing(task: FollowUpTask, item: WorkItem) -> Standing:
    evidence = Evidence(task.evidence) if task.evidence else None
    return Standing(WorkState(item.state), item.close_reason, item.closed_at, item.postponed_until, evidence)
