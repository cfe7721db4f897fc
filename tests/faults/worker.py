"""A process that does some things over and over until it is told to end, then says what it did as one line of JSON.

python -m tests.faults.worker ROLE[,ROLE] SEED     (DATABASE_URL, FAILPOINTS, OUTSIDE)
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import ExceptionContext, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock, failpoints
from app.associates.models import Associate
from app.associates.service import bring_back, end_associate
from app.db import Database, is_retryable
from app.follow_ups.channels.carriers import CARRIERS
from app.follow_ups.channels.following import follow_due
from app.follow_ups.channels.ordering import order_due
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.linking.addresses import LinkMaker
from app.follow_ups.measuring import counting
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.states import Channel
from app.follow_ups.texting.sending import Texting, text_due
from app.follow_ups.wording import reword_moved
from app.handover.leaving import hand_over_due
from app.intake.inbox import apply_received
from app.intake.service import apply_events
from app.lanes import Deadline
from app.members.phones import PURPOSE
from app.messaging.digests import DigestSender, gather_due
from app.nightly import run_nightly
from app.public_ids import PublicIds
from app.sealing import Keyring
from app.timers import Lane
from app.worklist.balancing import balance_due
from app.worklist.expiry import expire_due
from app.worklist.loads import schedule_balance
from app.worklist.queries import open_items
from app.worklist.urging import urge_due
from tests.faults.chain import purchases
from tests.faults.outside import Gateway, Outside, Phones
from tests.faults.people import People
from tests.follow_ups.measuring.nights import COUNTING
from tests.intake.wecom_inbox import NOBODY, Recorder
from tests.world import SOURCE, purchase, refund

IDLE_S = 0.01
BEGUN = "begun"
RACING_MEMBERS = 40
# How often somebody leaves or comes back, of the times it is looked.
A_TURN = 0.1
KEYS = Keyring(["secret"], PURPOSE)
LINKS = LinkMaker("https://dianban.example", PublicIds("secret"))
NO_PORT: Any = None  # nothing of WeCom is called: `Phones` are asked instead
SENDER = DigestSender(1000002, "http://localhost:8000/h5/worklist", open_items)


class Worker(People):
    """Roles on one database."""

    def __init__(self, database: Database, seed: int, outside: Outside) -> None:
        super().__init__(database, random.Random(seed))
        self.seed = seed
        self.told = 0
        self.role = ""
        self.done: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self._outside = outside
        self._texting = Texting(Gateway(outside), KEYS, LINKS)
        event.listen(database.engine, "handle_error", self._count_retry)

    def do(self, role: str) -> int:
        """What the role does, once; how much that was."""
        self.role = role
        act: Callable[[], int] = getattr(self, role)
        done = act()
        self.done[role] += done
        return done

    def said(self) -> str:
        """What it did."""
        return json.dumps({"done": self.done, "retries": self.retries, "broken": self.broken})

    def _count_retry(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        self.retries[self.role] += isinstance(error, DBAPIError) and is_retryable(error)

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

    def text(self) -> int:
        """Text messages, and whether they arrived."""
        return text_due(self.database, self._texting, Deadline(5)).done

    def order(self) -> int:
        """Group sends, and what became of them."""
        done = follow_due(self.database, NO_PORT, Deadline(5)).done
        return done + order_due(self.database, NO_PORT, Deadline(5)).done

    def confirm(self) -> int:
        """An associate confirms a group send."""
        return self._outside.confirm_one(self._now())

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
    roles, seed = sys.argv[1].split(","), int(sys.argv[2])
    failpoints.arm(os.environ.get("FAILPOINTS", "").split(","), is_sandbox=True)
    outside = Outside(Path(os.environ.get("OUTSIDE", "")), random.Random(seed))
    CARRIERS[Channel.GROUP_SEND] = Phones(outside)
    worker = Worker(Database(os.environ["DATABASE_URL"]), seed, outside)
    going, idle = True, set(roles)

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, end)
    while going:
        role = worker.dice.choice(roles)
        done = worker.do(role)
        if done and role in idle:
            idle.discard(role)
            if not idle:
                print(BEGUN, flush=True)
        if not done:
            time.sleep(IDLE_S)
    worker.finish()
    print(worker.said())


if __name__ == "__main__":
    main()
