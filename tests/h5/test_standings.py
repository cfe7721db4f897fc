"""Why a chat shows no member: deleted by the customer, half added, or nobody's; none of these offers a send."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.associates.queries import Actor, find_actor_by_userid
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.ids import new_id
from app.members.models import ContactBinding, ExternalContact
from app.members.queries import Bond, find_bonds
from app.worklist.models import WorkItem
from tests.faces.chain import Chain
from tests.faces.greetings import add_greeting
from tests.faces.web import PAGE, sign_in

DAY = timedelta(days=1)
DELETED_YOU, HALF, NOT_YOURS = "顾客已删除你", "对方的申请还没有通过", "这不是你的客户"
LOST = {"lost_at": 1}
HALF_ADDED = {"is_half": True, "bound_at": None, "half_at": 0}
# Columns of a binding, instants as days after it was bound, and how it stands then.
STANDINGS: dict[str, tuple[dict[str, Any], Bond]] = {
    "contacts": ({}, Bond.LIVE),
    "deleted by the customer": (LOST, Bond.LOST),
    "deleted in the second they were added": ({"lost_at": 0}, Bond.LOST),
    "deleted by the customer and added again": ({"lost_at": -1}, Bond.LIVE),
    "half added": (HALF_ADDED, Bond.HALF),
    "deleted by the customer, who asks again": (LOST | {"half_at": 2}, Bond.HALF),
    "half added, and the customer left": (HALF_ADDED | LOST | {"is_half": False, "ended_at": 1}, Bond.LOST),
    "deleted by the associate": ({"deleted_at": 1, "ended_at": 1}, Bond.NONE),
    "deleted by both, the associate last": (LOST | {"deleted_at": 2, "ended_at": 2}, Bond.NONE),
    "no longer shown, and lost long before that": ({"lost_at": -1, "ended_at": 2}, Bond.NONE),
}


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def put(database: Database, contact: str, **columns: Any) -> None:
    """Change the only binding of a contact; instants are days after it was bound."""
    with database.transaction() as session:
        query = select(ContactBinding).join(
            ExternalContact, ExternalContact.id == ContactBinding.external_contact_id
        )
        row = session.scalars(query.where(ExternalContact.external_userid == contact)).one()
        since = row.bound_at
        assert since is not None
        for name, value in columns.items():
            setattr(row, name, _instant(since, name, value))


def _instant(since: datetime, name: str, value: Any) -> Any:
    return since + value * DAY if name.endswith("_at") and value is not None else value


def bind(database: Database, chain: Chain, contact: str, userid: str, **columns: Any) -> None:
    """One more person who has, or had, the contact."""
    with database.transaction() as session:
        query = select(ExternalContact.id).where(ExternalContact.external_userid == contact)
        since = clock.now(session) - 10 * DAY
        row = ContactBinding(
            id=new_id(session),
            associate_id=chain.people[userid],
            external_contact_id=session.scalars(query).one(),
            bound_at=since,
        )
        for name, value in columns.items():
            setattr(row, name, _instant(since, name, value))
        session.add(row)


def part(app: Flask, userid: str, contact: str, **headers: str) -> str:
    """What the sidebar shows of a chat."""
    client = sign_in(app, userid)
    answer = client.get("/h5/member", query_string={"contact": contact}, headers={**PAGE, **headers})
    assert answer.status_code == 200
    return answer.text


def actor_of(database: Database, userid: str) -> Actor:
    with database.reading() as session:
        actor = find_actor_by_userid(session, userid)
    assert actor is not None
    return actor


@pytest.mark.parametrize("name", STANDINGS)
def test_how_a_contact_stands_follows_from_what_wecom_told(database: Database, chain: Chain, name: str):
    columns, expected = STANDINGS[name]
    put(database, "wmXiaowen", **columns)
    for userid in ("lina", "wangwei", "zhaohq"):
        actor = actor_of(database, userid)
        with database.reading() as session:
            bonds = find_bonds(session, actor, ["wmXiaowen", "wm-no-such"])
        assert [(key, each.bond) for key, each in bonds.items()] == [("wmXiaowen", expected)]
        assert bonds["wmXiaowen"].associate_name == (None if userid == "lina" else "李娜")


@pytest.mark.parametrize("userid", ["hejia", "chenjie"])
def test_who_has_nothing_to_do_with_a_contact_learns_nothing(database: Database, chain: Chain, userid: str):
    put(database, "wmXiaowen", **LOST)
    with database.reading() as session:
        assert find_bonds(session, actor_of(database, userid), ["wmXiaowen"]) == {}


@pytest.mark.parametrize("contact", ["wmXiaowen", "wmNobody"])
@pytest.mark.parametrize(
    ("columns", "says", "how"),
    [
        (LOST, DELETED_YOU, ["重新添加后才能联系", "再扫一次你的企业微信二维码"]),
        (HALF_ADDED, HALF, ["先在企业微信里通过", "再回来"]),
        ({"deleted_at": 1, "ended_at": 1}, NOT_YOURS, ["如果刚刚添加，请稍后再试"]),
    ],
)
def test_the_page_says_which_it_is_and_what_to_do(
    app: Flask, database: Database, contact: str, columns: dict[str, Any], says: str, how: list[str]
):
    put(database, contact, **columns)
    text = part(app, "lina", contact)
    assert [title for title in (DELETED_YOU, HALF, NOT_YOURS) if title in text] == [says]
    assert all(sentence in text for sentence in how)
    assert "data-send" not in text
    assert "林晓雯" not in text


@pytest.mark.parametrize(
    ("columns", "says"), [(LOST, "顾客已删除李娜"), (HALF_ADDED, "对方加李娜的申请还没有通过")]
)
def test_a_manager_reads_of_whom_it_is_said(
    app: Flask, database: Database, columns: dict[str, Any], says: str
):
    put(database, "wmXiaowen", **columns)
    text = part(app, "wangwei", "wmXiaowen")
    assert says in text
    assert DELETED_YOU not in text
    assert "data-send" not in text


def test_who_was_deleted_sends_nothing_though_a_colleague_is_still_a_contact(
    app: Flask, database: Database, chain: Chain
):
    """A manager's own chat: they still read the member, whom their associate has."""
    bind(database, chain, "wmXiaowen", "wangwei", **LOST)
    take_over(database, chain)
    text = part(app, "wangwei", "wmXiaowen")
    assert "林晓雯" in text
    assert "data-send" not in text
    assert "已不在你的企业微信联系人里" in text
    bind(database, chain, "wmNobody", "wangwei", **LOST)
    assert DELETED_YOU in part(app, "wangwei", "wmNobody")


