"""Clock processes that die between claiming a welcome code and saying what came of it: never a second message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock, failpoints
from app.db import Database
from app.inbound.service import receive
from app.intake.wecom.welcoming import LEASE
from app.messaging.models import Welcome, WelcomeState
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.wecom.callbacks import WeComEvent
from app.wecom.sandbox_control import SandboxControl
from app.worklist.models import WorkItem, WorkKind
from tests.checker import violations
from tests.contract.customers import Customers
from tests.faults.chain import wait_until
from tests.faults.crew import Crew, stop_cleanly
from tests.wecom.local_sandbox import LocalSandbox
from tests.world import World


class Door:
    """Customers who add the owner, and the welcomes they get."""

    def __init__(self, database: Database, sandbox: LocalSandbox) -> None:
        self.database, self.world = database, World(database)
        SandboxControl(sandbox.url).put_people([{"userid": "owner", "name": "李娜"}])
        self.customers = Customers(sandbox)

    def enter(self) -> str:
        """A customer adds the owner, and we are told; their external_userid."""
        met = self.customers.add("owner")
        told: dict[str, Any] = {
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": "add_external_contact",
            "CreateTime": "1790000000",
            "UserID": "owner",
            "ExternalUserID": met["external_userid"],
            "WelcomeCode": met["welcome_code"],
        }
        with self.database.transaction() as session:
            assert receive(session, WeComEvent.of(told), clock.real_now(session))
        external_userid: str = met["external_userid"]
        return external_userid

    def heard(self, external_userid: str) -> int:
        """How many messages the customer got."""
        return len(self.customers.chat("owner", external_userid))

    def welcomes(self) -> list[Welcome]:
        with self.database.reading() as session:
            return list(session.scalars(select(Welcome)))

    def items(self) -> list[WorkItem]:
        with self.database.reading() as session:
            return list(session.scalars(select(WorkItem)))

    def end_leases(self) -> None:
        """As if the claim's minute had passed: real time is not ours to move."""
        with self.database.transaction() as session:
            for row in session.scalars(select(Welcome).where(Welcome.next_due_at.is_not(None))):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.WELCOME, row.next_due_at, row.inbound_id)])
                row.next_due_at -= LEASE + timedelta(seconds=1)
                set_timers(session, [(TimerKey(Lane.WELCOME, row.next_due_at, row.inbound_id), None)])

    def is_settled(self) -> bool:
        return all(each.state != WelcomeState.CLAIMED for each in self.welcomes())


@pytest.fixture
def door(database: Database, sandbox: LocalSandbox) -> Door:
    return Door(database, sandbox)


@pytest.fixture
def crew(database_url: str, crew_on: Callable[..., Crew], sandbox: LocalSandbox) -> Crew:
    return crew_on(database_url, sandbox.url)


@pytest.mark.parametrize(("place", "messages"), [("welcome.claimed", 0), ("welcome.called", 1)])
def test_a_clock_that_dies_after_its_claim_leaves_one_task_and_no_second_message(
    door: Door, crew: Crew, place: str, messages: int
):
    dying = crew.clock(place)
    external_userid = door.enter()
    assert dying.wait(60) == failpoints.KILLED
    assert [each.state for each in door.welcomes()] == [WelcomeState.CLAIMED]
    assert door.items() == []
    running = [crew.clock(), crew.clock()]
    door.end_leases()
    wait_until(door.is_settled)
    stop_cleanly(*running)
    assert [each.state for each in door.welcomes()] == [WelcomeState.UNKNOWN]
    assert [(item.kind, item.state) for item in door.items()] == [(WorkKind.WELCOME, "open")]
    assert door.heard(external_userid) == messages
    assert violations(door.database) == []


def test_two_clocks_welcome_everybody_once(door: Door, crew: Crew):
    running = [crew.clock(), crew.clock()]
    everybody = [door.enter() for _ in range(12)]
    wait_until(lambda: len(door.welcomes()) == len(everybody) and door.is_settled())
    stop_cleanly(*running)
    assert [each.state for each in door.welcomes()] == [WelcomeState.SENT] * len(everybody)
    assert [door.heard(external_userid) for external_userid in everybody] == [1] * len(everybody)
    assert door.items() == []
