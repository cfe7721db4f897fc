"""A small chain lived through the real engine: members respond to tasks that are done as planted, and that is measured.

Nothing of the response is left to chance, so that neither is the test: of every ten members of an arm, in the order of
their stores and ids, so many come back, evenly spread. Who is in which arm is chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.associates.queries import find_actor
from app.db import Database
from app.follow_ups.measuring.measured import measure
from app.follow_ups.measuring.results import Measured, Months, Reached
from app.follow_ups.measuring.uplift import Estimate, Interval, Verdict
from app.follow_ups.models import Enrollment, FollowUpPlan, FollowUpTask
from app.follow_ups.plans.versions import publish
from app.follow_ups.service import complete_task
from app.follow_ups.states import Arm, Evidence
from app.ids import new_id
from app.inbound.events import Line, LineKind, PurchaseReported
from app.members.models import MemberIdentity
from app.stores.models import Branch, Store
from app.worklist.models import WorkItem
from tests.follow_ups.measuring.nights import begin, sleep_until
from tests.world import PLAN, World, at

STORES, MEMBERS = 6, 60
BY_THEMSELVES, WHEN_ASKED = 1, 4  # of ten
TRUTH = (WHEN_ASKED - BY_THEMSELVES) / 10
MARCH = date(2026, 3, 1)
PRICE = 20_000


@pytest.fixture
def database_kind() -> str:
    """The tables are read on both elsewhere; this is about what is measured."""
    return "sqlite"


def open_stores(session: Session) -> None:
    branch_id = session.scalars(select(Branch.id)).one()
    for number in range(STORES):
        store = Store(
            id=new_id(session),
            code=f"B{number}",
            branch_id=branch_id,
            name=f"B{number}",
            time_zone="Asia/Shanghai",
            currency="CNY",
            opens_at=time(10),
            closes_at=time(22),
        )
        session.add(store)
        session.flush()
        person = Associate(
            id=new_id(session),
            wecom_userid=f"a{number}",
            name=f"a{number}",
            store_id=store.id,
            role=Role.ASSOCIATE,
        )
        session.add(person)


def bought(store: int, code: str, when: str) -> PurchaseReported:
    line = Line("SKU1", "藏青西装", 1, f"{PRICE / 100:.2f}", PRICE, LineKind.GOODS)
    return PurchaseReported(
        f"{code}-{when}", f"B{store}", code, f"a{store}", at(when), True, "CNY", PRICE, (line,)
    )


def do_everything(session: Session) -> int:
    """Every associate does every open task of theirs."""
    query = select(FollowUpTask.id, WorkItem.assignee_id).join(
        WorkItem, WorkItem.id == FollowUpTask.work_item_id
    )
    tasks = session.execute(query).all()
    actors = {assignee_id: find_actor(session, assignee_id) for _, assignee_id in tasks}
    for task_id, assignee_id in tasks:
        actor = actors[assignee_id]
        assert actor is not None
        complete_task(
            session, actor, task_id, external_userid=None, evidence=Evidence.SELF_DECLARED, sent_text=None
        )
    return len(tasks)


def responding(session: Session) -> Iterator[str]:
    """Those who come back: whoever was done something for more often."""
    query = (
        select(FollowUpTask.evidence, MemberIdentity.value)
        .select_from(Enrollment)
        .join(MemberIdentity, MemberIdentity.member_id == Enrollment.member_id)
        .outerjoin(FollowUpTask, FollowUpTask.enrollment_id == Enrollment.id)
        .order_by(Enrollment.store_id, Enrollment.member_id)
    )
    due: dict[bool, int] = defaultdict(int)
    for evidence, code in session.execute(query):
        was_asked = evidence is not None
        due[was_asked] += WHEN_ASKED if was_asked else BY_THEMSELVES
        if due[was_asked] >= 10:
            due[was_asked] -= 10
            yield code


@pytest.fixture
def lived(database: Database) -> Measured:
    world = World(database)
    with database.transaction() as session:
        publish(session, {**PLAN, "hold_out": 50})
        open_stores(session)
    begin(database)
    world.live_until("2026-03-01 12:00")
    codes = [f"{store}c{number}" for store in range(STORES) for number in range(MEMBERS)]
    results = world.report(*(bought(int(code[0]), code, "2026-03-01 12:00") for code in codes))
    assert {result.status for result in results} == {"applied"}
    world.live_until("2026-03-01 12:31")
    with database.transaction() as session:
        assert do_everything(session) > 100
    world.sleep_until("2026-03-10 15:00")
    with database.reading() as session:
        back = list(responding(session))
    world.report(*(bought(int(code[0]), code, "2026-03-10 14:00") for code in back))
    sleep_until(database, "2026-04-08 04:00")
    with database.reading() as session:
        plan_id = session.scalars(select(FollowUpPlan.id)).one()
        measured = measure(session, Months(plan_id, 30, MARCH, MARCH))
    assert measured is not None
    return measured


def test_what_was_planted_is_what_is_measured(lived: Measured):
    rate, fen = lived.uplift.purchase_rate, lived.uplift.fen
    assert isinstance(rate, Estimate)
    assert isinstance(fen, Estimate)
    assert rate.difference.value == pytest.approx(TRUTH, abs=0.02)
    assert rate.held_out_mean == pytest.approx(BY_THEMSELVES / 10, abs=0.01)
    assert rate.verdict is Verdict.MORE
    assert fen.difference.value == pytest.approx(rate.difference.value * PRICE)
    assert (rate.stores, rate.treated + rate.held_out) == (STORES, STORES * MEMBERS)
    assert lived.treated.members == rate.treated
    assert lived.funnel.of(Arm.TREATED, Reached.SELF_DECLARED).members == rate.treated
    assert lived.funnel.of(Arm.PLAN_HOLD_OUT, Reached.OPENED).members == 0
    assert isinstance(lived.headline.pieces_per_week, Interval)
    # All entered on one day: so many treated in a seventh of a week, by one associate in each of the stores.
    each_week = rate.treated / STORES * 7
    assert lived.headline.pieces_per_week.value == pytest.approx(rate.difference.value * each_week)
