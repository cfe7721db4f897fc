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

from sqlalchemy import ExceptionContext, event, select
from sqlalchemy.exc import DBAPIError

from app import clock, failpoints
from app.associates.queries import find_actor
from app.db import Database, is_retryable
from app.follow_ups.firing import fire_due
from app.follow_ups.measuring import counting
from app.follow_ups.models import FollowUpTask
from app.follow_ups.service import complete_task
from app.follow_ups.states import Channel, Evidence
from app.intake.inbox import apply_received
from app.intake.service import apply_events
from app.lanes import Deadline
from app.members.models import ContactBinding, ExternalContact
from app.messaging.digests import DigestSender, gather_due
from app.nightly import run_nightly
from app.timers import Lane
from app.worklist.expiry import expire_due
from app.worklist.models import WorkItem, WorkState
from app.worklist.queries import open_items
from tests.faults.chain import purchases
from tests.follow_ups.measuring.nights import COUNTING
from tests.intake.wecom_inbox import NOBODY, Recorder
from tests.world import SOURCE, purchase, refund

IDLE_S = 0.01
RACING_MEMBERS = 40
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
        done += expire_due(self.database, Deadline(5)).done
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
        with self.database.reading() as session:
            actor = find_actor(session, assignee_id)
        assert actor is not None
        self.database.in_transaction(
            lambda session: complete_task(
                session, actor, task_id, external_userid=external_userid, evidence=evidence, sent_text="好"
            )
        )
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
        done += now_done
        if not now_done:
            time.sleep(IDLE_S)
    print(json.dumps({"role": role, "done": done, "retries": worker.retries}))


if __name__ == "__main__":
    main()
