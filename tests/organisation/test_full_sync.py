"""A full sync: planned once, shown, applied as shown or not at all; a read that fails ends nobody."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from sqlalchemy import select, update

from app import clock
from app.associates.models import Associate, Role
from app.db import Database
from app.errors import Conflict
from app.handover.leaving import hand_over_due
from app.ids import new_id
from app.lanes import Deadline
from app.organisation.models import OrganisationSync
from app.organisation.plan import What
from app.organisation.queries import latest_syncs
from app.organisation.reading import read_organisation
from app.organisation.rules import Kind
from app.organisation.running import LEASE, _claim, _record, run_syncs
from app.organisation.service import choose, grant_hq, request_sync, request_unattended
from app.stores.models import Branch, Store
from app.timers import Lane, Timer, TimerKey, clear_timers, set_timers
from app.wecom.apis.people import AccountStatus
from app.wecom.errors import WeComRejected, WeComRetryable
from app.worklist.models import WorkItem, WorkState
from tests.organisation.book import (
    Book,
    apply_full,
    associate,
    hear,
    plan_full,
    roster,
    shown,
    stores,
    sync_full,
    sync_of,
)

EVERYBODY = {
    "fang": ("Fang", "hq", ""),
    "zhou": ("Zhou", "store_manager", "静安店"),
    "chen": ("Chen", "associate", "静安店"),
    "lin": ("Lin", "store_manager", "湖滨店"),
    "xu": ("Xu", "associate", "湖滨店"),
    "he": ("He", "store_manager", "天河店"),
    "liang": ("Liang", "associate", "天河店"),
    "zheng": ("Zheng", "store_manager", "福田店"),
    "wu": ("Wu", "associate", "福田店"),
}
STORES = {"静安店": "华东分公司", "湖滨店": "华东分公司", "天河店": "华南分公司", "福田店": "华南分公司"}


@pytest.fixture
def synced(database: Database, book: Book) -> Book:
    """The chain as it stands after its first full sync."""
    sync_full(database, book)
    return book


def test_the_first_sync_makes_the_whole_chain(database: Database, book: Book):
    plan = sync_full(database, book)
    assert plan.counts() == {What.BRANCH_ADDED: 2, What.STORE_ADDED: 4, What.PERSON_ADDED: 9}
    assert roster(database) == EVERYBODY
    assert stores(database) == STORES
    with database.reading() as session:
        store = session.scalars(select(Store).where(Store.name == "静安店")).one()
        assert (store.code, store.time_zone, store.currency) == ("D31", "Asia/Shanghai", "CNY")
        assert (store.opens_at, store.closes_at) == (time(10), time(22))


def test_a_preview_changes_nobody(database: Database, book: Book):
    sync_id = plan_full(database, book)
    assert sync_of(database, sync_id).state == "ready"
    assert not shown(database, sync_id).is_empty
    assert (roster(database), stores(database)) == ({}, {})


def test_a_second_sync_finds_nothing_to_do(database: Database, synced: Book):
    assert shown(database, plan_full(database, synced)).is_empty


def test_everything_that_may_change_is_listed_and_done(database: Database, synced: Book):
    synced.department(32, "西湖店", 4)  # renamed and moved to another branch
    synced.department(43, "罗湖店", 4)
    synced.department(4, "南区分公司", 1)
    synced.put("new", 43, leads=True, name="新店长")
    synced.change("chen", department_ids=(32,), name="Chen Jie")
    synced.change("xu", leads=frozenset({32}))
    synced.change("he", leads=frozenset[int]())
    synced.change("liang", department_ids=(2,))
    synced.leave("wu")
    plan = sync_full(database, synced)
    assert {(what, change.userid) for change in plan.people for what in change.whats} == {
        (What.PERSON_ADDED, "new"),
        (What.PERSON_MOVED, "chen"),
        (What.PERSON_RENAMED, "chen"),
        (What.PERSON_PROMOTED, "xu"),
        (What.PERSON_DEMOTED, "he"),
        (What.PERSON_MOVED, "liang"),
        (What.PERSON_PROMOTED, "liang"),
        (What.PERSON_ENDED, "wu"),
    }
    assert {(what, unit.name) for unit in plan.units for what in unit.whats} == {
        (What.BRANCH_RENAMED, "南区分公司"),
        (What.STORE_RENAMED, "西湖店"),
        (What.STORE_MOVED, "西湖店"),
        (What.STORE_ADDED, "罗湖店"),
    }
    expected = {
        **EVERYBODY,
        "new": ("新店长", "store_manager", "罗湖店"),
        "chen": ("Chen Jie", "associate", "西湖店"),
        "lin": ("Lin", "store_manager", "西湖店"),
        "xu": ("Xu", "store_manager", "西湖店"),
        "he": ("He", "associate", "天河店"),
        "liang": ("Liang", "hq", ""),
    }
    del expected["wu"]
    assert roster(database) == expected
    assert stores(database)["西湖店"] == "南区分公司"


def test_codes_stay_and_stores_are_never_deleted(database: Database, synced: Book):
    synced.department(31, "静安旗舰店", 3)
    synced.change("zheng", department_ids=(41,))
    synced.change("wu", department_ids=(41,))
    synced.close(42)
    sync_full(database, synced)
    with database.reading() as session:
        codes = dict(session.execute(select(Store.code, Store.name)).all())
    assert codes == {"D31": "静安旗舰店", "D32": "湖滨店", "D41": "天河店", "D42": "福田店"}


def test_stores_people_and_branches_loaded_by_file_are_recognised(database: Database, book: Book):
    with database.transaction() as session:
        branch = Branch(id=new_id(session), code="HD", name="华东分公司")
        session.add(branch)
        session.flush()
        hours = {"time_zone": "Asia/Shanghai", "currency": "GBP", "opens_at": time(9), "closes_at": time(21)}
        store = Store(id=new_id(session), code="SH01", branch_id=branch.id, name="静安店", **hours)
        session.add(store)
        session.flush()
        for userid, role in (("zhou", Role.STORE_MANAGER), ("ghost", Role.ASSOCIATE)):
            session.add(
                Associate(
                    id=new_id(session), wecom_userid=userid, name=userid.title(), store_id=store.id, role=role
                )
            )
    plan = sync_full(database, book)
    assert plan.counts()[What.BRANCH_LINKED] == plan.counts()[What.STORE_LINKED] == 1
    assert [(change.userid, change.whats) for change in plan.people if change.our_id] == [
        ("zhou", (What.PERSON_LINKED,))
    ]
    assert [(unknown.userid, unknown.store) for unknown in plan.unknown] == [("ghost", "静安店")]
    assert "ghost" in roster(database), "reported, not ended"
    with database.reading() as session:
        kept = session.scalars(select(Store).where(Store.name == "静安店")).one()
        assert (kept.code, kept.currency, kept.opens_at) == ("SH01", "GBP", time(9))
    sync_id = plan_full(database, book)
    assert apply_full(database, book, sync_id, ends_unknown=True) == "applied"
    assert "ghost" not in roster(database)


def test_two_stores_of_one_name_are_not_guessed(database: Database, book: Book):
    book.department(42, "静安店", 4)
    sync_full(database, book)
    with database.reading() as session:
        assert sorted(session.scalars(select(Store.code).where(Store.name == "静安店"))) == ["D31", "D42"]


@pytest.mark.parametrize("status", [AccountStatus.DISABLED, AccountStatus.LEFT])
def test_who_is_disabled_or_left_ends_and_may_come_back(
    database: Database, synced: Book, status: AccountStatus
):
    synced.change("wu", status=status)
    assert [change.whats for change in sync_full(database, synced).people] == [(What.PERSON_ENDED,)]
    assert "wu" not in roster(database)
    synced.change("wu", status=AccountStatus.ACTIVE)
    assert [change.whats for change in sync_full(database, synced).people] == [(What.PERSON_RETURNED,)]
    assert roster(database) == EVERYBODY


def test_who_has_not_activated_the_account_yet_stays(database: Database, synced: Book):
    synced.change("wu", status=AccountStatus.NOT_ACTIVATED)
    assert shown(database, plan_full(database, synced)).is_empty


def test_open_work_of_somebody_who_left_goes_to_their_manager(database: Database, synced: Book):
    with database.transaction() as session:
        wu, now, item_id = associate(session, "wu"), clock.now(session), new_id(session)
        assert wu.store_id is not None
        session.add(
            WorkItem(
                id=item_id,
                assignee_id=wu.id,
                store_id=wu.store_id,
                state=WorkState.OPEN,
                priority=0,
                title="回访",
                due_at=now,
                valid_until=now + timedelta(days=1),
                opened_at=now,
                close_reason="",
            )
        )
        set_timers(session, [(TimerKey(Lane.EXPIRY, now + timedelta(days=1), item_id), None)])
    synced.leave("wu")
    sync_full(database, synced)
    hand_over_due(database, Deadline(60))
    with database.reading() as session:
        item = session.get_one(WorkItem, item_id)
        assert (item.state, item.assignee_id) == (WorkState.OPEN, associate(session, "zheng").id)


def test_hq_maps_a_department_and_the_plan_follows(database: Database, synced: Book):
    with database.transaction() as session:
        choose(session, {42: Kind.IGNORED})
    sync_id = plan_full(database, synced)
    assert {change.userid for change in shown(database, sync_id).people} == {"zheng", "wu"}
    with pytest.raises(Conflict, match="sync_ends_many"):
        apply_full(database, synced, sync_id)
    assert apply_full(database, synced, sync_id, may_end_many=True) == "applied"
    with database.transaction() as session:
        choose(session, {42: None})
    sync_full(database, synced)
    assert roster(database) == EVERYBODY


def test_a_store_that_no_branch_stands_above_blocks_the_plan(database: Database, synced: Book):
    with database.transaction() as session:
        choose(session, {1: Kind.IGNORED, 3: Kind.IGNORED})
    sync_id = plan_full(database, synced)
    assert set(shown(database, sync_id).without_branch) == {"静安店", "湖滨店"}
    with pytest.raises(Conflict, match="sync_without_branch"):
        apply_full(database, synced, sync_id, may_end_many=True)


def test_one_in_five_may_end_without_a_tick_and_one_more_may_not(database: Database, synced: Book):
    synced.put("ten", 31)
    sync_full(database, synced)
    synced.leave("ten")
    synced.leave("wu")
    sync_id = plan_full(database, synced)
    assert not shown(database, sync_id).ends_many()
    synced.leave("chen")
    sync_id = plan_full(database, synced)
    assert shown(database, sync_id).ends_many()


def test_what_changed_meanwhile_is_shown_again_and_not_applied(database: Database, synced: Book):
    synced.leave("wu")
    sync_id = plan_full(database, synced)
    synced.leave("chen")
    assert apply_full(database, synced, sync_id) == "ready"
    assert sync_of(database, sync_id).changed_meanwhile
    assert roster(database) == EVERYBODY
    assert {change.userid for change in shown(database, sync_id).people} == {"wu", "chen"}
    assert apply_full(database, synced, sync_id, may_end_many=True) == "applied"
    assert roster(database).keys() == EVERYBODY.keys() - {"wu", "chen"}


@pytest.mark.parametrize("at", ["departments", 31, "wu"])
@pytest.mark.parametrize(
    "error",
    [WeComRetryable("user/list", "HTTP 502"), WeComRejected("user/list", 60011, "no privilege")],
    ids=["away", "refused"],
)
def test_a_read_that_fails_anywhere_ends_nobody(
    database: Database, synced: Book, at: object, error: Exception
):
    synced.leave("wu")
    synced.failing[at] = error  # type: ignore[assignment]
    sync = sync_of(database, plan_full(database, synced))
    assert (sync.state, sync.plan) == ("failed", None)
    assert "user/list" in sync.reason
    assert roster(database) == EVERYBODY


def test_a_read_that_fails_while_applying_ends_nobody(database: Database, synced: Book):
    synced.leave("wu")
    sync_id = plan_full(database, synced)
    synced.failing[41] = WeComRetryable("user/list", "HTTP 502")
    assert apply_full(database, synced, sync_id) == "failed"
    assert roster(database) == EVERYBODY


def test_somebody_missing_from_the_lists_is_asked_for_by_name(
    database: Database, synced: Book, monkeypatch: pytest.MonkeyPatch
):
    """Who moves while departments are read one by one may be in none of them."""
    lists = synced.people.of_department
    monkeypatch.setattr(
        "tests.organisation.book.People.of_department",
        lambda _self, number: [account for account in lists(number) if account.wecom_userid != "wu"],
    )
    assert shown(database, plan_full(database, synced)).is_empty


def test_departments_out_of_sight_end_nobody(database: Database, synced: Book):
    """The app's scope shrank: people are there, their departments are not shown."""
    del synced.tree[42]
    assert shown(database, plan_full(database, synced)).is_empty


