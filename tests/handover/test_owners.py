"""A member gets another owner: whoever says so, once, and in whatever order it is told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from app import clock
from app.associates.models import Associate
from app.associates.queries import find_actor
from app.associates.service import end_associate
from app.criteria.words import Language
from app.follow_ups.explaining import why_of
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.queries import get_task
from app.follow_ups.service import claim_sending
from app.handover.changing import change_owners
from app.handover.leaving import next_piece
from app.members.models import OwnerReason
from app.members.owners import NewOwner
from app.members.service import lock_members, members_by_code
from app.messaging.models import Notice
from app.worklist.models import WorkItem
from tests.handover.conftest import Has, House


def test_open_work_goes_along_in_the_new_owners_words_and_the_series_goes_on(house: House):
    house.befriend("c1", "colleague")
    assert house.tasks("c1") == [Has("owner", "chat", "open", True)]
    assert house.name("c1", "colleague", "2026-03-01 14:31") == "applied"
    assert house.tasks("c1") == [Has("colleague", "chat", "open", True)]
    with house.database.reading() as session:
        colleague = house.world.person("colleague").id
        told = session.scalars(select(Notice.associate_id).order_by(Notice.id)).all()
        assert told == [house.world.person("owner").id, colleague]
        actor = find_actor(session, colleague)
        assert actor is not None
        task = get_task(session, actor, session.scalars(select(FollowUpTask.id)).one())
        why = why_of(session, task, Language.ZH)
        assert why is not None
        assert why.taken_over is not None
        assert why.taken_over.from_name == "owner"
        assert session.scalars(select(Enrollment.state)).all() == ["active"]
    house.world.live_until("2026-03-04 12:00")
    assert [has.whose for has in house.tasks("c1")] == ["colleague", "colleague"]
    house.world.assert_timers_are_their_owners()


def test_of_several_reports_the_latest_counts_whatever_comes_first(house: House):
    assert house.name("c1", "nobody", "2026-03-01 14:31") == "unknown_associate"
    assert house.name("c1", "owner", "2026-03-01 14:20") == "applied"
    assert house.name("c1", "colleague", "2026-03-01 14:10") == "applied"
    assert house.owner("c1") == "owner", "who says later whose they are has the last word"
    assert house.name("c1", "colleague", "2026-03-01 14:25", ref="x") == "applied"
    assert house.name("c1", "colleague", "2026-03-01 14:25", ref="x") == "repeated"
    assert house.owner("c1") == "colleague"
    assert house.tasks("c1") == [Has("colleague", "invite", "open", True)]
    owner, colleague = house.world.person("owner").id, house.world.person("colleague").id
    assert house.history() == [("named", owner, owner), ("named", owner, colleague)]


def test_of_nobody_they_are_of_the_stores_people_who_can_chat_with_them(house: House):
    assert house.name("c1", "", "2026-03-01 14:31") == "applied"
    assert (house.owner("c1"), house.tasks("c1")) == (None, [Has("owner", "chat", "open", True)])


def test_what_is_being_sent_just_now_goes_when_that_is_over(house: House):
    house.befriend("c1", "colleague")
    owner = house.world.actor("owner")
    with house.database.transaction() as session:
        task_id = session.scalars(select(FollowUpTask.id)).one()
        claim_sending(session, owner, task_id, "page")
    house.name("c1", "colleague", "2026-03-01 14:31")
    assert house.tasks("c1") == [Has("owner", "chat", "open", True)]
    house.world.live_until("2026-03-01 14:40")
    with house.database.transaction() as session:
        item = session.scalars(select(WorkItem)).one()
        item.claimed_until = clock.real_now(session)
    assert house.hand_over() > 0
    assert house.tasks("c1") == [Has("colleague", "chat", "open", True)]
    assert house.looks() == 0


def test_many_members_cost_no_more_statements_than_few(house: House):
    for number in range(2, 34):
        house.world.member(f"c{number}")
        house.world.buy(f"c{number}", "2026-03-01 14:20")
    house.world.live_until("2026-03-01 14:50")
    spent = [_statements(house, [f"c{number}" for number in some]) for some in (range(2, 6), range(6, 34))]
    assert spent[1] <= spent[0] + 4, "a few statements more only where rows no longer fit into one"
    assert {has.whose for number in range(2, 34) for has in house.tasks(f"c{number}")} == {"colleague"}


def _statements(house: House, codes: list[str]) -> int:
    counted: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        counted.append(statement)

    with house.database.transaction() as session:
        members = members_by_code(session, codes)
        now, to = clock.now(session), house.world.person("colleague").id
        wanted = {one: NewOwner(to, OwnerReason.NAMED, "hq", now) for one in members.values()}
        lock_members(session, wanted)
        event.listen(house.database.engine, "before_cursor_execute", count)
        try:
            assert len(change_owners(session, wanted, now)) == len(codes)
        finally:
            event.remove(house.database.engine, "before_cursor_execute", count)
    return len(counted)


def test_who_left_is_no_owner_to_give_work_to(house: House):
    with house.database.transaction() as session:
        person = session.get_one(Associate, house.world.person("colleague").id)
        end_associate(session, person)
    assert house.name("c1", "colleague", "2026-03-01 14:31") == "unknown_associate"


@pytest.mark.parametrize("first", ["owner", "manager"])
def test_who_left_is_succeeded_by_a_contact_else_by_the_manager(house: House, first: str):
    """And whoever the member goes to in the end has it then, wherever it was meanwhile."""
    to = {"owner": "colleague", "manager": "manager"}[first]
    if to == "colleague":
        house.befriend("c1", "colleague")
    house.leave("owner")
    assert house.owner("c1") == "owner", "nobody has been given them yet"
    assert house.tasks("c1") == [Has(to, "chat" if to == "colleague" else "invite", "open", True)]
    assert house.looks() == 1, "for what was opened just then"
    house.world.live_until("2026-03-01 14:33")
    house.hand_over()
    assert house.looks() == 0
    house.name("c1", "colleague", "2026-03-01 14:32")
    assert [has.whose for has in house.tasks("c1")] == ["colleague"]
    house.world.assert_timers_are_their_owners()


def test_the_night_finds_work_of_who_left_that_nobody_looked_at(house: House):
    with house.database.transaction() as session:
        person = session.get_one(Associate, house.world.person("owner").id)
        person.ended_at = clock.now(session)  # as if the look they got were lost
        piece = next_piece(session, "")
        assert piece.is_last
        piece.write(session)
    house.hand_over()
    assert house.tasks("c1") == [Has("manager", "invite", "open", True)]
