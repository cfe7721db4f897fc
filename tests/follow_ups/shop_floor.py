"""A small chain whose group sends and moments go to a real sandbox process, and the associates' phones there."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import uuid4

import requests
from sqlalchemy import select, update

from app import clock
from app.db import Database
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.members import opt_out
from app.follow_ups.channels.following import follow_due
from app.follow_ups.channels.models import BEING_MADE, FINAL, OrderState, SendOrder, SendTarget
from app.follow_ups.channels.ordering import order_due
from app.follow_ups.channels.rules import TOGETHER
from app.follow_ups.plans.versions import publish
from app.lanes import Deadline
from app.sales_scripts.models import SalesScript
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.port import WeComPort
from app.worklist.models import WorkItem
from tasks.lanes import Hands
from tests.checker import violations
from tests.contract.campaign import Campaign
from tests.wecom.local_sandbox import LocalSandbox
from tests.world import PLAN, World

PEOPLE = ("owner", "colleague", "manager")
BOUGHT = "2031-03-03 14:00"
DUE = "2031-03-04 10:00"
WORDS = "本周新款到店，欢迎来试"


class ShopFloor:
    """Everything a test of channels does; the sandbox's clock follows ours."""

    def __init__(self, database: Database, sandbox: LocalSandbox, channel: str = "group_send") -> None:
        self.database, self.sandbox = database, sandbox
        self.port: WeComPort = sandbox.app()
        self._said: dict[str, int] = {}  # before this test
        self._http = requests.Session()
        self._http.trust_env = False
        sandbox.fresh()
        self.phones = Campaign(sandbox)
        sandbox.control("PUT", "people", [{"userid": who, "name": who} for who in PEOPLE])
        self.world = World(database, "2031-03-03 09:00")
        self.publish(channel)
        self.words(WORDS)

    def publish(self, channel: str, *, code: str = "", priority: int = 50) -> None:
        """A plan of one step on this channel, the day after a purchase."""
        like = {**PLAN["steps"][2], "after": "1 days", "valid": "3 days", "kind": "news", "channel": channel}
        plan = {**deepcopy(PLAN), "steps": [like | {"priority": priority}]}
        with self.database.transaction() as session:
            publish(session, plan | {"code": code or PLAN["code"]})

    def words(self, body: str) -> None:
        """What the step's script says."""
        with self.database.transaction() as session:
            session.execute(update(SalesScript).values(body=body))

    def know(self, code: str, of: str = "owner") -> None:
        """A customer who has this associate, here and in WeCom."""
        contact = {"external_userid": f"wm-{code}", "name": f"顾客{code}", "follow": [{"userid": of}]}
        self.sandbox.control("PUT", "contacts", [contact])
        self._said[code] = len(self.phones.chat(of, f"wm-{code}"))
        self.world.member(code, owner=of)

    def members(self, *codes: str, of: str = "owner") -> None:
        """Such customers who bought; a day later the step is due."""
        for code in codes:
            self.know(code, of)
        self.world.live_until(BOUGHT)
        for code in codes:
            self.world.buy(code, BOUGHT)

    def fall_due(self) -> None:
        """The step fires, and what belongs together is gathered."""
        self.live_until(DUE)
        self.live(minutes=1)
        self.live(seconds=TOGETHER.total_seconds())

    def pass_minute(self) -> None:
        """A minute later; what is due in our two lanes waits."""
        with self.database.reading() as session:
            target = clock.now(session) + timedelta(minutes=1)
        self.world.live_to(target)
        self.follow_clock()

    def live_until(self, when: str) -> None:
        self.world.live_until(when)
        self.follow_clock()

    def live(self, **by: float) -> None:
        """So much later; everything due is done."""
        with self.database.reading() as session:
            target = clock.now(session) + timedelta(**by)
        self.world.live_to(target)
        self.follow_clock()
        self.work()

    def follow_clock(self) -> None:
        with self.database.reading() as session:
            self.sandbox.travel(clock.moment(session).offset)

    def work(self) -> None:
        """The two lanes, until neither has anything to do."""
        while self.confirm() + self.order():
            pass

    def confirm(self) -> int:
        return follow_due(self.database, self.port, Deadline(60)).done

    def order(self) -> int:
        return order_due(self.database, self.port, Deadline(60)).done

    def end_waits(self) -> None:
        """As if leases and waits in real time had passed."""
        with self.database.transaction() as session:
            past = clock.real_now(session) - timedelta(seconds=1)
            for row in session.scalars(
                select(SendOrder).where(SendOrder.state.in_(BEING_MADE)).with_for_update()
            ):
                assert row.next_due_at is not None
                clear_timers(session, [TimerKey(Lane.ORDER, row.next_due_at, row.id)])
                row.next_due_at = past
                set_timers(session, [(TimerKey(Lane.ORDER, past, row.id), None)])

    def hands(self) -> Hands:
        """What lanes that order and ask work with; the others have nothing to do here."""
        return Hands(self.database, self.port, *[None] * (len(fields(Hands)) - 2))  # type: ignore[arg-type]

    def orders(self) -> list[SendOrder]:
        with self.database.reading() as session:
            return list(session.scalars(select(SendOrder).order_by(SendOrder.id)))

    def states(self) -> list[str]:
        return [OrderState(row.state).value for row in self.orders()]

    def targets(self) -> list[SendTarget]:
        with self.database.reading() as session:
            return list(session.scalars(select(SendTarget).order_by(SendTarget.member_id)))

    def items(self, code: str) -> list[tuple[str, str]]:
        """State and close reason of the customer's tasks."""
        return [(state, reason) for _, state, reason in self.world.items(code)]

    def holder(self, code: str) -> str:
        """Whose the customer's task is."""
        task = self.world.tasks(code)[0]
        with self.database.reading() as session:
            holder = session.get_one(WorkItem, task.work_item_id).assignee_id
        return next(who for who in PEOPLE if self.world.person(who).id == holder)

    def on_phone(self, who: str = "owner", kind: str = "group_sends") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.phones.pending(who)[kind]
        return found

    def confirm_on_phone(self, who: str = "owner") -> None:
        """The associate confirms everything that waits on their phone's page."""
        for send in self.on_phone(who):
            self._tap(who, f"sends/{send['msgid']}")
        for moment in self.on_phone(who, "moments"):
            self._tap(who, f"moments/{moment['moment_id']}")

    def _tap(self, who: str, what: str) -> None:
        host = {"Host": f"{who}.localhost:{self.sandbox.port}", "Connection": "close"}
        answer = self._http.post(f"{self.sandbox.url}/phone/{what}", json={}, headers=host, timeout=60)
        answer.raise_for_status()

    def heard(self, code: str, who: str = "owner") -> list[str]:
        """What the customer read in the chat with this associate."""
        said = self.phones.chat(who, f"wm-{code}")[self._said.get(code, 0) :]
        return [one["body"]["content"] for one in said]

    def act(self, code: str, act: Callable[..., Any], *args: Any) -> None:
        """What the owner does with the customer's task."""
        actor, task, tap = self.world.actor("owner"), self.world.tasks(code)[0], Tap(uuid4().hex)
        self.database.in_transaction(lambda session: act(session, actor, task.id, tap, *args))

    def opt_out(self, code: str, who: str = "owner") -> None:
        """The customer wants none any more, and told this associate."""
        actor, item_id = self.world.actor(who), self.world.tasks(code)[0].work_item_id
        with self.database.transaction() as session:
            member_id = session.get_one(WorkItem, item_id).member_id
            assert member_id is not None
            opt_out(session, actor, member_id, Tap(f"out-{code}"))

    def check(self) -> None:
        """What always holds: an order that is not over waits for exactly one timer, and everything else is sound."""
        with self.database.reading() as session:
            lanes = (Lane.ORDER, Lane.CONFIRM)
            rows = session.execute(
                select(Timer.lane, Timer.due_at, Timer.subject_id).where(Timer.lane.in_(lanes))
            )
            timers = {tuple(row) for row in rows}
        owed = {
            (str(Lane.ORDER if row.state in BEING_MADE else Lane.CONFIRM), row.next_due_at, row.id)
            for row in self.orders()
            if row.state not in FINAL
        }
        assert timers == owed
        assert all(row.next_due_at is None for row in self.orders() if row.state in FINAL)
        assert (found := violations(self.database)) == [], found