def take_over(database: Database, chain: Chain) -> None:
    """The manager is to do the member's tasks."""
    with database.transaction() as session:
        for name in ("thanks", "fit"):
            task = session.get_one(FollowUpTask, chain.tasks[name])
            session.get_one(WorkItem, task.work_item_id).assignee_id = chain.people["wangwei"]


@pytest.mark.parametrize(
    ("columns", "looks"), [(LOST, ""), (HALF_ADDED, "3 6 12"), ({"ended_at": 1, "deleted_at": 1}, "3")]
)
def test_only_what_may_pass_by_itself_is_looked_at_again(
    app: Flask, database: Database, columns: dict[str, Any], looks: str
):
    put(database, "wmXiaowen", **columns)
    text = part(app, "lina", "wmXiaowen")
    assert ("data-look-again" in text) == bool(looks)
    assert not looks or f'data-look-again="{looks}"' in text


def test_a_member_and_a_known_contact_are_not_looked_at_again(app: Flask):
    for contact in ("wmXiaowen", "wmNobody"):
        assert "data-look-again" not in part(app, "lina", contact)


@pytest.mark.parametrize("columns", [LOST, HALF_ADDED, {"deleted_at": 1, "ended_at": 1}])
def test_a_greeting_to_who_is_no_contact_any_more_is_not_to_be_sent(
    app: Flask, database: Database, chain: Chain, columns: dict[str, Any]
):
    add_greeting(database, chain)
    assert "data-send" in part(app, "lina", "wmNobody")
    put(database, "wmNobody", **columns)
    text = part(app, "lina", "wmNobody")
    assert "data-send" not in text
    assert "greetings/" not in text


@pytest.mark.parametrize(("columns", "opens"), [({}, True), (HALF_ADDED, True), (LOST, False)])
def test_the_worklist_opens_no_chat_with_who_deleted_the_associate(
    app: Flask, database: Database, chain: Chain, columns: dict[str, Any], opens: bool
):
    """A half-added one's chat is where the request is accepted."""
    add_greeting(database, chain)
    put(database, "wmNobody", **columns)
    page = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    card = page.partition('data-task="greetings/')[2].partition("</section>")[0]
    assert ("data-chat disabled" not in card) == opens
    assert ("已不在你的企业微信联系人里" not in card) == opens
    assert "data-invited" in card


def test_the_reasons_are_there_in_english(app: Flask, database: Database):
    put(database, "wmXiaowen", **LOST)
    put(database, "wmChen", **HALF_ADDED)
    english = {"Accept-Language": "en"}
    assert "This customer has deleted you" in part(app, "lina", "wmXiaowen", **english)
    assert "request is not accepted yet" in part(app, "lina", "wmChen", **english)