def test_every_night_catches_up_with_what_no_event_told(database: Database, synced: Book):
    synced.leave("wu")
    synced.put("new", 31)
    with database.transaction() as session:
        request_unattended(session)
    run_syncs(database, synced, Deadline(60))
    assert roster(database).keys() == (EVERYBODY.keys() - {"wu"}) | {"new"}


def test_a_night_that_wecom_interrupts_goes_on_once_it_is_back(database: Database, synced: Book):
    synced.leave("wu")
    synced.failing[41] = WeComRetryable("user/list", "HTTP 502")
    with database.transaction() as session:
        request_unattended(session)
    assert run_syncs(database, synced, Deadline(60)).done == 1
    with database.reading() as session:
        waiting, now = latest_syncs(session)[0], clock.real_now(session)
    assert (waiting.state, waiting.reason) == ("requested", "user/list: HTTP 502")
    assert waiting.next_due_at is not None
    assert waiting.next_due_at - now > timedelta(seconds=30)
    assert roster(database) == EVERYBODY
    del synced.failing[41]
    ring_now(database, waiting.id)
    run_syncs(database, synced, Deadline(60))
    with database.reading() as session:
        assert (latest_syncs(session)[0].state, latest_syncs(session)[0].reason) == ("applied", "")
    assert "wu" not in roster(database)


