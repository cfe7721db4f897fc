"""Acts that meet each other, firing, balancing and what ends tasks: one outcome, told rightly, and no timer astray.

Everybody begins at once, again and again; what is refused is refused with a reason, and nothing else goes wrong.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app import clock
from app.db import Database
from app.errors import DomainError
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import Act, SkipReason, Until
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task
from app.follow_ups.acts.undoing import undo
from app.follow_ups.firing.lane import fire_batch
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.service import claim_sending, complete_task
from app.follow_ups.states import Evidence
from app.follow_ups.wording import reword_moved
from app.lanes import Deadline
from app.members.service import NewContact, bind_contacts
from app.orders.value import Tiers
from app.timers import Lane
from app.worklist.balancing import balance_due
from app.worklist.loads import schedule_balance
from app.worklist.models import WorkItem, WorkItemMove, WorkState
from tests.checker import violations
from tests.follow_ups.test_attention import add_plan, plan_of, set_budget
from tests.world import World

MEMBERS, ROUNDS = 6, 12
CODES = [f"c{number}" for number in range(MEMBERS)]
NO_TIERS = Tiers()


def race(*works: Callable[[], Any]) -> None:
    """Each in a thread of its own, all from the same moment; a failure of any is this test's."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        start.wait(60)
        work()

    with ThreadPoolExecutor(len(works)) as hands:
        for future in [hands.submit(run, work) for work in works]:
            future.result()


def attempt(database: Database, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """One act in a transaction of its own; what it came to, or was refused with."""
    try:
        return database.in_transaction(lambda session: act(session, *args, **more))
    except DomainError as refusal:
        return refusal


@pytest.fixture
def world(database: Database) -> World:
    """Some members with an open task of marketing each; in a moment another plan asks for the like of each of them."""
    world = World(database, "2026-03-01 12:00")
    set_budget(world, cap_touches=1)
    add_plan(world, plan_of("after_purchase", {"after": "30 minutes"}))
    add_plan(world, plan_of("other", {"after": "40 minutes"}))
    for code in CODES:
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
    world.live_until("2026-03-01 12:30")
    world.sleep_until("2026-03-01 12:40")
    return world


def fire_one_by_one(database: Database) -> None:
    """Whatever falls due, members one after the other, so that acts come between."""
    idle = 0
    while idle < ROUNDS:  # whose member somebody else is busy with is not due for us
        fired = database.in_transaction(lambda session: fire_batch(session, Lane.MINUTES, 1, NO_TIERS))
        idle = 0 if fired else idle + 1


def check_sound(world: World) -> None:
    """One open task for each member, no more written to anybody than the cap, every act told in order."""
    world.run_lanes()
    with world.database.reading() as session:
        now = clock.now(session)
        items = session.scalars(select(WorkItem).where(WorkItem.state == WorkState.OPEN)).all()
        acts = session.execute(select(CareAct.task_id, CareAct.act).order_by(CareAct.id)).all()
    assert all(item.valid_until > now for item in items)
    assert max(Counter(item.member_id for item in items).values(), default=0) <= 1
    for task_id in {row.task_id for row in acts}:
        closing = [row.act for row in acts if row.task_id == task_id and row.act in (Act.SKIPPED, Act.UNDONE)]
        assert closing[:1] in ([], [Act.SKIPPED])
        assert all(first != second for first, second in pairwise(closing))
    world.assert_timers_are_their_owners()
    assert violations(world.database) == []


def test_acts_racing_each_other_firing_and_what_ends_tasks(world: World):
    database = world.database
    tasks = [world.tasks(code)[0].id for code in CODES]
    people = [world.actor("owner"), world.actor("manager")]
    choices: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (postpone_task, (Until.EVENING,)),
        (recall_task, ()),
        (skip_task, (SkipReason.IN_TOUCH,)),
        (undo, ()),
        (hand_task, (world.person("manager").id,)),
    ]

    def act(chance: random.Random) -> None:
        for _ in range(ROUNDS):
            what, args = chance.choice(choices)
            attempt(database, what, chance.choice(people), chance.choice(tasks), Tap(uuid4().hex), *args)

    race(
        *(lambda seed=seed: act(random.Random(seed)) for seed in range(3)),
        lambda: [world.refund(code, "2026-03-01 12:30") for code in CODES[:2]],
        lambda: fire_one_by_one(database),
    )
    for code in CODES[:2]:
        assert all(state == WorkState.CANCELLED for _, state, _ in world.items(code))
    check_sound(world)


