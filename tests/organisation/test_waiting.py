"""What WeCom's console does not decide for HQ: which kind a department is, and who becomes headquarters by the way."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.associates.models import Associate, Role
from app.db import Database
from app.ids import new_id
from app.lanes import Deadline
from app.organisation.models import OrganisationSync
from app.organisation.queries import latest_syncs, waiting_departments
from app.organisation.rules import Kind
from app.organisation.running import run_syncs
from app.organisation.service import choose, request_unattended
from tests.organisation.book import Book, hear, plan_full, roster, shown, stores, sync_full, sync_of


@pytest.fixture
def synced(database: Database, book: Book) -> Book:
    book.department(5, "后勤组", 1)
    book.put("porter", 5)
    sync_full(database, book)
    book.events.clear()
    return book


def hear_all(database: Database, book: Book) -> None:
    while book.events:
        hear(database, book, book.events.pop(0))


def night(database: Database, book: Book) -> str:
    """The nightly sync; the state it ends in."""
    with database.transaction() as session:
        request_unattended(session)
    run_syncs(database, book, Deadline(60))
    with database.reading() as session:
        return str(latest_syncs(session)[0].state)


def waiting(database: Database) -> dict[str, tuple[Kind, Kind]]:
    """Department → what it stands for, what it would be."""
    with database.reading() as session:
        return {each.name: (each.stands_for, each.wants) for each in waiting_departments(session)}


@pytest.mark.parametrize("name", ["总部", "总公司", "集团", "HQ"])
def test_a_stores_new_name_makes_nobody_headquarters(database: Database, synced: Book, name: str):
    before = roster(database)
    synced.department(32, name, 3)
    hear_all(database, synced)
    assert night(database, synced) == "applied"
    after = roster(database)
    assert {userid: role for userid, (_, role, _) in after.items()} == {
        userid: role for userid, (_, role, _) in before.items()
    }
    assert after["lin"] == ("Lin", "store_manager", name)
    assert waiting(database) == {name: (Kind.STORE, Kind.HEADQUARTERS)}


def test_an_offices_new_name_makes_nobody_headquarters_until_hq_chooses_it(database: Database, synced: Book):
    synced.department(5, "总部", 1)
    synced.change("porter", name="搬运工")
    hear_all(database, synced)
    assert night(database, synced) == "applied"
    assert "porter" not in roster(database)
    assert waiting(database) == {"总部": (Kind.IGNORED, Kind.HEADQUARTERS)}
    with database.transaction() as session:
        choose(session, {5: Kind.HEADQUARTERS})
    sync_full(database, synced)
    assert roster(database)["porter"] == ("搬运工", "hq", "")
    assert waiting(database) == {}


def test_a_new_department_is_headquarters_only_when_hq_says_so(database: Database, synced: Book):
    synced.department(6, "集团", 1)
    synced.put("boss", 6)
    hear_all(database, synced)
    assert night(database, synced) == "applied"
    assert shown(database, plan_full(database, synced)).is_empty
    assert "boss" not in roster(database)
    assert waiting(database) == {"集团": (Kind.IGNORED, Kind.HEADQUARTERS)}


def test_a_new_store_stays_one_whatever_it_is_called_later(database: Database, synced: Book):
    synced.department(43, "罗湖店", 4)
    synced.put("new", 43)
    hear_all(database, synced)
    synced.department(43, "仓储组", 4)
    hear_all(database, synced)
    assert roster(database)["new"] == ("New", "associate", "仓储组")
    assert waiting(database) == {"仓储组": (Kind.STORE, Kind.IGNORED)}


def test_a_department_moved_below_headquarters_raises_nobody_by_itself(database: Database, synced: Book):
    """The group is mapped by nobody: whatever is above it covers it."""
    synced.department(311, "收银组", 31)
    synced.put("till", 311)
    hear_all(database, synced)
    synced.department(311, "收银组", 2)
    synced.change("till", name="收银员")
    for event in (*synced.events, *synced.events):
        hear(database, synced, event)
    assert roster(database)["till"][1] == "associate"
    run_syncs(database, synced, Deadline(60))
    with database.reading() as session:
        asked = session.scalars(select(OrganisationSync).order_by(OrganisationSync.id.desc())).first()
    assert asked is not None
    assert (asked.state, [change.userid for change in shown(database, asked.id).raised()]) == (
        "ready",
        ["till"],
    )
    assert night(database, synced) == "ready"


def test_who_is_put_into_headquarters_by_hand_in_wecom_is_there_at_once(database: Database, synced: Book):
    synced.change("chen", department_ids=(2,))
    hear_all(database, synced)
    assert roster(database)["chen"] == ("Chen", "hq", "")


def test_a_night_that_would_raise_somebody_waits(database: Database, synced: Book):
    synced.change("chen", department_ids=(2,))
    assert night(database, synced) == "ready"
    assert roster(database)["chen"][1] == "associate"


def test_before_the_first_plan_is_applied_names_propose(database: Database, book: Book):
    assert waiting(database) == {}
    plan_full(database, book)
    assert waiting(database) == {}


def test_the_people_of_a_store_without_a_branch_wait_for_it(database: Database, synced: Book):
    with database.transaction() as session:
        choose(session, {1: Kind.IGNORED})
    synced.department(7, "快闪店", 1)
    synced.put("pop", 7, leads=True)
    synced.change("chen", department_ids=(7,), leads=frozenset({7}))
    before = roster(database)
    hear_all(database, synced)
    assert roster(database) == before
    assert "快闪店" not in stores(database)
    sync_id = plan_full(database, synced)
    assert shown(database, sync_id).without_branch == ("快闪店",)
    assert sync_of(database, sync_id).state == "ready"
    with database.reading() as session:
        managers = select(Associate).where(Associate.role == Role.STORE_MANAGER, Associate.store_id.is_(None))
        assert session.scalars(managers).all() == []


def test_no_manager_can_be_kept_without_a_store(database: Database):
    with pytest.raises(Exception, match=r"(?i)constraint"), database.transaction() as session:
        session.add(Associate(id=new_id(session), wecom_userid="x", name="X", role=Role.STORE_MANAGER))
