"""What the nights have counted, for pages: told as rows, or counted from a chain whose members entered long ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import select, update

from app import clock
from app.db import Database, insert_rows, upsert_rows
from app.follow_ups.measuring.arms import StoreArm
from app.follow_ups.measuring.counting import count_arms
from app.follow_ups.measuring.days import day_of
from app.follow_ups.measuring.models import ArmResult, ArmSpan, Attribution
from app.follow_ups.measuring.results import Reached
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.follow_ups.states import Arm, Evidence
from app.lanes import Deadline
from app.nightly import NightlyJob, ensure_jobs, run_nightly
from app.orders.models import Order
from app.timers import Lane, Timer
from tests.faces.chain import Chain

WINDOW = 30
JOB = f"count_arms_{WINDOW}"
LONG_AGO = timedelta(days=WINDOW + 10)


def tell(database: Database, rows: Sequence[StoreArm], plan_id: int | None) -> None:
    """As if the nights had counted these; of the plan there is, or of all."""
    with database.transaction() as session:
        today = day_of(clock.now(session))
        whose = session.scalars(select(FollowUpPlan.id)).one() if plan_id is None else plan_id
        key = {"plan_id": whose, "window_days": WINDOW}
        cell = {**key, "entered_in": today.replace(day=1), "replied": 0}
        reached = {Arm.TREATED: Reached.CLIENT_REPORTED}
        told = [{**cell, **asdict(row), "reached": reached.get(row.arm, Reached.NOTHING)} for row in rows]
        insert_rows(session, ArmResult, told)
        first = today.replace(day=1)
        upsert_rows(session, ArmSpan, [{**key, "first_on": first, "last_on": today}])


def count(database: Database) -> None:
    """Let everybody have entered long ago, and count them tonight."""
    ensure_jobs(database, [JOB])
    with database.transaction() as session:
        now = clock.now(session)
        session.execute(update(Enrollment).values(enrolled_at=now - LONG_AGO))
        due = now - timedelta(minutes=1)
        session.execute(update(NightlyJob).values(next_due_at=due))
        session.execute(update(Timer).where(Timer.lane == str(Lane.NIGHTLY)).values(due_at=due))
    assert run_nightly(database, {JOB: lambda *at: count_arms(*at, window_days=WINDOW)}, Deadline(60)).done


def book(
    database: Database, chain: Chain, booked: Sequence[tuple[int, int, Evidence]], task: int = 1
) -> None:
    with database.transaction() as session:
        plan_id = session.scalars(select(FollowUpPlan.id)).one()
        order_id = session.scalars(select(Order.id).order_by(Order.id)).first()
        now = clock.now(session)
        rows = [
            {
                "order_id": order_id,
                "refund_id": refund_id,
                "task_id": task,
                "member_id": chain.members["xiaowen"],
                "associate_id": chain.people["lina"],
                "store_id": chain.stores["S1"],
                "plan_id": plan_id,
                "step_kind": "thanks",
                "script_code": "thanks_30m",
                "evidence": evidence,
                "share_ppm": 1_000_000,
                "amount_fen": fen,
                "pieces_milli": 1000,
                "booked_on": day_of(now),
                "recorded_at": now,
            }
            for refund_id, fen, evidence in booked
        ]
        insert_rows(session, Attribution, rows)
