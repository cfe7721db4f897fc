"""Changes of the contact book one by one: in any order, any number of times, they come to what a full sync finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.associates.models import Associate, Role
from app.db import Database
from app.ids import new_id
from app.lanes import Deadline
from app.organisation.events import changes_of_contacts
from app.organisation.models import OrganisationSync
from app.organisation.queries import latest_syncs
from app.organisation.rules import Kind
from app.organisation.running import run_syncs
from app.organisation.service import choose
from app.wecom.apis.people import AccountStatus
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from tests.organisation.book import (
    Book,
    associate,
    hear,
    plan_full,
    roster,
    shown,
    stores,
    sync_full,
)

STORES = (31, 32, 41, 42)
PLACES = (*STORES, 2, 3)


@pytest.fixture
def synced(database: Database, book: Book) -> Book:
    sync_full(database, book)
    return book


def hear_all(database: Database, book: Book) -> None:
    while book.events:
        hear(database, book, book.events.pop(0))


def test_somebody_comes_moves_leads_and_leaves(database: Database, synced: Book):
    synced.put("new", 31)
    hear_all(database, synced)
    assert roster(database)["new"] == ("New", "associate", "静安店")
    synced.change("new", department_ids=(42,), leads=frozenset({42}), name="新人")
    hear_all(database, synced)
    assert roster(database)["new"] == ("新人", "store_manager", "福田店")
    synced.leave("new")
    hear_all(database, synced)
    assert "new" not in roster(database)


def test_a_store_opens_is_renamed_moves_and_stays_when_its_department_goes(database: Database, synced: Book):
    synced.department(43, "罗湖店", 4)
    hear_all(database, synced)
    assert stores(database)["罗湖店"] == "华南分公司"
    synced.department(43, "南山店", 3)
    hear_all(database, synced)
    assert stores(database)["南山店"] == "华东分公司"
    synced.close(43)
    hear_all(database, synced)
    assert "南山店" in stores(database)


def test_a_renamed_account_keeps_its_associate(database: Database, synced: Book):
    with database.reading() as session:
        before = associate(session, "chen").id
    synced.rename("chen", "chenjie")
    hear_all(database, synced)
    with database.reading() as session:
        assert associate(session, "chenjie").id == before
    assert "chen" not in roster(database)
    assert shown(database, plan_full(database, synced)).is_empty


def test_a_rename_that_is_heard_last_keeps_the_associate_too(database: Database, synced: Book):
    with database.reading() as session:
        before = associate(session, "chen").id
    synced.rename("chen", "chenjie")
    synced.change("chenjie", department_ids=(42,))
    rename, move = synced.events
    for event in (move, rename, rename, move):
        hear(database, synced, event)
    with database.reading() as session:
        assert associate(session, "chenjie").id == before
    assert roster(database)["chenjie"] == ("Chen", "associate", "福田店")
    assert len(roster(database)) == 9


def test_news_of_an_account_that_was_renamed_since_ends_nobody(database: Database, synced: Book):
    synced.change("chen", department_ids=(42,))
    synced.rename("chen", "chenjie")
    hear(database, synced, synced.events[0])
    assert "chen" in roster(database)
    hear(database, synced, synced.events[1])
    assert roster(database)["chenjie"] == ("Chen", "associate", "福田店")


def test_who_moves_before_the_department_is_heard_of_is_placed(database: Database, synced: Book):
    synced.department(43, "罗湖店", 4)
    synced.change("wu", department_ids=(43,))
    party, move = synced.events
    for event in (move, party):
        hear(database, synced, event)
    assert roster(database)["wu"] == ("Wu", "associate", "罗湖店")
    assert len(stores(database)) == 5


def test_a_closed_department_ends_nobody_whose_move_is_still_to_be_heard(database: Database, synced: Book):
    for userid in ("zheng", "wu"):
        synced.change(userid, department_ids=(41,))
    synced.close(42)
    hear(database, synced, synced.events[-1])
    assert {"zheng", "wu"} <= roster(database).keys()


def test_a_moved_department_that_would_end_many_waits_for_hq(database: Database, synced: Book):
    with database.transaction() as session:
        choose(session, {41: Kind.IGNORED, 42: Kind.IGNORED})
    for name in ("仓储部", "南方仓储部", "仓储部"):
        synced.department(4, name, 1)
    hear_all(database, synced)
    assert len(roster(database)) == 9
    assert run_syncs(database, synced, Deadline(60)).done == 1, "asked for once, however many events"
    with database.reading() as session:
        assert latest_syncs(session)[0].state == "ready"
    assert shown(database, plan_full(database, synced)).ends_many()


def test_until_hq_has_applied_a_sync_people_only_leave_and_return(database: Database, book: Book):
    with database.transaction() as session:
        session.add(
            Associate(id=new_id(session), wecom_userid="wu", name="吴", store_id=None, role=Role.ASSOCIATE)
        )
    book.change("wu", department_ids=(31,))
    book.put("new", 31)
    book.department(43, "罗湖店", 4)
    hear_all(database, book)
    assert (roster(database), stores(database)) == ({"wu": ("吴", "associate", "")}, {})
    book.leave("wu")
    hear_all(database, book)
    assert roster(database) == {}
    book.put("wu", 31)
    hear_all(database, book)
    assert roster(database) == {"wu": ("吴", "associate", "")}


def test_somebody_with_a_role_given_by_hand_leaves_like_everybody(database: Database, synced: Book):
    with database.transaction() as session:
        associate(session, "fang").is_role_granted = True
    synced.change("fang", department_ids=(31,))
    hear_all(database, synced)
    assert roster(database)["fang"] == ("Fang", "hq", "")
    synced.leave("fang")
    hear_all(database, synced)
    assert "fang" not in roster(database)


def test_an_older_look_at_the_tree_is_not_written_over_a_newer_one(database: Database, synced: Book):
    changes = changes_of_contacts(database)
    look, apply = changes["change_contact:create_party"]
    synced.department(45, "罗湖店", 4)
    older = look(synced, synced.events[0])
    synced.department(46, "南山店", 4)
    hear(database, synced, synced.events[1])
    with pytest.raises(WeComRetryable, match="meanwhile"), database.transaction() as session:
        apply(session, synced.events[0], older)
    hear_all(database, synced)
    assert {"罗湖店", "南山店"} <= stores(database).keys()


def test_a_late_name_ends_nobody_who_has_the_old_one_now(database: Database, synced: Book):
    synced.rename("chen", "chenjie")
    hear(database, synced, synced.events[0])
    synced.put("chen", 42)
    hear_all(database, synced)
    hear(database, synced, rename_of("chen", "chenjie"))
    assert {"chen", "chenjie"} <= roster(database).keys()
    assert roster(database)["chenjie"] == ("Chen", "associate", "静安店")


def rename_of(old: str, new: str) -> WeComEvent:
    book = Book()
    book.rename(old, new)
    return book.events[0]


def test_who_is_deleted_is_out_although_wecom_still_answers(database: Database, synced: Book):
    account = synced.accounts["wu"]
    synced.leave("wu")
    synced.accounts["wu"] = account
    hear_all(database, synced)
    assert "wu" not in roster(database)
    synced.put("wu", 42)
    hear_all(database, synced)
    assert "wu" in roster(database)


Act = Callable[[Book], None]


def _change(userid: str, **changes: object) -> Act:
    return lambda book: book.change(userid, **changes) if userid in book.accounts else None


def _leave(userid: str) -> Act:
    return lambda book: book.leave(userid) if userid in book.accounts else None


def _come(userid: str, place: int, leads: bool) -> Act:
    return lambda book: book.put(userid, place, leads=leads) if userid not in book.accounts else None


def _rename(userid: str) -> Act:
    return lambda book: book.rename(userid, f"{userid}2") if userid in book.accounts else None


def _department(number: int, name: str, parent: int) -> Act:
    return lambda book: book.department(number, f"{name}店", parent)


def _close(number: int) -> Act:
    def close(book: Book) -> None:
        if number in book.tree and not book.people.of_department(number):
            book.close(number)

    return close


WHO = st.sampled_from(["chen", "xu", "liang", "wu", "zhou"])
LEADS = st.sampled_from([frozenset(), frozenset({31}), frozenset({42})])
SOME_PLACES = st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True).map(tuple)
NUMBERS, NAMES = st.sampled_from([31, 42, 43, 44]), st.sampled_from(["静安", "福田", "罗湖"])
ACTS = st.one_of(
    st.builds(_change, WHO, department_ids=SOME_PLACES),
    st.builds(_change, WHO, leads=LEADS),
    st.builds(_change, WHO, name=st.sampled_from(["甲", "乙"])),
    st.builds(_change, WHO, status=st.sampled_from(list(AccountStatus))),
    st.builds(_leave, WHO),
    st.builds(_come, st.sampled_from(["wu", "new", "newer"]), st.sampled_from(STORES), st.booleans()),
    st.builds(_rename, st.sampled_from(["he", "lin"])),
    st.builds(_department, NUMBERS, NAMES, st.sampled_from([3, 4])),
    st.builds(_close, st.sampled_from([42, 43, 44])),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=1, max_size=10), chance=st.randoms(use_true_random=False))
def test_in_any_order_and_repeated_events_come_to_what_a_full_sync_finds(
    new_database_url: Callable[[], str], acts: list[Act], chance: object
):
    from_random = chance.shuffle  # type: ignore[attr-defined]
    database, book = Database(new_database_url()), Book()
    sync_full(database, book)
    for act in acts:
        act(book)
    heard = [*book.events, *book.events[:3]]
    from_random(heard)
    for event in heard:
        hear(database, book, event)
    plan = shown(database, plan_full(database, book))
    assert plan.is_empty, plan
    database.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=1, max_size=10))
def test_what_is_shown_is_what_applying_does(new_database_url: Callable[[], str], acts: list[Act]):
    """Everybody the plan does not name is as before; everybody it names is as it says; then nothing is left to do."""
    database, book = Database(new_database_url()), Book()
    sync_full(database, book)
    before = roster(database)
    for act in acts:
        act(book)
    plan = sync_full(database, book, may_end_many=True)
    expected = dict(before)
    for change in plan.people:
        expected.pop(change.userid, None)
        if "person_ended" not in change.whats:
            expected[change.userid] = (change.name, str(change.role), change.store)
    renamed = {unit.was_name: unit.name for unit in plan.units if unit.was_name != unit.name}
    after = roster(database)
    assert {
        userid: (name, role, renamed.get(store, store)) for userid, (name, role, store) in expected.items()
    } == {userid: (name, role, renamed.get(store, store)) for userid, (name, role, store) in after.items()}
    assert shown(database, plan_full(database, book)).is_empty
    with database.reading() as session:
        states = session.scalars(select(OrganisationSync.state)).all()
    assert sorted(states) == ["applied", "applied", "ready"]
    database.close()
