"""Guarantee 10: hand-overs race firing, sending, completing and balancing, and lose and double nothing."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.associates.queries import find_actor
from app.associates.service import bring_back, end_associate
from app.db import Database
from app.errors import DomainError
from app.follow_ups.models import FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.series.resuming import ask_served_again
from app.follow_ups.service import claim_sending, complete_task
from app.follow_ups.states import Channel, Evidence
from app.follow_ups.wording import reword_moved
from app.lanes import Deadline
from app.members.models import ExternalContact
from app.timers import Lane
from app.worklist.balancing import balance_due
from app.worklist.models import AttentionBudget, WorkItem, WorkState
from tests.checker import violations
from tests.handover.conftest import House
from tests.world import PLAN, fire

MEMBERS, ROUNDS = 8, 8
CODES = [f"c{number}" for number in range(MEMBERS)]
Work = Callable[[random.Random], object]


def live(database: Database) -> House:
    """Members whose first step is due and not asked about yet; it is no promise, and more than people can do."""
    house = House(database)
    with database.transaction() as session:
        steps = [step | {"service": False} for step in PLAN["steps"]]
        publish(session, PLAN | {"steps": steps})
        session.scalars(select(AttentionBudget)).one().daily_capacity = 3
    house.world.sleep_until("2026-03-01 14:00")
    for code in CODES:
        house.world.member(code)
        house.befriend(code, "colleague")
        house.world.buy(code, "2026-03-01 14:00")
    house.world.sleep_until("2026-03-01 14:30")
    return house


def test_no_task_is_lost_none_doubled_and_none_left_with_who_left(database: Database):
    house = live(database)
    race(house)
    settle(house)
    with database.reading() as session:
        opened = session.scalars(select(StepRecord.task_id).where(StepRecord.outcome == "opened")).all()
        tasks = session.execute(
            select(FollowUpTask, WorkItem, Associate)
            .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            .join(Associate, Associate.id == WorkItem.assignee_id)
        ).all()
    assert len(tasks) == len(opened) == MEMBERS
    assert set(opened) == {task.id for task, _, _ in tasks}, "each step that opened has its task"
    assert max(Counter((task.enrollment_id, task.step_no) for task, _, _ in tasks).values()) == 1
    for task, item, person in tasks:
        why = (item.state, item.close_reason, person.wecom_userid)
        assert item.state != WorkState.OPEN or person.ended_at is None, why
        assert item.state in (WorkState.OPEN, WorkState.DONE) or item.close_reason == "over_capacity", why
        assert item.state != WorkState.OPEN or person.name in task.text, why
    house.world.assert_timers_are_their_owners()
    assert violations(database) == []


def race(house: House) -> None:
    """Everybody at once, each in an order of their own."""
    errors: list[BaseException] = []
    works: list[Work] = [
        lambda _chance: fire(house.database, Lane.MINUTES),
        lambda _chance: fire(house.database, Lane.MINUTES),
        partial(send, house),
        partial(send, house),
        partial(name, house),
        partial(come_and_go, house),
        lambda _chance: house.hand_over(),
        lambda _chance: house.hand_over(),
        lambda _chance: balance_due(house.database, reword_moved, ask_served_again, Deadline(60)),
        lambda _chance: later(house, timedelta(seconds=10)),
    ]
    begin = threading.Barrier(len(works))

    def run(work: Work, seed: int) -> None:
        chance = random.Random(seed)
        try:
            begin.wait(60)
            for _ in range(ROUNDS):
                work(chance)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=[work, seed]) for seed, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def settle(house: House) -> None:
    """Whoever was sending is done with it, the owner has left for good, and the lanes come to rest."""
    with house.database.transaction() as session:
        session.execute(update(WorkItem).values(claimed_until=clock.real_now(session)))
    fire(house.database, Lane.MINUTES)
    house.leave("owner")
    while house.looks():
        later(house, timedelta(minutes=1))
        house.hand_over()
        balance_due(house.database, reword_moved, ask_served_again, Deadline(60))


def later(house: House, by: timedelta) -> None:
    with house.database.transaction() as session:
        clock.jump_to(session, clock.now(session) + by)


def send(house: House, chance: random.Random) -> None:
    """Somebody begins to send what is theirs at this moment, and may have sent it when it is theirs no more."""
    with house.database.reading() as session:
        query = (
            select(
                FollowUpTask.id, FollowUpTask.channel, WorkItem.assignee_id, ExternalContact.external_userid
            )
            .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
            .join(ExternalContact, ExternalContact.member_id == WorkItem.member_id)
            .where(WorkItem.state == WorkState.OPEN)
        )
        rows = session.execute(query.order_by(FollowUpTask.id)).all()
        row = chance.choice(rows) if rows else None
        actor = find_actor(session, row.assignee_id) if row else None
    if row is None or actor is None:
        return
    task_id, who = row.id, row.external_userid
    how = Evidence.CLIENT_REPORTED if row.channel == Channel.CHAT else Evidence.SELF_DECLARED
    said = {"external_userid": who, "evidence": how, "sent_text": "您好"}
    acts: list[Callable[[Session], object]] = [
        lambda session: claim_sending(session, actor, task_id, "page"),
        lambda session: complete_task(session, actor, task_id, **said),
    ]
    for act in acts[: chance.randint(1, 2)]:
        with suppress(DomainError):  # somebody else was quicker
            house.database.in_transaction(act)


def name(house: House, chance: random.Random) -> None:
    """Headquarters gives a member to somebody."""
    code, number = chance.choice(CODES), chance.randrange(10**9)
    house.name(code, chance.choice(("owner", "colleague", "")), "2026-03-01 14:30", ref=str(number))


def come_and_go(house: House, chance: random.Random) -> None:
    """Somebody leaves, and comes back."""
    its = house.world.person(chance.choice(("owner", "colleague"))).id
    for work in (end_associate, bring_back):
        house.database.in_transaction(partial(_of_person, work=work, associate_id=its))


def _of_person(session: Session, work: Callable[[Session, Associate], None], associate_id: int) -> None:
    work(session, session.get_one(Associate, associate_id))
