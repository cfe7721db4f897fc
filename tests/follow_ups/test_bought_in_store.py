"""A purchase is the proof of what was to be done with a member in the store, and of nothing else."""

from __future__ import annotations

from sqlalchemy import select

from app.db import Database
from app.follow_ups.measuring.models import Attribution
from app.follow_ups.states import Evidence
from tests.checker import violations
from tests.follow_ups.triggering import TriggerWorld, plan_of


def test_who_buys_while_something_is_to_be_done_in_the_store_was_there_for_it(database: Database):
    world = TriggerWorld(database)
    plan = plan_of("fitting", "service")
    plan["steps"][0]["channel"] = "in_store"
    world.publish(plan)
    world.publish(plan_of("chat", "review"))
    for code in ("c1", "c2", "c3"):
        world.member(code)
    for code, kind in (("c1", "service"), ("c2", "review"), ("c3", "service")):
        data = {"service": "tailoring"} if kind == "service" else {"stars": 2}
        world.happen(kind, code, "2026-03-01 09:00", **data)
    world.live_until("2026-03-02 15:00")
    world.buy("c1", "2026-03-02 14:00")
    world.buy("c2", "2026-03-02 14:00")
    world.buy("c3", "2026-03-02 09:30")  # before it was to be done
    assert [(code, world.items(code)[0][1:]) for code in ("c1", "c2", "c3")] == [
        ("c1", ("done", "done")),
        ("c2", ("open", "")),
        ("c3", ("open", "")),
    ]
    (task,) = world.tasks("c1")
    assert (task.evidence, task.completed_by) == (Evidence.PURCHASE, None)
    world.buy("c1", "2026-03-02 14:30")
    with database.reading() as session:
        assert session.scalars(select(Attribution.order_id)).all() == []
    assert violations(database) == []