def test_a_night_that_wecom_spoils_whole_says_so(database: Database, synced: Book):
    synced.failing["departments"] = WeComRetryable("department/list", "HTTP 502")
    with database.transaction() as session:
        request_unattended(session)
        clock.jump_to(session, clock.now(session) + timedelta(hours=5))
    run_syncs(database, synced, Deadline(60))
    with database.reading() as session:
        spoilt = latest_syncs(session)[0]
    assert (spoilt.state, spoilt.reason, spoilt.next_due_at) == ("failed", "department/list: HTTP 502", None)


def ring_now(database: Database, sync_id: int) -> None:
    """The wait is over."""
    with database.transaction() as session:
        sync = session.get_one(OrganisationSync, sync_id)
        assert sync.next_due_at is not None
        clear_timers(session, [TimerKey(Lane.ORGANISATION, sync.next_due_at, sync.id)])
        sync.next_due_at = clock.real_now(session)
        set_timers(session, [(TimerKey(Lane.ORGANISATION, sync.next_due_at, sync.id), None)])


def test_who_leaves_while_wecom_is_being_read_does_not_come_back(database: Database, synced: Book):
    with database.transaction() as session:
        request_unattended(session)
    claim = database.in_transaction(_claim)
    assert claim is not None
    reading = read_organisation(synced, claim.known)
    synced.events.clear()
    synced.leave("wu")
    synced.department(43, "罗湖店", 4)
    for event in synced.events:
        hear(database, synced, event)
    database.in_transaction(lambda session: _record(session, claim, reading))
    assert "wu" not in roster(database)
    assert "罗湖店" in stores(database)
    assert shown(database, plan_full(database, synced)).is_empty


