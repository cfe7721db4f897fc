"""Whatever happened between an associate and a customer, in whatever order one hears of it: the same bindings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import Database
from app.members.models import ContactBinding, ExternalContact
from app.members.rules import Standing, Told, is_lost, settle
from app.tagging.models import BindingTag
from app.wecom.callbacks import WeComEvent
from tests.intake.wecom.conftest import Desk, again, shuffled
from tests.intake.wecom.fake_corp import FakeCorp, contact_event

T0 = 1_790_000_000
START = datetime(2026, 3, 1, tzinfo=UTC)
instants = st.none() | st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes))
news = st.builds(Told, bound_at=instants, half_at=instants, lost_at=instants, deleted_at=instants)

ADD, HALF, EDIT = "add_external_contact", "add_half_external_contact", "edit_external_contact"
DELETED, LOST, FAILED = "del_external_contact", "del_follow_user", "transfer_fail"


@given(st.lists(news, max_size=6), st.randoms(use_true_random=False))
def test_news_in_any_order_and_any_number_of_times_comes_to_the_same(told: list[Told], dice):
    mixed = told * 2
    dice.shuffle(mixed)
    assert _all(mixed) == _all(told)


def _all(told: list[Told]) -> Told:
    together = Told()
    for each in told:
        together |= each
    return together


@given(news, st.booleans())
def test_a_binding_is_half_only_while_nothing_newer_is_known(told: Told, is_related: bool):
    standing = settle(told, is_related, None, START)
    ends = (told.bound_at, told.deleted_at, told.lost_at)
    newer = [at for at in ends if at and told.half_at and at >= told.half_at]
    assert standing.is_half == (not is_related and told.half_at is not None and not newer)
    assert (standing.ended_at is None) == (is_related or standing.is_half)
    assert settle(told, is_related, standing.ended_at, START + timedelta(days=1)) == standing


def test_added_again_is_not_lost_any_more():
    lost = Told(bound_at=START, lost_at=START + timedelta(minutes=1))
    assert is_lost(lost)
    assert not is_lost(lost | Told(bound_at=START + timedelta(minutes=2)))


def test_who_was_half_added_and_left_has_left_when_they_did():
    half, minute = Told(half_at=START), timedelta(minutes=1)
    left = half | Told(lost_at=START + minute)
    assert settle(left, False, None, START + 9 * minute) == Standing(False, START + minute)
    deleted = left | Told(deleted_at=START + 2 * minute)
    assert settle(deleted, False, None, START + 9 * minute) == Standing(False, START + 2 * minute)


@pytest.mark.parametrize("change", [EDIT, FAILED])
def test_an_event_that_tells_of_no_relation_makes_none(desk: Desk, change: str):
    desk.corp.names["wm1"] = "顾客"
    desk.hear(contact_event(change, T0))
    with desk.database.reading() as session:
        assert session.scalars(select(ExternalContact)).all() == []
    assert desk.bindings() == {}


def customer_deletes_associate(corp: FakeCorp) -> None:
    """WeCom goes on showing the relation."""


def associate_deletes_customer(corp: FakeCorp) -> None:
    corp.part("owner", "wm1")


def customer_comes_back(corp: FakeCorp) -> None:
    corp.add("owner", "wm1", T0)  # the relation keeps its first time


# What happened → how WeCom shows it afterwards, what it told, and how the binding stands.
STORIES: dict[str, tuple[Callable[[FakeCorp], None], list[WeComEvent], str]] = {
    "added": (lambda corp: corp.add("owner", "wm1", T0), [contact_event(ADD, T0)], "live"),
    "half added": (
        lambda corp: None,
        [contact_event(HALF, T0)],
        "half",
    ),
    "half added, then accepted": (
        lambda corp: corp.add("owner", "wm1", T0 + 9),
        [contact_event(HALF, T0), contact_event(ADD, T0 + 9), contact_event(EDIT, T0 + 20)],
        "live",
    ),
    "half added, then deleted by the associate": (
        lambda corp: None,
        [contact_event(HALF, T0), contact_event(DELETED, T0 + 9)],
        "ended",
    ),
    "half added, who left": (
        lambda corp: None,
        [contact_event(HALF, T0), contact_event(LOST, T0 + 9)],
        "ended",
    ),
    "half added, left, half added": (
        lambda corp: None,
        [contact_event(HALF, T0), contact_event(LOST, T0 + 9), contact_event(HALF, T0 + 20)],
        "half",
    ),
    "half added, deleted, half added": (
        lambda corp: None,
        [contact_event(HALF, T0), contact_event(DELETED, T0 + 9), contact_event(HALF, T0 + 20)],
        "half",
    ),
    "deleted by the customer": (
        lambda corp: corp.add("owner", "wm1", T0),
        [contact_event(ADD, T0), contact_event(EDIT, T0 + 5), contact_event(LOST, T0 + 9)],
        "lost",
    ),
    "deleted by the customer, who came back": (
        customer_comes_back,
        [contact_event(ADD, T0), contact_event(LOST, T0 + 9), contact_event(ADD, T0 + 20)],
        "live",
    ),
    "deleted by both": (
        associate_deletes_customer,
        [contact_event(ADD, T0), contact_event(LOST, T0 + 9), contact_event(DELETED, T0 + 20)],
        "ended",
    ),
    "deleted by the associate, added again, lost": (
        lambda corp: corp.add("owner", "wm1", T0 + 20),
        [
            contact_event(ADD, T0),
            contact_event(DELETED, T0 + 9),
            contact_event(ADD, T0 + 20),
            contact_event(LOST, T0 + 30),
        ],
        "lost",
    ),
    "a hand-over that the customer refused": (
        lambda corp: corp.add("owner", "wm1", T0),
        [
            contact_event(ADD, T0),
            contact_event(FAILED, T0 + 9, "colleague", FailReason="customer_refused"),
        ],
        "live",
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_however_it_is_told_it_ends_the_same(story: str, new_database_url: Callable[[], str]):
    happened, told, expected = STORIES[story]
    orders = list(permutations(told))
    endings = set()
    for number, order in enumerate(orders[:: max(1, len(orders) // 4)]):
        database = Database(new_database_url())
        desk = Desk(database)
        happened(desk.corp)
        for event in order:
            desk.hear(event, *([again(event, number)] if number % 2 else []))
        standing = desk.bindings()
        assert standing["owner", "wm1"] == expected
        assert standing.keys() == {("owner", "wm1")}, "nobody else ever had them"
        endings.add(str([times[1:] for times in desk.times()]))
        database.close()
    assert len(endings) == 1


def test_two_thousand_events_in_random_order_end_like_the_last_look(desk: Desk):
    """Ten contacts of two people with a life each; told all at once, shuffled and doubled."""
    told = []
    for number in range(10):
        who, at = f"wm{number}", T0 + 1000 * number
        desk.corp.add("owner", who, at, remark=f"老客{number}")
        told += [contact_event(ADD, at, who=who)]
        told += [contact_event(EDIT, at + second, who=who) for second in range(1, 6)]
        if number % 3 == 0:
            told.append(contact_event(LOST, at + 50, who=who))
        if number % 3 == 1:
            desk.corp.part("owner", who)
            told.append(contact_event(DELETED, at + 50, who=who))
    desk.hear(*shuffled(told, seed=7))
    wanted = ["lost", "ended", "live"]
    assert desk.bindings() == {("owner", f"wm{number}"): wanted[number % 3] for number in range(10)}


def test_what_is_noted_of_a_customer_is_taken_over_and_replaced(desk: Desk):
    desk.corp.add("owner", "wm1", T0, remark="林姐", add_way=1, state="s1", tag_ids=frozenset({"t1", "t2"}))
    desk.hear(contact_event(ADD, T0))
    desk.corp.add("owner", "wm1", T0, remark="林晓雯", add_way=1, tag_ids=frozenset({"t2", "t3"}))
    desk.corp.names["wm1"] = "晓雯"
    desk.hear(contact_event(EDIT, T0 + 5))
    with desk.database.reading() as session:
        contact = session.scalars(select(ExternalContact)).one()
        binding = session.scalars(select(ContactBinding)).one()
        tags = set(session.scalars(select(BindingTag.wecom_tag_id)))
    assert (contact.name, contact.is_wechat, contact.avatar) == ("晓雯", True, "http://a/1.png")
    assert (binding.remark, binding.add_way) == ("林晓雯", 1)
    assert tags == {"t2", "t3"}


def test_accounts_that_are_nobody_of_ours_leave_no_trace(desk: Desk):
    desk.corp.add("stranger", "wm9", T0)
    desk.hear(contact_event(ADD, T0, "stranger", "wm9"), contact_event(LOST, T0 + 1, "stranger", "wm9"))
    with desk.database.reading() as session:
        assert session.scalars(select(ExternalContact)).all() == []


def test_a_colleague_out_of_the_apps_sight_keeps_the_binding(desk: Desk):
    """A look shows relations of people whom the app may see: another's absence says nothing."""
    desk.corp.add("owner", "wm1", T0)
    desk.corp.add("colleague", "wm1", T0)
    desk.hear(contact_event(ADD, T0), contact_event(ADD, T0, "colleague"))
    desk.corp.part("colleague", "wm1")
    desk.hear(contact_event(EDIT, T0 + 5))
    assert desk.bindings() == {("owner", "wm1"): "live", ("colleague", "wm1"): "live"}
    desk.hear(contact_event(DELETED, T0 + 9, "colleague"))
    assert desk.bindings() == {("owner", "wm1"): "live", ("colleague", "wm1"): "ended"}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_life_told_in_any_order_ends_like_its_last_day(seed: int, sqlite_databases):
    database = Database(sqlite_databases.new())
    desk = Desk(database)
    desk.corp.add("owner", "wm1", T0 + 40)
    story = [
        contact_event(HALF, T0),
        contact_event(ADD, T0 + 10),
        contact_event(LOST, T0 + 20),
        contact_event(DELETED, T0 + 30),
        contact_event(ADD, T0 + 40),
        contact_event(EDIT, T0 + 50),
    ]
    for event in shuffled(story, seed):
        desk.hear(event)
    assert desk.bindings() == {("owner", "wm1"): "live"}
    database.close()
