"""Acts on tasks that are refunded and acted on by others at the same time: one outcome, and no timer astray."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from app import clock
from app.db import Database
from app.errors import DomainError
from app.follow_ups.acts.handing import hand_task
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import Act, SkipReason, Until
from app.follow_ups.acts.postponing import postpone_task, recall_task
from app.follow_ups.acts.skipping import skip_task, undo
from app.follow_ups.models import CareAct, FollowUpTask
from app.worklist.models import WorkItem, WorkState
from tests.world import World

MEMBERS, ROUNDS = 6, 12


def test_acts_racing_each_other_and_what_ends_tasks(database: Database):
    world = World(database, "2026-03-01 12:00")
    codes = [f"c{number}" for number in range(MEMBERS)]
    for code in codes:
        world.member(code)
        world.buy(code, "2026-03-01 12:00")
    world.live_until("2026-03-01 12:30")
    tasks = [world.tasks(code)[0].id for code in codes]
    failures: list[BaseException] = []
    people = [world.actor("owner"), world.actor("manager")]
    to = world.person("manager").id
    choices: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (postpone_task, (Until.EVENING,)),
        (recall_task, ()),
        (skip_task, (SkipReason.IN_TOUCH,)),
        (undo, ()),
        (hand_task, (to,)),
    ]

    def act(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            what, args = chance.choice(choices)
            one(what, chance.choice(people), chance.choice(tasks), args)

    def one(what: Callable[..., Any], actor: Any, task_id: int, args: tuple[Any, ...]) -> None:
        tap = Tap(uuid4().hex)
        try:
            database.in_transaction(lambda session: what(session, actor, task_id, tap, *args))
        except DomainError:
            pass
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=act, args=(seed,)) for seed in range(4)]
    threads.append(
        threading.Thread(target=lambda: [world.refund(code, "2026-03-01 12:30") for code in codes[:2]])
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    world.assert_timers_are_their_owners()
    check_last_words(database, tasks, codes[:2], world)


def check_last_words(database: Database, tasks: Sequence[int], refunded: Sequence[str], world: World) -> None:
    """A task stands as its last act that closes or opens says, unless the refund closed it; that one stays."""
    for code in refunded:
        assert world.items(code)[0][1] == WorkState.CANCELLED
    with database.reading() as session:
        now = clock.now(session)
        for task_id in tasks:
            query = select(WorkItem).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
            item = session.scalars(query.where(FollowUpTask.id == task_id)).one()
            mine = select(CareAct.act).where(CareAct.task_id == task_id).order_by(CareAct.id)
            closing = [name for name in session.scalars(mine) if name in (Act.SKIPPED, Act.UNDONE)]
            assert all(name == (Act.SKIPPED, Act.UNDONE)[turn % 2] for turn, name in enumerate(closing))
            if item.close_reason == "refunded":
                continue
            is_skipped = bool(closing) and closing[-1] == Act.SKIPPED
            assert item.state == (WorkState.CANCELLED if is_skipped else WorkState.OPEN)
            assert item.valid_until > now
