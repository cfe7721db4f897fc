"""What WeCom tells of members' contacts reaches the follow-ups: who ended a contact, which tags it gained, once."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from app.db import Database
from app.intake.wecom.sync_contacts import compare_people
from app.member_events.models import MemberEvent
from tests.intake.wecom.conftest import Desk, again
from tests.intake.wecom.fake_corp import contact_event, event

T0 = 1_790_000_000
EDIT, DELETED, LOST = "edit_external_contact", "del_external_contact", "del_follow_user"
WHO = "wm-c1"


@pytest.fixture
def desk(database: Database) -> Desk:
    """A member who is a contact of their owner's, and a tag."""
    made = Desk(database)
    made.world.member("c1")
    made.corp.add("owner", WHO, T0)
    made.corp.groups = {"g1": ("料子", {"t1": "羊毛", "t2": "真丝"})}
    made.hear(event("change_external_tag", T0, "create", Id="g1", TagType="tag_group"))
    made.hear(contact_event(EDIT, T0, who=WHO))
    return made


def happened(desk: Desk) -> list[tuple[str, dict[str, str]]]:
    with desk.database.reading() as session:
        rows = session.scalars(select(MemberEvent).order_by(MemberEvent.happened_at, MemberEvent.event_key))
        return [(row.kind, json.loads(row.data)) for row in rows]


@pytest.mark.parametrize(("change", "by"), [(LOST, "member"), (DELETED, "associate")])
def test_a_contact_that_is_ended_is_an_event_once_however_often_it_is_told(desk: Desk, change: str, by: str):
    if change == DELETED:
        desk.corp.part("owner", WHO)
    told = contact_event(change, T0 + 60, who=WHO)
    desk.hear(told, again(told, 1), again(told, 2))
    assert happened(desk) == [("unfriended", {"by": by})]


def test_a_tag_is_gained_once_a_day_whoever_puts_it_on(desk: Desk):
    assert happened(desk) == []
    desk.corp.add("owner", WHO, T0, tag_ids=frozenset({"t1"}))
    desk.hear(contact_event(EDIT, T0 + 60, who=WHO))
    desk.corp.add("owner", WHO, T0)
    desk.hear(contact_event(EDIT, T0 + 120, who=WHO))
    desk.corp.add("owner", WHO, T0, tag_ids=frozenset({"t1"}))
    desk.hear(contact_event(EDIT, T0 + 180, who=WHO))
    assert happened(desk) == [("tag_gained", {"tag": "羊毛", "tag_id": "t1"})]


def test_tags_that_a_new_contact_brings_are_none_that_it_gained(desk: Desk):
    desk.corp.add("colleague", WHO, T0, tag_ids=frozenset({"t1", "t2"}))
    desk.hear(contact_event("add_external_contact", T0 + 60, userid="colleague", who=WHO))
    assert happened(desk) == []


def test_what_no_event_told_the_nightly_comparison_tells(desk: Desk):
    desk.corp.add("owner", WHO, T0, tag_ids=frozenset({"t2"}))
    owner = desk.world.person("owner").id
    for _ in range(2):
        compare_people(desk.database, desk.corp.port, {"owner": owner}, lambda: None)
    assert happened(desk) == [("tag_gained", {"tag": "真丝", "tag_id": "t2"})]


def test_contacts_of_nobody_are_no_events(desk: Desk):
    desk.corp.add("owner", "wm-stranger", T0)
    desk.hear(contact_event(EDIT, T0, who="wm-stranger"))
    desk.hear(contact_event(LOST, T0 + 60, who="wm-stranger"))
    assert happened(desk) == []
