"""Guarantee A16: one seed lived on SQLite and on MariaDB ends in the same state."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.associates.models import Associate
from app.db import Database
from app.follow_ups.measuring.models import Attribution
from app.follow_ups.models import Enrollment, FollowUpPlan, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import publish
from app.follow_ups.service import WANTED, complete_task
from app.follow_ups.states import Channel, Evidence
from app.members.models import Member
from app.orders.models import MemberPurchases
from app.worklist.models import AttentionBudget, WorkItem, WorkState
from tests.checker import violations
from tests.conftest import FAST
from tests.follow_ups.living import MEMBERS, SECOND
from tests.servers.clean import MariaDatabases, SqliteDatabases
from tests.world import World, at, purchase, refund

SEED, MOVES = 16, 15
# Away from the round times at which things fall due: the clock runs on while moves are made.
START = at("2026-03-01 09:07")


@pytest.mark.skipif(FAST, reason="needs MariaDB: left out of scripts/test --fast")
def test_a16_one_seed_ends_in_the_same_state_on_both_databases(request: pytest.FixtureRequest):
    ends = []
    for name in ("sqlite_databases", "maria_databases"):
        databases: SqliteDatabases | MariaDatabases = request.getfixturevalue(name)
        database = Database(databases.new())
        live(World(database))
        assert violations(database) == []
        ends.append(state(database))
        database.close()
    assert all(ends[0].values())
    assert ends[0] == ends[1]


def live(world: World) -> None:
    """Purchases, returns, tasks done and outages, as the seed has it."""
    chance, now = random.Random(SEED), START
    for code in MEMBERS:
        world.member(code, in_wecom=code != "c3")
    with world.database.transaction() as session:
        publish(session, SECOND)
        session.execute(update(AttentionBudget).values(cap_days=7, cap_touches=2))
    for number in range(MOVES):
        now += timedelta(hours=chance.choice((1, 2, 5, 26, 72, 300)))
        if chance.random() < 0.2:
            with world.database.transaction() as session:
                clock.jump_to(session, now)
        world.live_to(now)
        code, told = chance.choice(MEMBERS), now - timedelta(minutes=chance.choice((1, 40, 3000)))
        act = chance.choice(("buy", "buy", "return", "do", "do"))
        if act == "do":
            do_first(world, code)
        else:
            world.report((purchase if act == "buy" else refund)(f"r{number}", code, told))


def do_first(world: World, code: str) -> None:
    """Do the member's first open task, if there is one."""
    with world.database.transaction() as session:
        query = select(FollowUpTask, WorkItem, Associate.wecom_userid)
        query = query.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        query = query.join(Associate, Associate.id == WorkItem.assignee_id)
        query = query.join(Member, Member.id == WorkItem.member_id)
        query = query.where(Member.name == f"顾客{code}", WorkItem.state == WorkState.OPEN)
        first = session.execute(query.order_by(WorkItem.due_at, WorkItem.title)).first()
        if first is not None:
            evidence = WANTED[Channel(first[0].channel)]
            chat = f"wm-{code}" if evidence is Evidence.CLIENT_REPORTED else None
            complete_task(
                session,
                world.actor(first[2]),
                first[0].id,
                external_userid=chat,
                evidence=evidence,
                sent_text="好",
            )


def state(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that is left, by names instead of ids and without the instants at which it was written down."""
    series = (Member.name, FollowUpPlan.code, Enrollment.anchor_event, Enrollment.anchor_at)
    its_member, its_plan = Member.id == Enrollment.member_id, FollowUpPlan.id == Enrollment.plan_id
    which = select(*series).join_from(Enrollment, Member, its_member).join(FollowUpPlan, its_plan)
    steps = which.join(StepRecord, StepRecord.enrollment_id == Enrollment.id)
    work = which.join(FollowUpTask, FollowUpTask.enrollment_id == Enrollment.id)
    work = work.join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
    work = work.join(Associate, Associate.id == WorkItem.assignee_id)
    credited = work.join(Attribution, Attribution.task_id == FollowUpTask.id)
    kept = {
        "series": which.add_columns(
            Enrollment.state, Enrollment.ended_reason, Enrollment.next_step_no, Enrollment.waiting_for
        ),
        "steps": steps.add_columns(
            StepRecord.step_no, StepRecord.outcome, StepRecord.reason, StepRecord.due_at
        ),
        "work": work.add_columns(
            WorkItem.state,
            WorkItem.close_reason,
            WorkItem.due_at,
            WorkItem.valid_until,
            WorkItem.rank,
            WorkItem.urge_level,
            Associate.wecom_userid,
            FollowUpTask.channel,
            FollowUpTask.text,
            FollowUpTask.evidence,
        ),
        "credited": credited.add_columns(
            Attribution.booked_on, Attribution.share_ppm, Attribution.amount_fen, Attribution.pieces_milli
        ),
        "totals": select(
            Member.name, MemberPurchases.orders, MemberPurchases.amount_fen, MemberPurchases.refunded_fen
        ).join(MemberPurchases, MemberPurchases.member_id == Member.id),
    }
    with database.reading() as session:
        return {name: sorted(map(tuple, session.execute(query)), key=str) for name, query in kept.items()}
