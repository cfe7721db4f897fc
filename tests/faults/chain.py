"""A chain with a backlog: many members whose steps fall due at one instant, and what one asks of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from app import clock
from app.associates.models import Associate, Role
from app.associates.queries import ids_by_userid
from app.db import Database
from app.follow_ups.models import FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.ids import new_id
from app.inbound.events import PurchaseReported
from app.intake.service import MAX_BATCH
from app.members.service import NewContact, bind_contacts, members_by_code
from app.messaging.models import MessageState, OutboundMessage
from app.stores.models import Store
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from tests.checker import violations
from tests.world import World, at, purchase

ASSOCIATES = 10
BOUGHT_AT = at("2026-03-01 14:00")
TOLD_AT = "2026-03-02 13:00"  # the thirty minutes' step is over, nothing is due
DUE_AT = at("2026-03-04 10:00")  # the third day's step, of everybody
DIGEST_WITHIN = timedelta(minutes=3)
POLL_S = 0.005
BUSINESS_LANES = (Lane.MINUTES, Lane.DAYS, Lane.EXPIRY, Lane.DIGEST)


class Chain:
    """`members` bought on one day from ten associates; half of them are WeCom contacts. `plans` are in force too."""

    def __init__(self, database: Database, members: int, *plans: dict[str, Any]) -> None:
        self.database = database
        self.members = members
        self.world = World(database, now=TOLD_AT)
        self._hire()
        with database.transaction() as session:
            for plan in plans:
                publish(session, plan)
        events = purchases(members)
        for start in range(0, members, MAX_BATCH):
            self.world.report(*events[start : start + MAX_BATCH])
        self._befriend()

    def _hire(self) -> None:
        with self.database.transaction() as session:
            store = session.scalars(select(Store)).one()
            for userid in userids():
                session.add(
                    Associate(
                        id=new_id(session),
                        wecom_userid=userid,
                        name=userid,
                        store_id=store.id,
                        role=Role.ASSOCIATE,
                    )
                )

    def _befriend(self) -> None:
        codes = [f"m{number}" for number in range(0, self.members, 2)]
        with self.database.transaction() as session:
            people = ids_by_userid(session)
            contacts = [
                NewContact(f"wm-{code}", code, member_id, people[seller_of(code)])
                for code, member_id in members_by_code(session, codes).items()
            ]
            bind_contacts(session, contacts, clock.now(session))

    def fall_due(self) -> None:
        """It is the third day, half past ten."""
        self.jump_to(DUE_AT + timedelta(minutes=30))

    def jump(self, by: timedelta) -> None:
        with self.database.transaction() as session:
            clock.jump_to(session, clock.now(session) + by)

    def jump_to(self, instant: datetime) -> None:
        with self.database.transaction() as session:
            clock.jump_to(session, instant)

    def end_leases(self) -> None:
        """As if the minute had passed for which a message is leased: real time is not ours to move."""
        with self.database.transaction() as session:
            past = clock.real_now(session) - timedelta(seconds=1)
            due = select(OutboundMessage).where(OutboundMessage.next_due_at.is_not(None))
            for row in session.scalars(due.with_for_update()):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.PUSH, row.next_due_at, row.id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.PUSH, past, row.id), None)])

    def opened(self) -> int:
        """Steps opened so far."""
        with self.database.reading() as session:
            query = select(func.count()).select_from(StepRecord).where(StepRecord.outcome == "opened")
            return session.scalar(query) or 0

    def is_idle(self) -> bool:
        """True when nothing is due in business time and no message waits to be sent."""
        with self.database.reading() as session:
            now = clock.now(session)
            lanes = [str(lane) for lane in BUSINESS_LANES]
            due = select(Timer.subject_id).where(Timer.lane.in_(lanes), Timer.due_at <= now).limit(1)
            waiting = select(Timer.subject_id).where(Timer.lane == str(Lane.PUSH)).limit(1)
            return session.scalar(due) is None and session.scalar(waiting) is None

    def messages(self) -> list[OutboundMessage]:
        with self.database.reading() as session:
            return list(session.scalars(select(OutboundMessage)))

    def processes_that_opened(self) -> int:
        """How many processes opened tasks: an id names the node that its process leased."""
        with self.database.reading() as session:
            return len({task_id >> 12 & 1023 for task_id in session.scalars(select(FollowUpTask.id))})

    def assert_everything_opened_once(self) -> None:
        """One step each, one task each, one message per associate at most per digest, and the books balance."""
        assert self.opened() == self.members
        with self.database.reading() as session:
            assert session.scalar(select(func.count()).select_from(FollowUpTask)) == self.members
        held = [one.reason for one in self.messages() if one.state != MessageState.DELIVERED]
        assert held == [], held
        assert violations(self.database) == []


def userids() -> list[str]:
    return [f"a{number}" for number in range(ASSOCIATES)]


def seller_of(code: str) -> str:
    return f"a{int(code[1:]) % ASSOCIATES}"


def purchases(count: int) -> list[PurchaseReported]:
    """The first purchase of so many members."""
    return [
        msgspec.structs.replace(
            purchase(f"r{number}", f"m{number}", BOUGHT_AT), seller=f"a{number % ASSOCIATES}"
        )
        for number in range(count)
    ]


def comes_true(condition: Callable[[], bool], within_s: float) -> bool:
    """True as soon as it is, False where another process does not come so far in time."""
    give_up_at = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(POLL_S)
    return True


def wait_until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Until another process has come so far."""
    assert comes_true(condition, within_s), "the other process did not come so far"
