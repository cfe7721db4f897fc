"""What associates and members do in a race, one thing after the other, and what they must not be told.

What was sent or said counts, whatever becomes of the task while it is; what the system sends is nobody's to do. Whoever
finds it otherwise says so in `broken`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.associates.queries import find_actor
from app.db import Database
from app.errors import DomainError, Forbidden
from app.follow_ups.acts.calling import note_call
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import Act, CallOutcome, SkipReason, Until
from app.follow_ups.acts.members import opt_in, opt_out
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.service import claim_sending, complete_task, release_claim
from app.follow_ups.states import BY_THE_SYSTEM, Channel, Evidence
from app.follow_ups.texting.models import FINAL, SmsMessage
from app.members.models import ContactBinding, ExternalContact
from app.worklist.models import WorkItem, WorkItemMove, WorkState

# How often somebody acts on what is open, and not on what may be undone.
OF_OPEN = 0.8
# How often what is sent is marketing, to which promises do not give way; how often a slip is about a text message.
OF_MARKETING, OF_TEXTS = 0.6, 0.7
# How many messages and calls of one process are under way at once, and how long each takes at the most.
AT_ONCE, TAKES_S = 4, (0.1, 0.4)
# So long after it began a claim is over, or nearly.
CLAIMED_S = 60.0
# How often a page says that it is going to send, and then does not; or somebody taps that they had not.
CLAIMS, GIVES_UP, SLIPS = 0.7, 0.15, 0.2
SLIP_S = 0.1
GONE = Forbidden("gone")


@dataclass(frozen=True, slots=True)
class Under:
    """A message or a call under way, of `who`, since `at` (business time) and `since` (of this machine)."""

    task_id: int
    who: int
    customer: str
    at: datetime
    since: float
    over_at: float
    claimed: bool = False


class People:
    """Roles of people; each call is one act of one of them."""

    def __init__(self, database: Database, dice: random.Random) -> None:
        self.database, self.dice = database, dice
        self.broken: list[str] = []
        self._sending: list[Under] = []
        self._calling: list[Under] = []
        self._told: list[Under] = []

    def complete(self) -> int:
        """Somebody does an open task, and says so at once."""
        found = self._some_task(Channel.CHAT, Channel.INVITE, Channel.PHONE, Channel.IN_STORE)
        if found is None:
            return 0
        evidence = Evidence.CLIENT_REPORTED if found.channel == Channel.CHAT else Evidence.SELF_DECLARED
        sent = {"external_userid": found.external_userid, "evidence": evidence, "sent_text": "好"}
        return self._attempt(complete_task, found.assignee_id, found.id, **sent) is None

    def send(self) -> int:
        """Somebody sends from the toolbar; what is sent is told a moment later, and that is never refused."""
        if self._is_over(self._sending):
            return self._tell_sent(self._sending.pop(0))
        found = self._some_task(Channel.CHAT, marketing=self.dice.random() < OF_MARKETING)
        if found is None or found.external_userid is None:
            return 0
        claims = self.dice.random() < CLAIMS
        under = self._begin(found, claimed=claims)
        if claims and self._attempt(claim_sending, under.who, under.task_id, self._page(under)):
            return 0
        if claims and self.dice.random() < GIVES_UP:
            return self._attempt(release_claim, under.who, under.task_id, self._page(under)) is None
        self._sending.append(under)
        return 0

    def call(self) -> int:
        """Somebody calls a member; that they reached them is never refused, whatever became of the task meanwhile."""
        if self._is_over(self._calling):
            return self._tell_called(self._calling.pop(0))
        found = self._some_task(Channel.PHONE, Channel.INVITE)
        if found is not None:
            self._calling.append(self._begin(found))
        return 0

    def hand(self) -> int:
        """What somebody is at goes to a colleague meanwhile, who does it, too."""
        at_it = [one for one in (*self._sending, *self._calling) if one.customer and not one.claimed]
        if not at_it:
            return 0
        under = self.dice.choice(at_it)
        with self.database.reading() as session:
            friends = select(ContactBinding.associate_id).join(
                ExternalContact, ContactBinding.external_contact_id == ExternalContact.id
            )
            its = friends.where(ExternalContact.external_userid == under.customer)
            people = [who for who in session.scalars(its) if who != under.who]
        if not people or self._attempt(hand_task, under.who, under.task_id, self._tap(), to := people[0]):
            return 0
        if under in self._sending:
            self._sending.insert(0, replace(under, who=to, over_at=under.since))
        return 1

    def slip(self) -> int:
        """Somebody skips a task and takes that back at once."""
        texts = [Channel.SMS] if self.dice.random() < OF_TEXTS else []
        found = self._some_task(*texts)
        if found is None or self._attempt(
            skip_task, found.assignee_id, found.id, self._tap(), SkipReason.WRONG_PERSON
        ):
            return 0
        time.sleep(self.dice.uniform(0, SLIP_S))
        return self._attempt(self._undo, found.assignee_id, found.id, self._tap()) is None

    def finish(self) -> None:
        """Whatever is under way is told; all that was sent and told is kept."""
        for under in self._sending:
            self._tell_sent(under)
        for under in self._calling:
            self._tell_called(under)
        with self.database.reading() as session:
            for under in self._told:
                if not _is_kept(session, under):
                    self.broken.append(
                        f"task {under.task_id} was sent by {under.who}, which nothing tells of"
                    )

    def act(self) -> int:
        """Somebody skips a task, puts one off, takes that back, or gives it to a colleague."""
        found = self._some_task(lately=self.dice.random() >= OF_OPEN)
        with self.database.reading() as session:
            people = session.scalars(select(Associate.id).where(Associate.ended_at.is_(None))).all()
        if found is None:
            return 0
        what, arguments = self.dice.choice(
            (
                (skip_task, (SkipReason.IN_TOUCH,)),
                (self._undo, ()),
                (postpone_task, (Until.EVENING,)),
                (recall_task, ()),
                (hand_task, (self.dice.choice(people),)),
            )
        )
        refusal = self._attempt(what, found.assignee_id, found.id, self._tap(), *arguments)
        if (
            refusal is None
            and found.channel in BY_THE_SYSTEM
            and what in (postpone_task, recall_task, hand_task)
        ):
            self.broken.append(f"task {found.id} is the system's, and {what.__name__} was let through")
        return refusal is None

    def opt(self) -> int:
        """A member wants no follow-ups, or wants them again."""
        with self.database.reading() as session:
            query = select(ExternalContact.member_id, ContactBinding.associate_id).join(
                ContactBinding, ContactBinding.external_contact_id == ExternalContact.id
            )
            rows = session.execute(query.order_by(ContactBinding.id)).all()
        member_id, whose = self.dice.choice(rows)
        what = self.dice.choice((opt_out, opt_in, opt_in))
        return self._attempt(what, whose, member_id, self._tap()) is None

    def _some_task(self, *channels: Channel, lately: bool = False, marketing: bool = False) -> Any:
        """One of the last that are open, or were opened `lately`; with the customer's id in WeCom."""
        query = (
            select(
                FollowUpTask.id, FollowUpTask.channel, WorkItem.assignee_id, ExternalContact.external_userid
            )
            .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            .outerjoin(ExternalContact, ExternalContact.member_id == WorkItem.member_id)
        )
        if channels:
            query = query.where(FollowUpTask.channel.in_(channels))
        if marketing:
            query = query.where(~WorkItem.is_service)
        if not lately:
            query = query.where(WorkItem.state == WorkState.OPEN)
        with self.database.reading() as session:
            found = session.execute(query.order_by(FollowUpTask.id.desc()).limit(60)).all()
        return self.dice.choice(found) if found else None

    def _begin(self, found: Any, *, claimed: bool = False) -> Under:
        with self.database.reading() as session:
            at = clock.now(session)
        since = time.monotonic()
        over_at = since + self.dice.uniform(*TAKES_S)
        return Under(found.id, found.assignee_id, found.external_userid, at, since, over_at, claimed)

    def _is_over(self, under_way: list[Under]) -> bool:
        return len(under_way) >= AT_ONCE or (bool(under_way) and under_way[0].over_at <= time.monotonic())

    def _tell_sent(self, under: Under) -> int:
        self._look_at_claimed(under)
        sent = {"evidence": Evidence.CLIENT_REPORTED, "external_userid": under.customer, "sent_text": "好"}
        refusal = self._attempt(self._complete_then, under.who, under, sent)
        if refusal is not None and refusal is not GONE:
            self.broken.append(
                f"task {under.task_id} was sent by {under.who}, which was refused: {refusal!r}"
            )
        self._told += [under] if refusal is None else []
        slips = refusal is None and self.dice.random() < SLIPS
        if slips and self._attempt(undo, under.who, under.task_id, self._tap()) is None:
            self.broken.append(f"task {under.task_id} was sent, and that was undone")
        return refusal is None

    def _complete_then(self, session: Session, actor: Any, under: Under, sent: dict[str, Any]) -> None:
        complete_task(session, actor, under.task_id, age=clock.now(session) - under.at, **sent)

    def _look_at_claimed(self, under: Under) -> None:
        """What is being sent gives way to nothing, and goes to nobody, until that is over."""
        if not under.claimed or time.monotonic() - under.since > CLAIMED_S:
            return
        with self.database.reading() as session:
            query = select(FollowUpTask.evidence, WorkItem.assignee_id, WorkItem.close_reason)
            query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            row = session.execute(query.where(FollowUpTask.id == under.task_id)).one()
        if row.close_reason in ("same_day", "over_capacity"):
            self.broken.append(
                f"task {under.task_id} was closed as {row.close_reason} while it was being sent"
            )
        if row.evidence is None and row.assignee_id != under.who:
            self.broken.append(f"task {under.task_id} was given to somebody else while it was being sent")

    def _tell_called(self, under: Under) -> int:
        outcome = self.dice.choice((CallOutcome.REACHED, CallOutcome.REACHED, CallOutcome.NOT_REACHED))
        refusal = self._attempt(self._call_then, under.who, under, outcome)
        if refusal is not None and refusal is not GONE and self._was_theirs(under):
            self.broken.append(f"task {under.task_id}: a call of {under.who} was refused: {refusal!r}")
        return refusal is None

    def _call_then(self, session: Session, actor: Any, under: Under, outcome: CallOutcome) -> None:
        tap = Tap(self._page(under), clock.now(session) - under.at)
        note_call(session, actor, under.task_id, tap, outcome, note="很满意")

    def _was_theirs(self, under: Under) -> bool:
        """By the tables: it was open, and theirs, when they called. What was under way then may have come before."""
        with self.database.reading() as session:
            query = select(WorkItem).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
            item = session.scalars(query.where(FollowUpTask.id == under.task_id)).one()
            moved = select(WorkItemMove.id).where(
                WorkItemMove.work_item_id == item.id,
                WorkItemMove.from_id == under.who,
                WorkItemMove.moved_at > under.at,
            )
            was_open = item.closed_at is None or item.closed_at > under.at
            return was_open and (item.assignee_id == under.who or session.scalar(moved.limit(1)) is not None)

    def _undo(self, session: Session, actor: Any, task_id: int, tap: Tap) -> None:
        """What is open again is to be sent again, too, where the system sends it."""
        undo(session, actor, task_id, tap)
        text = session.get(SmsMessage, task_id, populate_existing=True)
        if text is not None and text.state in FINAL:
            self.broken.append(f"task {task_id} is open again, and nothing will ever send it")

    def _attempt(
        self, act: Callable[..., Any], associate_id: int, *arguments: Any, **more: Any
    ) -> DomainError | None:
        """One act of somebody's; why it was refused, because of what others did meanwhile, None where it was not."""
        with self.database.reading() as session:
            actor = find_actor(session, associate_id)
        if actor is None:  # they have left since
            return GONE
        try:
            self.database.in_transaction(lambda session: act(session, actor, *arguments, **more))
        except DomainError as refusal:
            return refusal
        return None

    def _page(self, under: Under) -> str:
        return f"page-{under.task_id}-{under.who}-{under.since}"

    def _tap(self) -> Tap:
        return Tap(f"tap-{self.dice.getrandbits(96)}")


def _is_kept(session: Session, under: Under) -> bool:
    """That it was sent is the task's proof, or stands beside that of whose word came first."""
    by = session.scalar(select(FollowUpTask.completed_by).where(FollowUpTask.id == under.task_id))
    acts = select(CareAct.id).where(
        CareAct.task_id == under.task_id, CareAct.associate_id == under.who, CareAct.act == Act.SENT_TOO
    )
    return by == under.who or session.scalar(acts.limit(1)) is not None
