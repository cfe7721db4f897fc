"""What people do about members and their tasks, at any time, for machines of Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from sqlalchemy import select

from app.associates.queries import Actor
from app.errors import DomainError
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import SkipReason, Until
from app.follow_ups.acts.members import note_event, opt_in, opt_out
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.models import FollowUpTask
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.service import complete_task
from app.follow_ups.states import Channel, Evidence
from app.follow_ups.wording import reword_moved
from app.inbound.events import OwnerNamed
from app.lanes import Deadline
from app.member_events.models import MemberEventKind
from app.worklist.balancing import balance_due
from app.worklist.models import WorkItem
from app.worklist.urging import urge_due
from tests.follow_ups.living import PEOPLE, Living, ahead, members

which_task = st.integers(0, 1_000)


class Held(NamedTuple):
    """A task, the code of the customer it is about, and whose it is."""

    task: FollowUpTask
    code: str
    whose: Actor


class Acting(Living):
    """Every act may come at any time, also when it is too late for it: then it is refused, and changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        # What may never change again, by key: undoing takes back what had seemed to be.
        self.final: dict[Any, Any] = {}
        self._people = [self.world.actor(who) for who in PEOPLE]  # nobody leaves, or is promoted
        self.manager = self._people[PEOPLE.index("manager")]
        self._has_tasks = False

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task, ago=st.sampled_from((0, 0, 60, 3 * 86400)))
    def complete_a_task(self, which: int, ago: int) -> None:
        task, code, whose = self.task(which)
        is_chat = task.channel == Channel.CHAT
        self.try_to(
            complete_task,
            whose,
            task.id,
            external_userid=f"wm-{code}" if is_chat else None,
            evidence=Evidence.CLIENT_REPORTED if is_chat else Evidence.SELF_DECLARED,
            sent_text="好",
            age=timedelta(seconds=ago),
        )

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task)
    def skip_a_task(self, which: int) -> None:
        task, _, whose = self.task(which)
        self.try_to(skip_task, whose, task.id, self.tap(), SkipReason.IN_TOUCH)

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task, after=st.one_of(st.none(), ahead))
    def skip_a_task_and_undo_it(self, which: int, after: timedelta | None) -> None:
        """At once, or after something else has happened."""
        task, _, whose = self.task(which)
        skipped = self.try_to(skip_task, whose, task.id, self.tap(), SkipReason.WRONG_PERSON)
        if after is not None:
            self.world.live_to(self.now() + after)
        if self.try_to(undo, whose, task.id, self.tap()) and skipped:
            self.final.pop(("work item", task.work_item_id), None)

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task)
    def undo_what_was_done(self, which: int) -> None:
        task, _, whose = self.task(which)
        if self.try_to(undo, whose, task.id, self.tap()):
            self.final.pop(("work item", task.work_item_id), None)
            self.final.pop(("evidence", task.id), None)

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task, until=st.one_of(st.sampled_from(list(Until)), st.integers(1, 6)))
    def put_a_task_off(self, which: int, until: Until | int) -> None:
        task, _, whose = self.task(which)
        when = until if isinstance(until, Until) else self.now().date() + timedelta(days=until)
        self.try_to(postpone_task, whose, task.id, self.tap(), when)

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task)
    def bring_a_task_back(self, which: int) -> None:
        task, _, whose = self.task(which)
        self.try_to(recall_task, whose, task.id, self.tap())

    @precondition(lambda self: self.has_tasks())
    @rule(which=which_task, to=st.sampled_from(PEOPLE))
    def hand_a_task_on(self, which: int, to: str) -> None:
        task, _, whose = self.task(which)
        self.try_to(hand_task, whose, task.id, self.tap(), self.world.person(to).id)

    @rule(code=members, kind=st.sampled_from([MemberEventKind.REPLY, MemberEventKind.UNFRIENDED]))
    def say_that_they_answered_or_went(self, code: str, kind: MemberEventKind) -> None:
        data = {"by": "member"} if kind is MemberEventKind.UNFRIENDED else {}
        who = self.manager
        assert self.try_to(note_event, who, self.member_id(code), self.tap(), kind, data)

    @rule(code=members, wants_none=st.sampled_from((False, False, True)))
    def opt_out_or_in(self, code: str, wants_none: bool) -> None:
        act = opt_out if wants_none else opt_in
        assert self.try_to(act, self.manager, self.member_id(code), self.tap())

    @rule(code=members, to=st.sampled_from(("owner", "colleague")))
    def name_another_owner(self, code: str, to: str) -> None:
        ref = f"o{next(self.numbers)}"
        self.tell(OwnerNamed(ref, "S1", code, to, self.now(), True))

    @rule()
    def balance_and_urge(self) -> None:
        balance_due(self.database, reword_moved, ask_served_again, Deadline(60))
        urge_due(self.database, Deadline(60))

    def tap(self) -> Tap:
        """A tap on a page, just now."""
        return Tap(f"key-{next(self.numbers):08}")

    def try_to(self, act: Callable[..., Any], *args: Any, **more: Any) -> bool:
        """Do it, or be refused; True where it was done."""
        try:
            self.database.in_transaction(lambda session: act(session, *args, **more))
        except DomainError:
            return False
        return True

    def task(self, which: int) -> Held:
        """One of all tasks, open or not."""
        tasks = self.tasks()
        return tasks[which % len(tasks)]

    def has_tasks(self) -> bool:
        """Asked before every move; a task that was opened once is there for ever."""
        if not self._has_tasks:
            with self.database.reading() as session:
                self._has_tasks = session.scalar(select(FollowUpTask.id).limit(1)) is not None
        return self._has_tasks

    def tasks(self) -> list[Held]:
        """Every task, open or not."""
        people = {actor.associate_id: actor for actor in self._people}
        query = select(FollowUpTask, WorkItem.member_id, WorkItem.assignee_id).join(
            WorkItem, WorkItem.id == FollowUpTask.work_item_id
        )
        with self.database.reading() as session:
            return [
                Held(task, self.codes[member_id], people[assignee_id])
                for task, member_id, assignee_id in session.execute(query.order_by(FollowUpTask.id))
                if member_id is not None  # a follow-up is always about a member
            ]
