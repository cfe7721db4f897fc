"""A low score reaches the manager: as a call where the number is known, in writing where it is not."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.follow_ups.told import told_by_task
from app.ids import new_id
from app.sales_scripts.models import SalesScript
from app.worklist.models import WorkItem
from tests.follow_ups.triggering import TriggerWorld
from tests.world import ROOT

PLANS = ROOT / "config" / "plans"


@pytest.mark.parametrize(
    ("plan", "data"),
    [
        ("satisfaction", {"score": 2, "comment": "肩有点紧"}),
        ("review", {"stars": 2, "comment": "肩有点紧"}),
    ],
)
def test_the_manager_has_one_task_that_says_what_was_said(
    database: Database, plan: str, data: dict[str, Any]
):
    world = TriggerWorld(database)
    document = tomllib.loads((PLANS / f"{plan}.toml").read_text(encoding="utf-8"))
    with database.transaction() as session:
        known = set(session.scalars(select(SalesScript.code)))
        for code in {step["script"] for step in document["steps"]} - known:
            session.add(SalesScript(id=new_id(session), code=code, title=code, scene="", body="您好"))
    world.publish(document)
    for code in ("c1", "c2"):
        world.member(code)
    world.know_phone("c2")
    world.live_until("2026-03-01 11:00")
    for code in ("c1", "c2"):
        world.happen(plan, code, "2026-03-01 11:00", **data)
    world.live_until("2026-03-01 12:00")
    (written,), (call,) = world.tasks("c1"), world.tasks("c2")
    assert (written.channel, call.channel) == ("invite", "phone")
    with database.reading() as session:
        assert set(session.scalars(select(WorkItem.assignee_id))) == {world.person("manager").id}
        told = told_by_task(session, [written.id, call.id])
    assert {one.data["comment"] for one in told.values()} == {"肩有点紧"}
    assert {one.score for one in told.values()} == {2}
    assert told.keys() == {written.id, call.id}
