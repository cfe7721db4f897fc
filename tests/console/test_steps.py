"""Why each step ended as it did: by day and reason, the members behind a count, one member's history."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.db import Database
from app.worklist.attention import pause
from app.worklist.models import WorkState
from tests.faces.chain import Chain
from tests.faces.crowd import add_tasks
from tests.faces.waiting import let_chen_wait
from tests.faces.web import JSON, PAGE, sign_in


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "zhaohq", "/console/")


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path.replace("&amp;", "&"), headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def counts(text: str) -> dict[str, tuple[str, int]]:
    """Reason → the address behind its count, and the count."""
    row = re.compile(r'<td [^>]+>([^<]+)</td><td [^>]+><a href="(/console/steps[^"]+)">([\d,]+)</a>')
    return {reason: (path, int(number)) for reason, path, number in row.findall(text)}


def test_the_day_by_outcome_and_reason_and_the_members_behind_each_count(client: FlaskClient):
    found = counts(page(client, "/console/"))
    assert {number for _, number in found.values()} == {1, 6}
    assert len(found) == 6
    for path, number in found.values():
        text = page(client, path)
        assert f"共 {number} 步" in text
        assert len(re.findall(r'href="/console/members/[a-z0-9]+"', text)) == number


def test_the_branch_narrows_both(client: FlaskClient):
    found = counts(page(client, "/console/?branch=华东"))
    assert [number for _, number in found.values()] == [1]
    ((path, _),) = found.values()
    text = page(client, path)
    assert "吴桐" in text
    assert "林晓雯" not in text


def test_what_is_due_and_waits_stands_with_what_it_waits_for_and_opens_its_list(
    client: FlaskClient, chain: Chain, database: Database
):
    assert "还在等待" not in page(client, "/console/")
    let_chen_wait(database, chain)
    day = page(client, "/console/")
    assert "已到期，轮到就处理" in day
    with database.transaction() as session:
        pause(session, None)
    day = page(client, "/console/")
    assert "到期，还在等待" in day
    found = re.search(r'总部已暂停全部跟进</th><td [^>]+><a href="(/console/waiting[^"]+)">1</a>', day)
    assert found
    text = page(client, found[1])
    assert "在等这个的共 1 步" in text
    assert "陈国强" in text
    assert "30 天" in text
    elsewhere = page(client, "/console/?branch=华东")
    assert "还在等待" not in elsewhere


def test_a_member_shows_every_step_with_outcome_reason_and_proof(client: FlaskClient):
    day = page(client, "/console/")
    path = next(path for reason, (path, _) in counts(day).items() if "退货" in reason)
    member = re.search(r'href="(/console/members/[a-z0-9]+)"', page(client, path))
    assert member
    text = page(client, member[1])
    for expected in ("林晓雯", "李娜", "¥5,697.50", "只知道购买日期", "合并", "这笔购买已退货", "待办"):
        assert expected in text


def test_long_lists_lead_on(app: Flask, client: FlaskClient, chain: Chain, database: Database):
    add_tasks(database, chain, 120)
    opened = next(path for path, number in counts(page(client, "/console/")).values() if number == 126)
    assert "第 1–50 条，共 126 条" in page(client, opened)
    assert "第 101–126 条，共 126 条" in page(client, f"{opened}&page=3")
    assert "这一页没有了，共 126 条" in page(client, f"{opened}&page=9")


def test_a_persons_open_tasks_come_first_however_many_are_done(
    app: Flask, client: FlaskClient, chain: Chain, database: Database
):
    add_tasks(database, chain, 230, state=WorkState.DONE)
    refs = app.extensions["public_ids"]
    store, lina = refs.encode("store", chain.stores["S1"]), refs.encode("associate", chain.people["lina"])
    path = f"/console/stores/{store}/people/{lina}"
    text = page(client, path)
    assert text.count('pill">待办') == 3
    assert "第 1–100 条，共 234 条" in text
    assert "第 201–234 条，共 234 条" in page(client, f"{path}?page=3")
    assert "/console/members/" in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/steps", 422),
        ("/console/steps?outcome=opened&reason=because", 422),
        ("/console/steps?outcome=opened&reason=due&page=0", 422),
        ("/console/waiting", 422),
        ("/console/waiting?held_by=nothing", 422),
        ("/console/members/aaaaaaaaaaaaa", 404),
        ("/console/members/1", 404),
        ("/console/imports?before=1", 404),
    ],
)
def test_wrong_addresses_are_refused(client: FlaskClient, path: str, status: int):
    assert client.get(path, headers=JSON).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/console/steps?outcome=opened&reason=due",
        "/console/waiting?held_by=pause",
        "/console/members/aaaaaaaaaaaaa",
    ],
)
def test_only_headquarters_may_look(app: Flask, path: str):
    assert sign_in(app, "wangwei", "/console/").get(path, headers=JSON).status_code == 403