def test_a_night_that_would_end_many_waits_for_hq(database: Database, synced: Book):
    for userid in ("wu", "zheng", "chen"):
        synced.leave(userid)
    with database.transaction() as session:
        request_unattended(session)
    run_syncs(database, synced, Deadline(60))
    assert roster(database) == EVERYBODY
    with database.reading() as session:
        waiting = latest_syncs(session)[0]
    assert (waiting.state, waiting.changed_meanwhile) == ("ready", False)
    assert apply_full(database, synced, waiting.id, may_end_many=True) == "applied"


def test_no_night_before_hq_has_applied_a_sync(database: Database, book: Book):
    with database.transaction() as session:
        request_unattended(session)
    assert run_syncs(database, book, Deadline(60)).done == 0


def test_a_role_given_by_hand_stays(database: Database, synced: Book):
    with database.transaction() as session:
        grant_hq(session, "Chen", "Chen")
        grant_hq(session, "boss", "老板")
    assert shown(database, plan_full(database, synced)).is_empty
    assert roster(database)["chen"] == ("Chen", "hq", "")
    synced.leave("chen")
    sync_full(database, synced)
    assert "chen" not in roster(database)
    assert "boss" in roster(database), "was never seen in WeCom: reported only"


def test_a_sync_whose_process_died_is_taken_up_after_its_lease(database: Database, book: Book):
    with database.transaction() as session:
        sync_id = request_sync(session, None).id
    assert database.in_transaction(_claim) is not None  # and then the process is gone
    assert run_syncs(database, book, Deadline(60)).done == 0
    with database.transaction() as session:
        timer = session.scalars(select(Timer).where(Timer.lane == str(Lane.ORGANISATION))).one()
        earlier = timer.due_at - LEASE - timedelta(seconds=1)
        clear_timers(session, [TimerKey(timer.lane, timer.due_at, sync_id)])
        session.execute(update(OrganisationSync).values(next_due_at=earlier))
        set_timers(session, [(TimerKey(Lane.ORGANISATION, earlier, sync_id), None)])
    assert run_syncs(database, book, Deadline(60)).done == 1
    assert sync_of(database, sync_id).state == "ready"
    with database.reading() as session:
        assert session.scalars(select(Timer).where(Timer.lane == str(Lane.ORGANISATION))).all() == []


def test_a_plan_cannot_be_applied_twice_or_before_it_is_there(database: Database, book: Book):
    with database.transaction() as session:
        sync_id = request_sync(session, None).id
    with pytest.raises(Conflict, match="sync_not_ready"):
        apply_full(database, book, sync_id)
    run_syncs(database, book, Deadline(60))
    assert apply_full(database, book, sync_id) == "applied"
    with pytest.raises(Conflict, match="sync_not_ready"):
        apply_full(database, book, sync_id)


def test_only_the_latest_plans_are_kept(database: Database, book: Book):
    ids = [plan_full(database, book) for _ in range(12)]
    kept = [sync_of(database, each).plan is not None for each in ids]
    assert kept == [False, False] + [True] * 10
