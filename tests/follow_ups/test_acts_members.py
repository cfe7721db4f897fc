"""What an associate says of a member: answered, came in, satisfied, wants to be left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.errors import NotFound
from app.follow_ups.acts.holding import Tap
from app.follow_ups.acts.kinds import Act
from app.follow_ups.acts.members import note_event, opt_in, opt_out
from app.follow_ups.models import CareAct, Enrollment
from app.follow_ups.states import EnrollmentState
from app.member_events.models import MemberEvent, MemberEventKind
from tests.world import World

KEYS = (f"key-{number:08}" for number in count())


@pytest.fixture
def world(database: Database) -> World:
    """One member with an open task and four steps to come."""
    made = World(database, "2026-03-01 12:00")
    made.member("c1")
    made.buy("c1", "2026-03-01 12:00")
    made.live_until("2026-03-01 12:30")
    return made


def member_id(world: World) -> int:
    with world.database.reading() as session:
        return session.scalars(select(Enrollment.member_id)).first() or 0


def do(world: World, act: Callable[..., Any], *args: Any, who: str = "owner", key: str = "") -> Any:
    actor, tap, of = world.actor(who), Tap(key or next(KEYS)), member_id(world)
    return world.database.in_transaction(lambda session: act(session, actor, of, tap, *args))


def events(world: World) -> list[MemberEvent]:
    with world.database.reading() as session:
        return list(session.scalars(select(MemberEvent).order_by(MemberEvent.id)))


def test_opting_out_ends_every_series_and_closes_every_task(world: World):
    standing = do(world, opt_out)
    assert standing.opted_out_at is not None
    assert world.items("c1") == [(world.items("c1")[0][0], "cancelled", "opted_out")]
    reasons = [text for (_, step), text in sorted(world.steps("c1").items()) if step > 1]
    assert reasons == ["cancelled opted_out"] * 4
    with world.database.reading() as session:
        assert session.scalars(select(Enrollment.state)).all() == [EnrollmentState.CANCELLED]
    world.assert_timers_are_their_owners()


def test_who_opted_out_is_not_followed_up_after_another_purchase(world: World):
    do(world, opt_out)
    world.live_until("2026-03-03 12:00")
    world.buy("c1", "2026-03-03 12:00")
    world.live_until("2026-03-03 13:00")
    assert [state for _, state, _ in world.items("c1")] == ["cancelled"]


def test_opting_in_again_brings_back_nothing_old_and_lets_new_begin(world: World):
    do(world, opt_out)
    assert do(world, opt_in).opted_out_at is None
    assert [state for _, state, _ in world.items("c1")] == ["cancelled"]
    world.live_until("2026-03-03 12:00")
    world.buy("c1", "2026-03-03 12:00")
    world.live_until("2026-03-03 12:30")
    assert [state for _, state, _ in world.items("c1")] == ["cancelled", "open"]
    with world.database.reading() as session:
        acts = session.execute(select(CareAct.act, CareAct.task_id).order_by(CareAct.id)).all()
    assert [tuple(row) for row in acts] == [(Act.OPTED_OUT, None), (Act.OPTED_IN, None)]


def test_an_old_tap_that_comes_again_does_not_opt_out_twice(world: World):
    do(world, opt_out, key="one-and-the-same")
    do(world, opt_in)
    assert do(world, opt_out, key="one-and-the-same").opted_out_at is None


def test_what_a_member_said_or_did_is_an_event_once(world: World):
    for _ in range(2):
        do(world, note_event, MemberEventKind.REPLY, {"how": "associate"}, key="reply-key")
        visit = {"reason": "size", "tried": ["藏青西装", "风衣"], "size": "52"}
        do(world, note_event, MemberEventKind.VISIT, visit, key="visit-key")
    do(world, note_event, MemberEventKind.SATISFACTION, {"score": 4, "comment": "肩有点紧"})
    told = events(world)
    assert [event.kind for event in told] == ["reply", "visit", "satisfaction"]
    assert json.loads(told[1].data) == {"reason": "size", "tried": ["藏青西装", "风衣"], "size": "52"}
    assert json.loads(told[2].data)["score"] == 4
    assert {event.associate_id for event in told} == {world.person("owner").id}
    assert [event.happened_on.isoformat() for event in told] == ["2026-03-01"] * 3


@pytest.mark.parametrize("who", ["owner", "manager"])
def test_who_looks_after_a_member_may_say_so(world: World, who: str):
    do(world, note_event, MemberEventKind.REPLY, {"how": "associate"}, who=who)
    assert len(events(world)) == 1


def test_who_has_nothing_to_do_with_a_member_may_not(world: World):
    for act, args in ((opt_out, ()), (opt_in, ()), (note_event, (MemberEventKind.REPLY, {}))):
        with pytest.raises(NotFound):
            do(world, act, *args, who="colleague")
    assert events(world) == []
