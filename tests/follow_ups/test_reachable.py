"""An associate chats only through a live binding: lost, half-added and ended ones are invitations, and show nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.follow_ups.worklists import worklist
from app.members.models import ContactBinding
from app.members.queries import find_member_by_contact
from tests.world import World, at

BOUND = at("2026-02-01 12:00")
LATER = BOUND + timedelta(days=1)
STANDINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "live": ({}, True),
    "lost": ({"lost_at": LATER}, False),
    "lost in the second it was made": ({"lost_at": BOUND}, False),
    "lost, and added again": ({"lost_at": BOUND - timedelta(days=1)}, True),
    "half added": ({"is_half": True, "bound_at": None, "half_at": BOUND}, False),
    "ended": ({"ended_at": LATER, "deleted_at": LATER}, False),
}


@pytest.mark.parametrize("standing", STANDINGS)
def test_only_a_live_binding_is_a_way_to_chat(database, standing: str):
    world = World(database)
    world.member("c1")
    changes, is_live = STANDINGS[standing]
    with database.transaction() as session:
        row = session.scalars(select(ContactBinding)).one()
        for name, value in {"bound_at": BOUND, **changes}.items():
            setattr(row, name, value)
    world.live_until("2026-03-01 14:00")
    world.buy("c1", "2026-03-01 13:55")
    world.live_until("2026-03-01 14:30")
    owner = world.actor("owner")
    with database.reading() as session:
        (task,) = worklist(session, owner)
        found = find_member_by_contact(session, owner, "wm-c1")
    assert task.channel == ("chat" if is_live else "invite")
    assert (task.external_userid is not None) == is_live
    assert (found is not None) == is_live
