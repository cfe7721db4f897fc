"""The demo's plans find somebody on the next day, and whatever happens to a member in the demo leads to something."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.db import Database
from app.members.models import MemberDate
from scripts.commands.demo_plans import publish_more
from tests.follow_ups.triggering import KEYS, TriggerWorld


def test_a_birthday_comes_up_on_the_next_day_and_publishing_again_changes_nothing(database: Database):
    world = TriggerWorld(database)
    for number in range(3):
        world.member(f"c{number}")
    publish_more(database, KEYS)
    publish_more(database, KEYS)
    assert world.series() == []
    world.live_until("2026-03-02 09:00")
    assert world.series() == [("birthday", "birthday:2026", "active")]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(MemberDate)) == 3


def test_who_joins_tries_without_buying_answers_or_has_a_case_is_followed_up_in_the_demo(database: Database):
    world = TriggerWorld(database)
    happenings: dict[str, dict[str, Any]] = {
        "join": {},
        "visit": {"reason": "size"},
        "satisfaction": {"score": 1},
        "after_sales": {"case": "1", "about": "zip"},
    }
    for kind in happenings:
        world.member(f"who_{kind}")
    publish_more(database, KEYS)
    assert world.series() == [], "nobody joined just now who was loaded with the demo"
    for kind, data in happenings.items():
        world.happen(kind, f"who_{kind}", "2026-03-01 09:00", **data)
    assert [[plan for plan, _, _ in world.series(f"who_{kind}")] for kind in happenings] == [
        [kind] for kind in happenings
    ]