def test_an_undo_racing_what_falls_due_leaves_one_task(world: World):
    owner, database = world.actor("owner"), world.database

    tasks = [world.tasks(code)[0].id for code in CODES]

    def slip() -> None:
        for task in tasks:
            attempt(database, skip_task, owner, task, Tap(uuid4().hex), SkipReason.IN_TOUCH)
        for task in tasks:
            attempt(database, undo, owner, task, Tap(uuid4().hex))

    race(slip, lambda: fire_one_by_one(database))
    check_sound(world)
    for code in CODES:
        open_ones = [state for _, state, _ in world.items(code) if state == WorkState.OPEN]
        assert len(open_ones) == 1, "what was skipped came back, or the other was opened in its place"


def test_what_was_sent_is_recorded_whoever_the_task_goes_to_meanwhile(world: World):
    database, owner = world.database, world.actor("owner")
    tasks = {code: world.tasks(code)[0].id for code in CODES}
    befriend(world, "colleague")
    set_budget(world, daily_capacity=2)
    is_over = threading.Event()
    answers: list[Any] = []

    def send() -> None:
        for number, (code, task_id) in enumerate(tasks.items()):
            if number % 2:  # else the server cannot be reached before the message is out
                attempt(database, claim_sending, owner, task_id, "this page's key")
            answers.append(attempt(database, complete_task, owner, task_id, **sent(code)))
        is_over.set()

    def balance() -> None:
        while not is_over.is_set():
            attempt(database, lambda session: schedule_balance(session, {owner.associate_id: past(session)}))
            balance_due(database, reword_moved, ask_served_again, Deadline(60))

    def hand() -> None:
        chance, manager = random.Random(1), world.actor("manager")
        people = [world.person(name).id for name in ("colleague", "manager", "owner")]
        while not is_over.is_set():
            task_id = chance.choice(list(tasks.values()))
            attempt(database, hand_task, manager, task_id, Tap(uuid4().hex), chance.choice(people))

    race(send, balance, hand)
    assert [answer.evidence for answer in answers] == [Evidence.CLIENT_REPORTED] * MEMBERS, answers
    with database.reading() as session:
        rows = session.execute(
            select(FollowUpTask.completed_by, WorkItem.state, WorkItem.assignee_id, WorkItem.done_at)
            .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            .where(FollowUpTask.id.in_(tasks.values()))
        ).all()
        assert session.scalars(select(WorkItemMove.id)).first() is not None
    assert all(row.completed_by == owner.associate_id and row.done_at is not None for row in rows)
    assert all(row.assignee_id == owner.associate_id for row in rows if row.state == WorkState.DONE)
    assert not any(row.state == WorkState.OPEN for row in rows)
    assert violations(database) == []


def past(session: Any) -> Any:
    return clock.now(session) - timedelta(seconds=1)


def sent(code: str) -> dict[str, Any]:
    return {"external_userid": f"wm-{code}", "evidence": Evidence.CLIENT_REPORTED, "sent_text": "您好"}


def befriend(world: World, who: str) -> None:
    """Everybody's contact, too."""
    person_id = world.person(who).id
    with world.database.transaction() as session:
        now = clock.now(session)
        members = session.scalars(select(WorkItem.member_id).distinct().order_by(WorkItem.member_id)).all()
        for code, member_id in zip(CODES, members, strict=True):
            assert member_id is not None
            bind_contacts(session, [NewContact(f"wm-{code}", code, member_id, person_id)], now)
