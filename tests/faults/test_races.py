"""Several processes after the same members at once: whatever becomes of tasks races firing, and nobody loses.

They race for DIANBAN_RACE_S seconds, five where it is not set (`scripts/faults races`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.associates.queries import ids_by_userid
from app.db import Database
from app.follow_ups.channels.carriers import CARRIERS
from app.follow_ups.channels.models import BEING_MADE, SendOrder
from app.follow_ups.models import StepRecord
from app.follow_ups.states import Channel, StepOutcome
from app.members.phones import NewPhone, seal_phone, write_phones
from app.members.service import NewContact, bind_contacts, lock_members, members_by_code
from app.sales_scripts.models import SalesScript
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.models import AttentionBudget
from tests.checker import violations
from tests.faults.chain import ASSOCIATES, DUE_AT, Chain, wait_until
from tests.faults.crew import Crew, said, stop_cleanly
from tests.faults.outside import Outside, Phones, astray
from tests.faults.worker import BEGUN, KEYS, RACING_MEMBERS, Worker
from tests.servers.process import ServerProcess
from tests.world import PLAN

RACE_S = float(os.environ.get("DIANBAN_RACE_S", "5"))
TICK = timedelta(hours=3)
TICK_S = 0.1
# Processes, and what each of them does by turns.
CREW = (
    "fire",
    "fire",
    "refund,buy,balance,leave",
    "send,send,hand,hand,call,complete,act,opt",
    "send,send,hand,hand,call,slip,confirm",
    "send,text,order",
    "slip,text,order",
)
PROMISE, OFFER = PLAN["steps"][1], PLAN["steps"][2]


def plan_of(code: str, step: dict[str, Any], days: Sequence[int], at: str, **changes: Any) -> dict[str, Any]:
    """A plan that asks for this on each of these days."""
    each = [{**step, "kind": f"{code}{day}", "after": f"{day} days at {at}", **changes} for day in days]
    return {**PLAN, "code": code, "name": code, "steps": each}


PLANS = (
    # Falls due with the plan's own step of the third day: the two become one task.
    plan_of("second", PROMISE, [3], "10:00", priority=90),
    # Open, and perhaps being sent, when the promise of that afternoon takes its place; not worth putting off.
    plan_of("offer", OFFER, range(1, 8), "10:00", valid="1 days"),
    plan_of("promise", PROMISE, range(1, 8), "16:00", priority=80),
    # Out already by then: nothing becomes one with it.
    plan_of("text", PROMISE, [2, 4, 6], "10:00", channel="sms"),
    plan_of("news", OFFER, [3, 5, 7], "10:00", channel="group_send"),
    plan_of("call", PROMISE, [2, 5], "13:00", channel="phone"),
)


def merged(database: Database) -> int:
    """How many steps have become one with another task of their day."""
    with database.reading() as session:
        query = select(func.count()).where(StepRecord.outcome == StepOutcome.MERGED)
        return session.scalar(query) or 0


@pytest.fixture
def chain(database: Database) -> Chain:
    """It is the third day; everybody has more to do than they can, and a number to be reached by."""
    chain = Chain(database, RACING_MEMBERS, *PLANS)
    with database.transaction() as session:
        session.execute(update(AttentionBudget).values(daily_capacity=3, cap_days=1, cap_touches=3))
        session.execute(update(SalesScript).values(sms_template="SMS_1"))
        ids = members_by_code(session, [f"m{number}" for number in range(RACING_MEMBERS)])
        lock_members(session, ids.values())
        now = clock.now(session)
        phones = [seal_phone(KEYS, f"+861380013{number:04}", "x") for number in range(RACING_MEMBERS)]
        write_phones(session, [NewPhone(*one, 1, now) for one in zip(ids.values(), phones, strict=True)])
        people = ids_by_userid(session)
        for number in range(0, RACING_MEMBERS, 2):  # two associates know each of those in WeCom
            friend = people[f"a{(number + 1) % ASSOCIATES}"]
            contact = NewContact(f"wm-m{number}", f"m{number}", ids[f"m{number}"], friend)
            bind_contacts(session, [contact], now)
    chain.jump_to(DUE_AT)
    return chain


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Where nothing goes wrong by itself; in the racing processes it does."""
    outside = Outside(tmp_path / "outside")
    outside.begin()
    monkeypatch.setitem(CARRIERS, Channel.GROUP_SEND, Phones(outside))
    return outside


def go_on(chain: Chain, workers: Sequence[ServerProcess]) -> bool:
    """Let some hours pass; nobody may have ended."""
    chain.jump(TICK)
    time.sleep(TICK_S)
    ended = [worker.log.read_text()[-2000:] for worker in workers if not worker.running()]
    assert not ended, ended
    return True


def has_begun(worker: ServerProcess) -> bool:
    return BEGUN in worker.log.read_text()


def look_after_everything(chain: Chain, outside: Outside) -> None:
    """What was sent, or may have been, is asked about until it is known."""
    chain.world.run_lanes()
    worker = Worker(chain.database, 0, outside)
    for _ in range(8):
        chain.jump(TICK)
        end_waits(chain.database)
        while worker.text() + worker.order():
            pass


def end_waits(database: Database) -> None:
    """As if what orders wait for in real time had passed."""
    with database.transaction() as session:
        past = clock.real_now(session) - timedelta(seconds=1)
        for row in session.scalars(select(SendOrder).where(SendOrder.state.in_(BEING_MADE))):
            assert row.next_due_at is not None
            clear_timers(session, [TimerKey(Lane.ORDER, row.next_due_at, row.id)])
            row.next_due_at = past
            set_timers(session, [(TimerKey(Lane.ORDER, past, row.id), None)])


def test_whatever_becomes_of_tasks_races_firing_and_every_guarantee_holds(
    chain: Chain,
    outside: Outside,
    crew_on: Callable[..., Crew],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_kind: str,
):
    database = chain.database
    crew = crew_on(str(database.engine.url.render_as_string(hide_password=False)))
    workers = [crew.worker(roles, str(seed), outside=tmp_path / "outside") for seed, roles in enumerate(CREW)]
    wait_until(lambda: go_on(chain, workers) and has_begun(workers[0]))
    ends_at = time.monotonic() + RACE_S
    wait_until(
        lambda: go_on(chain, workers) and time.monotonic() > ends_at and all(map(has_begun, workers)),
        RACE_S + 120,
    )
    stop_cleanly(*workers)
    look_after_everything(chain, outside)
    reports = [said(worker) for worker in workers]
    done, retries = (sum((Counter(one[what]) for one in reports), Counter()) for what in ("done", "retries"))
    done["merge"] = merged(database)
    found = [problem for one in reports for problem in one["broken"]]
    found += violations(database) + astray(outside, database)
    record_property("done", dict(done))
    record_property("retries", dict(retries))
    with capsys.disabled():
        print(
            f"\n{database_kind}, {RACE_S:g} s: {len(found)} violations, {retries.total()} retries"
            f" {dict(retries)}, done {dict(done)}"
        )
    assert found == [], "\n".join(found[:40])
    assert all(done[role] for roles in CREW for role in roles.split(","))
