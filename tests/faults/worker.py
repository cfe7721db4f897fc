"""A process that does one thing over and over until it is told to end, then says what it did as one line of JSON.

python -m tests.faults.worker ROLE [SEED]     (DATABASE_URL, FAILPOINTS)
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

from sqlalchemy import ExceptionContext, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock, failpoints
from app.associates.models import Associate
from app.associates.queries import find_actor
from app.associates.service import bring_back, end_associate
from app.db import Database, is_retryable
from app.errors import DomainError
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import SkipReason, Until
from app.follow_ups.acts.members import opt_in, opt_out
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.measuring import counting
from app.follow_ups.models import FollowUpTask
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.service import complete_task
from app.follow_ups.states import Channel, Evidence
from app.follow_ups.wording import reword_moved
from app.handover.leaving import hand_over_due
from app.intake.inbox import apply_received
from app.intake.service import apply_events
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact
from app.members.service import members_by_code
from app.messaging.digests import DigestSender, gather_due
from app.nightly import run_nightly
from app.timers import Lane
from app.worklist.balancing import balance_due
from app.worklist.expiry import expire_due
from app.worklist.loads import schedule_balance
from app.worklist.models import WorkItem, WorkState
from app.worklist.queries import open_items
from app.worklist.urging import urge_due
from tests.faults.chain import purchases
from tests.follow_ups.measuring.nights import COUNTING
from tests.intake.wecom_inbox import NOBODY, Recorder
from tests.world import SOURCE, purchase, refund

IDLE_S = 0.01
BEGUN = "begun"
RACING_MEMBERS = 40
# How often somebody leaves or comes back, of the times it is looked.
A_TURN = 0.1
# How often somebody acts on what is open, and not on what may be undone.
OF_OPEN = 0.8
SENDER = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)


class Worker:
    """One role on one database."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.dice = random.Random(seed)
        self.seed = seed
        self.told = 0
        self.retries = 0
        event.listen(database.engine, "handle_error", self._count_retry)

    def _count_retry(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        self.retries += isinstance(error, DBAPIError) and is_retryable(error)

    def fire(self) -> int:
        """All that is due in business time."""
        done = sum(fire_due(self.database, lane, Deadline(5)).done for lane in (Lane.MINUTES, Lane.DAYS))
        done += expire_due(self.database, ask_served_again, Deadline(5)).done
        done += urge_due(self.database, Deadline(5)).done
        return done + gather_due(self.database, SENDER, Deadline(5)).done

    def refund(self) -> int:
        """Somebody brings a purchase back, at times without their card."""
        events = [
            refund(
                self._ref("C"), code if self.dice.random() < 0.7 else "", self._now(), cancels=f"r{code[1:]}"
            )
            for code in self._some_members(4)
        ]
        return len(apply_events(self.database, SOURCE, events, enrolls=True))

    def buy(self) -> int:
        """A few members buy again."""
        events = [purchase(self._ref("x"), code, self._now()) for code in self._some_members(4)]
        return len(apply_events(self.database, SOURCE, events, enrolls=True))

    def complete(self) -> int:
        """An associate does an open task."""
        with self.database.reading() as session:
            contact = (
                select(ExternalContact.external_userid)
                .join(ContactBinding, ContactBinding.external_contact_id == ExternalContact.id)
                .where(ExternalContact.member_id == WorkItem.member_id)
                .scalar_subquery()
            )
            query = select(FollowUpTask.id, FollowUpTask.channel, WorkItem.assignee_id, contact)
            query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            found = session.execute(query.where(WorkItem.state == WorkState.OPEN).limit(50)).all()
        if not found:
            return 0
        task_id, channel, assignee_id, external_userid = self.dice.choice(found)
        evidence = Evidence.CLIENT_REPORTED if channel == Channel.CHAT else Evidence.SELF_DECLARED
        sent = {"external_userid": external_userid, "evidence": evidence, "sent_text": "好"}
        return self._attempt(complete_task, assignee_id, task_id, **sent)

    def act(self) -> int:
        """Somebody skips a task, puts one off, takes that back, or gives it to a colleague."""
        with self.database.reading() as session:
            query = select(FollowUpTask.id, WorkItem.assignee_id)
            query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            if self.dice.random() < OF_OPEN:
                query = query.where(WorkItem.state == WorkState.OPEN)
            lately = query.order_by(FollowUpTask.id.desc()).limit(60)
            found = session.execute(lately).all()
            people = session.scalars(select(Associate.id).where(Associate.ended_at.is_(None))).all()
        if not found:
            return 0
        task_id, assignee_id = self.dice.choice(found)
        what, arguments = self.dice.choice(
            (
                (skip_task, (SkipReason.IN_TOUCH,)),
                (undo, ()),
                (postpone_task, (Until.EVENING,)),
                (recall_task, ()),
                (hand_task, (self.dice.choice(people),)),
            )
        )
        tap = Tap(f"{self.seed}-{self.dice.getrandbits(64)}")
        return self._attempt(what, assignee_id, task_id, tap, *arguments)

    def opt(self) -> int:
        """A member wants no follow-ups, or wants them again."""
        with self.database.reading() as session:
            code = self._some_members(1)[0]
            member_id = members_by_code(session, [code])[code]
            query = select(ContactBinding.associate_id).join(
                ExternalContact, ContactBinding.external_contact_id == ExternalContact.id
            )
            whose = session.scalar(query.where(ExternalContact.member_id == member_id).limit(1))
        if whose is None:
            return 0
        what = self.dice.choice((opt_out, opt_in, opt_in))
        return self._attempt(what, whose, member_id, Tap(f"{self.seed}-{self.dice.getrandbits(64)}"))

    def balance(self) -> int:
        """Everybody has more to do than they can."""

        def look(session: Session) -> None:
            people = session.scalars(select(Associate.id).order_by(Associate.id)).all()
            schedule_balance(session, dict.fromkeys(people, clock.now(session)))

        self.database.in_transaction(look)
        return balance_due(self.database, reword_moved, ask_served_again, Deadline(5)).done

    def leave(self) -> int:
        """One of the associates leaves, or comes back; whose work it was passes to others meanwhile."""

        def turn(session: Session) -> None:
            query = select(Associate).where(Associate.wecom_userid.in_(("a8", "a9")))
            person = self.dice.choice(session.scalars(query.order_by(Associate.id)).all())
            (end_associate if person.ended_at is None else bring_back)(session, person)

        if not self.told or self.dice.random() < A_TURN:
            self.told += 1
            self.database.in_transaction(turn)
        return hand_over_due(self.database, Deadline(5)).done

    def _attempt(self, act: Callable[..., Any], associate_id: int, *arguments: Any, **more: Any) -> int:
        """One act of somebody's; what is refused, because of what others did meanwhile, is refused with a reason."""
        with self.database.reading() as session:
            actor = find_actor(session, associate_id)
        if actor is None:  # they have left since
            return 0
        try:
            self.database.in_transaction(lambda session: act(session, actor, *arguments, **more))
        except DomainError:
            return 0
        return 1

    def report(self) -> int:
        """Every purchase of the chain, fifty at a time, from the first; then it ends."""
        everything = purchases(self.seed)
        for start in range(0, len(everything), 50):
            self.told += len(
                apply_events(self.database, SOURCE, everything[start : start + 50], enrolls=True)
            )
        raise SystemExit(0)

    def apply(self) -> int:
        """Events from WeCom; what each left is one row."""
        return apply_received(self.database, NOBODY, Recorder().handlers(), Deadline(5)).done

    def count(self) -> int:
        """What is counted in the night, an enrollment or two at a time."""
        counting.PIECE = 2
        return run_nightly(self.database, COUNTING, Deadline(5)).done

    def _some_members(self, most: int) -> list[str]:
        return [
            f"m{number}" for number in self.dice.sample(range(RACING_MEMBERS), self.dice.randint(1, most))
        ]

    def _ref(self, prefix: str) -> str:
        self.told += 1
        return f"{prefix}{self.seed}-{self.told}"

    def _now(self) -> datetime:
        with self.database.reading() as session:
            return clock.now(session)


def main() -> None:
    """Until SIGTERM."""
    role, seed = sys.argv[1], int(sys.argv[2])
    failpoints.arm(os.environ.get("FAILPOINTS", "").split(","), is_sandbox=True)
    worker = Worker(Database(os.environ["DATABASE_URL"]), seed)
    going = True

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, end)
    act: Callable[[], int] = getattr(worker, role)
    done = 0
    while going:
        now_done = act()
        if now_done and not done:
            print(BEGUN, flush=True)
        done += now_done
        if not now_done:
            time.sleep(IDLE_S)
    print(json.dumps({"role": role, "done": done, "retries": worker.retries}))


if __name__ == "__main__":
    main()
