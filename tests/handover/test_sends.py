"""Group sends when members get other owners: what nobody has made yet becomes a chat, the rest is WeCom's to settle."""

from __future__ import annotations

from copy import deepcopy

import pytest
from sqlalchemy import select, update

from app.db import Database
from app.follow_ups.channels.models import OrderState, SendOrder, SendTarget
from app.follow_ups.models import FollowUpTask
from app.follow_ups.plans.versions import publish
from app.sales_scripts.models import SalesScript
from app.timers import Lane
from app.worklist.models import WorkItem
from tests.checker import violations
from tests.handover.conftest import House
from tests.world import PLAN, fire


@pytest.fixture
def house(database: Database) -> House:
    """Two members of the owner's in one group send, gathered a moment ago."""
    made = House(database)
    step = {**PLAN["steps"][2], "after": "1 days", "valid": "3 days", "kind": "news", "channel": "group_send"}
    with database.transaction() as session:
        publish(session, {**deepcopy(PLAN), "steps": [step]})
        session.execute(update(SalesScript).values(body="新款到店，{store}欢迎来试"))
    made.world.sleep_until("2026-03-01 14:00")
    for code in ("c1", "c2"):
        made.world.member(code)
        made.befriend(code, "colleague")
        made.world.buy(code, "2026-03-01 14:00")
    made.world.sleep_until("2026-03-02 10:00")
    fire(database, Lane.DAYS)
    return made


def sends(house: House) -> list[tuple[str, str, str]]:
    """Of each member's task: its channel, who else may do it, and what became of its part in the order."""
    query = (
        select(FollowUpTask.channel, WorkItem.elsewhere, SendTarget.state)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .join(SendTarget, SendTarget.task_id == FollowUpTask.id)
        .order_by(WorkItem.member_id)
    )
    with house.database.reading() as session:
        return [(channel, elsewhere, state) for channel, elsewhere, state in session.execute(query)]


def test_who_is_handed_over_before_it_is_made_is_written_to_by_their_new_owner(house: House):
    house.name("c1", "colleague", "2026-03-02 10:00")
    assert [has.whose for has in (*house.tasks("c1"), *house.tasks("c2"))] == ["colleague", "owner"]
    assert sends(house) == [("chat", "contact", "released"), ("group_send", "together", "waiting")]
    assert violations(house.database) == []


@pytest.mark.parametrize(("way", "whose"), [("named", "owner"), ("left", "colleague")])
def test_what_wecom_has_already_stays_what_it_is(house: House, way: str, whose: str):
    """With whom WeCom asked; of somebody who left others see how it ends."""
    with house.database.transaction() as session:
        session.execute(update(SendOrder).values(state=OrderState.ORDERED, wecom_id="m1"))
    if way == "named":
        house.name("c1", "colleague", "2026-03-02 10:00")
    else:
        house.leave("owner")
    assert [has.whose for has in house.tasks("c1")] == [whose]
    assert sends(house) == [("group_send", "together", "waiting")] * 2
