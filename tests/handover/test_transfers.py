"""WeCom gives customers to somebody else: told, or only seen in the night, in whatever order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.handover.transfers import ASSIGNED, Bond, Owned, successor_of
from app.intake.wecom.sync_contacts import compare_people
from app.member_events.models import MemberEvent
from tests.handover.conftest import Has, House
from tests.intake.wecom.fake_corp import contact_event
from tests.locks import locks_in_order
from tests.world import at

T0 = 1_790_000_000
WHO = "wm-c1"
GONE = {"change": "del_external_contact", "userid": "owner", "who": WHO, "Source": "DELETE_BY_TRANSFER"}
GIVEN = {"change": "add_external_contact", "userid": "colleague", "who": WHO}


@pytest.fixture
def house(house: House) -> House:
    house.corp.add("owner", WHO, T0)
    house.hear(contact_event("edit_external_contact", T0, who=WHO))
    return house


def transfer(house: House) -> None:
    """The customer did not refuse, and the day is over."""
    house.corp.part("owner", WHO)
    house.corp.add("colleague", WHO, T0 + 60, add_way=ASSIGNED)


def sync(house: House, *userids: str) -> None:
    people = {userid: house.world.person(userid).id for userid in userids}
    compare_people(house.database, house.corp.port, people, lambda: None)


def test_nothing_goes_before_the_transfer_is_over(house: House):
    house.hear(
        contact_event("transfer_fail", T0 + 60, userid="colleague", who=WHO, FailReason="customer_refused")
    )
    assert (house.owner("c1"), house.tasks("c1")) == ("owner", [Has("owner", "chat", "open", True)])


@pytest.mark.parametrize(
    "way", ["told", "told backwards", "told in part", "seen", "left", "left, seen", "left late"]
)
def test_who_was_given_the_customer_has_the_member_and_their_work(house: House, way: str):
    """Nobody has unfriended anybody by that, and telling it again changes nothing."""
    gone, given = contact_event(at_s=T0 + 60, **GONE), contact_event(at_s=T0 + 60, **GIVEN)
    if way.startswith("left") and way != "left late":
        house.leave("owner")
        assert house.tasks("c1") == [Has("manager", "invite", "open", True)]
    if way == "told":
        transfer(house)
        house.hear(gone, given)
    elif way == "told backwards":
        transfer(house)
        house.hear(given, gone)
    elif way == "told in part":
        house.corp.part("owner", WHO)
        house.hear(gone)
        assert house.owner("c1") == "owner", "nobody has them yet"
        transfer(house)
        house.hear(given)
    elif way == "seen":
        transfer(house)
        sync(house, "colleague", "owner")
    elif way == "left":
        transfer(house)
        house.hear(given)
    elif way == "left, seen":
        transfer(house)
        sync(house, "colleague")
    else:  # WeCom says first that the customer went, and later that the owner left
        house.corp.add("colleague", WHO, T0 + 60, add_way=ASSIGNED)
        house.hear(given)
        assert house.owner("c1") == "owner"
        house.leave("owner")
    house.hear(contact_event("edit_external_contact", T0 + 70, who=WHO))
    sync(house, "colleague")
    assert house.owner("c1") == "colleague"
    assert house.tasks("c1") == [Has("colleague", "chat", "open", True)]
    assert [why for why, _, _ in house.history()] == ["transfer"]
    with house.database.reading() as session:
        assert session.scalars(select(MemberEvent)).all() == []
    house.world.assert_timers_are_their_owners()


def test_customers_listed_together_go_together(house: House):
    """Their heirs' rows are locked once all of the members are: two such comparisons at once do not meet."""
    heirs = {"c1": "manager", "c2": "colleague", "c3": "manager"}
    for code in ("c2", "c3"):
        house.world.member(code)
        house.world.buy(code, "2026-03-01 14:00")
        house.corp.add("owner", f"wm-{code}", T0)
        house.hear(contact_event("edit_external_contact", T0, who=f"wm-{code}"))
    house.world.live_until("2026-03-01 14:31")
    house.leave("owner")
    for code, heir in heirs.items():
        house.corp.part("owner", f"wm-{code}")
        house.corp.add(heir, f"wm-{code}", T0 + 60, add_way=ASSIGNED)
    with locks_in_order(house.database):
        sync(house, "colleague", "manager")
    assert {code: house.owner(code) for code in heirs} == heirs


def test_to_who_had_the_customer_before(house: House):
    house.corp.add("colleague", WHO, T0 - 60)
    house.hear(contact_event("edit_external_contact", T0, userid="colleague", who=WHO))
    assert house.owner("c1") == "owner"
    house.corp.part("owner", WHO)
    house.hear(contact_event(at_s=T0 + 60, **GONE))
    assert house.owner("c1") == "colleague"


OWNER = 1
BEGAN = at("2026-03-01 10:00")
INSTANTS = st.none() | st.integers(0, 4).map(lambda minutes: BEGAN + timedelta(minutes=minutes))
BONDS = st.builds(Bond, st.integers(1, 4), st.booleans(), st.booleans(), st.booleans(), INSTANTS, INSTANTS)


@given(st.booleans(), st.lists(BONDS, max_size=5), st.booleans(), st.randoms())
def test_a_successor_has_the_customer_works_here_and_came_after_who_has_them_no_more(
    works_here: bool, bonds: list[Bond], is_told: bool, chance
):
    found = successor_of(Owned(OWNER, works_here, bonds), is_told=is_told)
    shuffled = list(bonds)
    chance.shuffle(shuffled)
    assert successor_of(Owned(OWNER, works_here, shuffled), is_told=is_told) == found
    own = [bond for bond in bonds if bond.associate_id == OWNER]
    if not own or (works_here and any(bond.ended_at is None for bond in own)):
        assert found is None
    if found is not None:
        its = [
            bond
            for bond in bonds
            if bond.associate_id == found.associate_id and bond.is_live and bond.works_here
        ]
        assert its
        assert found.associate_id != OWNER
        assert is_told or any(bond.is_assigned for bond in its)
