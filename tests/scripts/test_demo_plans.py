"""The demo's plans of the calendar find somebody the next day."""

from __future__ import annotations

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
