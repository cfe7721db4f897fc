"""Long lists say what they leave out and lead on; a day is the store's; a member's page is for who looks after them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.members.models import Member
from app.orders.models import MemberPurchases
from app.worklist.models import WorkItem, WorkState
from tests.faces.chain import Chain
from tests.faces.crowd import add_tasks
from tests.faces.web import JSON, PAGE, sign_in
from tests.h5.test_toolbar import member_part

NAME = re.compile(r"<h2><a[^>]*><bdi>([^<]+)")


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def member_path(app: Flask, chain: Chain, name: str) -> str:
    ref = app.extensions["public_ids"].encode("member", chain.members[name])
    return f"/h5/members/{ref}"


def test_a_long_worklist_counts_everything_and_leads_on_to_the_last_task(
    app: Flask, chain: Chain, database: Database
):
    add_tasks(database, chain, 247)
    client, path, seen = sign_in(app, "lina"), "/h5/worklist", []
    while path:
        text = page(client, path)
        assert "还有 250 件" in text
        seen.append(NAME.findall(text))
        onward = re.search(r'href="(/h5/worklist\?after=[a-z0-9]+)"', text)
        path = onward[1] if onward else ""
    assert [len(names) for names in seen] == [100, 100, 50]
    assert len({name for names in seen for name in names if name.startswith("会员")}) == 247
    assert "显示前 100 件" in page(client, "/h5/worklist")


def test_the_important_come_first_on_every_page(app: Flask, chain: Chain, database: Database):
    add_tasks(database, chain, 247)
    text = page(sign_in(app, "lina"), "/h5/worklist")
    numbers = [int(name.removeprefix("会员")) for name in NAME.findall(text) if name.startswith("会员")]
    important = [number for number in numbers if number % 3 == 0]
    assert len(important) == 83
    assert numbers[: len(important)] == important


def test_a_page_that_began_at_a_task_done_meanwhile_goes_on_behind_it(
    app: Flask, chain: Chain, database: Database
):
    add_tasks(database, chain, 150)
    client = sign_in(app, "lina")
    onward = re.search(r'href="(/h5/worklist\?after=([a-z0-9]+))"', page(client, "/h5/worklist"))
    assert onward
    before = NAME.findall(page(client, onward[1]))
    with database.transaction() as session:
        task = session.get_one(FollowUpTask, app.extensions["public_ids"].decode("task", onward[2]))
        item = session.get_one(WorkItem, task.work_item_id)
        item.state, item.closed_at = WorkState.DONE, clock.now(session)
    assert NAME.findall(page(client, onward[1])) == before


@pytest.mark.parametrize("query", ["after=x", "after=" + "a" * 13, "page=2"])
def test_a_page_that_is_not_there(app: Flask, chain: Chain, query: str):
    answer = sign_in(app, "lina").get(f"/h5/worklist?{query}", headers=JSON)
    assert answer.status_code == (422 if "page" in query else 404)


def test_done_today_begins_at_the_stores_midnight(app: Flask, chain: Chain, database: Database):
    """It is 13:00 in the store: what was done yesterday at 18:00 is 19 hours ago, and yesterday's."""
    with database.transaction() as session:
        task = session.get_one(FollowUpTask, chain.tasks["done"])
        session.get_one(WorkItem, task.work_item_id).closed_at = clock.now(session) - timedelta(hours=19)
    client = sign_in(app, "lina")
    assert "今天已完成 0 件" in page(client, "/h5/worklist")
    assert "今天结束的" not in member_part(client, "wmChen")


@pytest.mark.parametrize(
    ("userid", "name", "status"),
    [
        ("lina", "xiaowen", 200),
        ("lina", "zhoumin", 200),
        ("wangwei", "zhoumin", 200),
        ("hejia", "xiaowen", 404),
        ("hejia", "zhoumin", 200),
        ("chenjie", "zhoumin", 404),
        ("wangwei", "other", 404),
        ("chenjie", "other", 200),
    ],
)
def test_a_member_is_open_to_the_owner_the_assignee_and_the_stores_manager(
    app: Flask, chain: Chain, userid: str, name: str, status: int
):
    """hejia neither owns 周敏 nor has an open task, but one of hers ended today."""
    answer = sign_in(app, userid).get(member_path(app, chain, name), headers=JSON)
    assert answer.status_code == status
    if status == 404:
        assert answer.get_json()["place"] in member_path(app, chain, name)
        assert str(chain.members[name]) not in answer.text


def test_a_member_who_is_not_in_wecom_has_a_page_with_every_reason(
    app: Flask, chain: Chain, database: Database
):
    client = sign_in(app, "lina")
    linked = re.findall(r'href="(/h5/members/[a-z0-9]+)"', page(client, "/h5/worklist"))
    assert member_path(app, chain, "zhoumin") in linked
    text = page(client, member_path(app, chain, "zhoumin"))
    for expected in ("周敏", "每一步的结果", "已过截止时间", "data-invited"):
        assert expected in text
    assert "data-send" not in page(client, member_path(app, chain, "xiaowen"))
    assert "去聊天" in page(client, member_path(app, chain, "xiaowen"))


def test_spending_below_zero_is_explained(app: Flask, chain: Chain, database: Database):
    assert "含无对应购买的退款" not in member_part(sign_in(app, "lina"), "wmChen")
    with database.transaction() as session:
        session.get_one(MemberPurchases, chain.members["chen"]).refunded_fen = 99_900
    text = member_part(sign_in(app, "lina"), "wmChen")
    assert "-¥300" in text
    assert "含无对应购买的退款" in text


def test_a_managers_names_and_numbers_open_the_tasks_of_a_person(
    app: Flask, chain: Chain, database: Database
):
    add_tasks(database, chain, 120)
    client = sign_in(app, "wangwei")
    worklist = page(client, "/h5/worklist")
    paths = re.findall(r'href="(/h5/people/[a-z0-9]+(?:\?state=\w+)?)"', worklist)
    lina = next(path for path in paths if "李娜" in page(client, path) and "?" not in path)
    assert {f"{lina}?state={state}" for state in ("done", "open", "expired")} <= set(paths)
    text = page(client, lina)
    assert "第 1–100 条，共 124 条" in text
    assert "陈国强" in page(client, f"{lina}?page=2")
    assert "陈国强" in page(client, f"{lina}?state=done")
    assert "林晓雯" not in page(client, f"{lina}?state=done")


@pytest.mark.parametrize(
    ("userid", "of", "status"),
    [
        ("wangwei", "hejia", 200),
        ("wangwei", "chenjie", 404),
        ("wangwei", "zhaohq", 404),
        ("lina", "hejia", 403),
    ],
)
def test_only_a_manager_looks_at_people_and_only_at_their_own(
    app: Flask, chain: Chain, userid: str, of: str, status: int
):
    ref = app.extensions["public_ids"].encode("associate", chain.people[of])
    assert sign_in(app, userid).get(f"/h5/people/{ref}", headers=JSON).status_code == status


def test_a_member_handed_over_is_no_longer_the_former_owners(app: Flask, chain: Chain, database: Database):
    with database.transaction() as session:
        session.get_one(Member, chain.members["chen"]).owner_id = chain.people["hejia"]
        task = session.get_one(FollowUpTask, chain.tasks["done"])
        session.get_one(WorkItem, task.work_item_id).closed_at = clock.now(session) - timedelta(days=2)
    path = member_path(app, chain, "chen")
    assert sign_in(app, "lina").get(path, headers=JSON).status_code == 404
    assert sign_in(app, "hejia").get(path, headers=JSON).status_code == 200
