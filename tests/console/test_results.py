"""效果: what follow-ups bring, what may be said of it, and the people behind each number."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Arm, Evidence
from tests.faces.chain import Chain
from tests.faces.crowd import add_tasks
from tests.faces.measured import book, count, tell
from tests.faces.web import JSON, PAGE, sign_in
from tests.follow_ups.measuring.worlds import CONSTANT, NOTHING, live


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; their queries where they live, on both."""
    return "sqlite"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "zhaohq", "/console/")


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path.replace("&amp;", "&"), headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def plan_path(client: FlaskClient) -> str:
    found = re.search(r'href="(/console/results/[a-z0-9]{13})\?', page(client, "/console/results"))
    assert found
    return found[1]


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_only_headquarters_may_look(app: Flask, userid: str):
    client = sign_in(app, userid, "/console/")
    for path in ("/console/results", "/console/results/members?side=treated"):
        assert client.get(path, headers=PAGE).status_code == 403


def test_without_data_the_pages_say_so(client: FlaskClient):
    text = page(client, "/console/results")
    assert text.count("还没有数据：还没有会员观察满这么久。") == 5
    assert text.count("<dd>–<small>还没有数据：还没有会员观察满这么久。</small>") == 2
    assert "还没有统计过" in text
    path = plan_path(client)
    assert "没有数据：这个月没有归因的购买。" in page(client, path)
    for later in (path, f"{path}/sales"):
        assert "没有数据：这个月没有归因的购买。" in page(client, f"{later}?month=9999-12-31"), (
            "to come: this one"
        )
    assert "没有更多了" in page(client, "/console/results/members?side=treated")


def test_an_effect_is_told_with_both_sides_its_intervals_and_what_may_be_said(
    client: FlaskClient, database: Database
):
    rows = live(replace(CONSTANT, members=1000), 0)
    tell(database, rows, None)
    text = page(client, plan_path(client))
    treated = [row for row in rows if row.arm is Arm.TREATED]
    buyers, members = sum(row.buyers for row in treated), sum(row.members for row in treated)
    assert f"{buyers:,} / {members:,}" in text
    assert f"{100 * buyers / members:.1f}%" in text
    assert "跟进带来了更多。" in text
    assert "每位导购每周多卖（件）" in text
    assert re.search(r"<dd>\+[\d,.]+<small>\+?-?[\d,.]+ … \+[\d,.]+</small>", text)
    assert "不进入本计划的对照会员" in text


def test_what_one_look_would_say_is_not_said_of_every_look_and_how_many_it_takes_is(
    client: FlaskClient, database: Database
):
    """The interval for one look is above zero, the one that holds for all looks is not."""
    tell(database, live(CONSTANT, 0), None)
    text = page(client, plan_path(client))
    assert "看上去是多了。 还看不出来：对照组至少还要 2,010 人次，跟进组还要 11,162 人次。" in text
    assert "跟进带来了更多。" not in text
    assert re.search(r"<dd>还看不出来<small>-[\d.]+ … \+[\d.]+</small>", text)


def test_no_difference_among_many_is_no_shortage_of_members(client: FlaskClient, database: Database):
    tell(database, live(replace(NOTHING, members=3000), 1), None)
    assert "看不出差别；若真有 3 个百分点，这些人数已足以看出。" in page(client, plan_path(client))


def test_a_handful_is_told_what_is_missing_before_there_is_an_interval(
    client: FlaskClient, database: Database
):
    tell(database, live(CONSTANT, 1)[:4], None)
    text = page(client, plan_path(client))
    assert "还看不出来：两组都有会员的门店有 2 家，至少要 5 家。" in text
    assert "要看出 3 个百分点的差别" in text
    assert text.count("<dd>–<small>还看不出来：两组都有会员的门店有 2 家，至少要 5 家。") == 2


def test_what_is_counted_is_called_a_stretch_of_a_member_and_said_what_that_is(
    client: FlaskClient, database: Database
):
    """All stretches stand in the funnel, some in the comparison: never under one name."""
    tell(database, live(CONSTANT, 0), None)
    text = page(client, plan_path(client))
    assert "一个人次是一位会员的 30 天" in text
    assert "只对比全程设有对照组的人次" in text
    headings = re.findall(r'<th scope="(?:col|row)"[^>]*>([^<]*跟进组[^<]*)</th>', text)
    assert headings == ["占跟进组", "跟进组（人次）", "参与对比的跟进组（人次）"]


def test_all_plans_are_compared_with_those_kept_out_of_everything(client: FlaskClient, database: Database):
    rows = live(CONSTANT, 0)
    tell(database, [row for row in rows if row.arm is Arm.TREATED], 0)
    text = page(client, "/console/results")
    assert "没有全局对照组" in text
    assert text.count("<dd>–<small>没有对照组，无从比较。</small>") == 2
    assert "跟进带来了更多。" not in text


def test_every_count_opens_as_many_people(app: Flask, client: FlaskClient, chain: Chain, database: Database):
    add_tasks(database, chain, 130)
    with database.transaction() as session:
        session.execute(update(FollowUpTask).values(evidence=Evidence.SELF_DECLARED))
    count(database)
    for start in ("/console/results", plan_path(client)):
        text = page(client, start)
        links = re.findall(r'class="number"><a href="([^"]+/members\?[^"]+)"[^>]*>([\d,]+)</a>', text)
        assert len(links) == 5
        assert int(links[0][1]) > 130
        for path, number in links:
            assert people_behind(client, path) == int(number), path


def people_behind(client: FlaskClient, path: str) -> int:
    """How many rows the list has, page by page."""
    rows = 0
    while True:
        text = page(client, path)
        rows += len(re.findall(r'<th [^>]+><a href="/console/members/[a-z0-9]+"', text))
        further = re.search(r'<a href="(\?[^"]+after=[^"]+)">继续', text)
        if further is None:
            return rows
        path = path.partition("?")[0] + further[1]


def test_attributed_sums_open_their_entries_and_refunds_are_taken_off(
    app: Flask, client: FlaskClient, chain: Chain, database: Database
):
    book(database, chain, [(0, 30_000, Evidence.CLIENT_REPORTED), (7, -10_000, Evidence.CLIENT_REPORTED)])
    book(database, chain, [(0, 5_000, Evidence.SELF_DECLARED)], task=2)
    path = plan_path(client)
    text = page(client, path)
    assert "¥350" in text
    assert "¥250" in text
    assert "购后致谢" in text
    strict = page(client, f"{path}?evidence=client_reported")
    assert "¥350" not in strict
    assert "¥200" in strict
    for link in re.findall(r'<a href="([^"]+/sales\?[^"]+)"', text):
        entries = page(client, link)
        assert "林晓雯" in entries
        assert "净额 ¥250" in entries
        assert entries.count('<tr role="row"><th') == 1 + 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/results?window=31", 422),
        ("/console/results?span=0", 422),
        ("/console/results/members", 422),
        ("/console/results/members?side=left", 422),
        ("/console/results/members?side=treated&after=1", 404),
        ("/console/results/aaaaaaaaaaaaa", 404),
        ("/console/results/1/sales", 404),
    ],
)
def test_wrong_addresses_are_refused(client: FlaskClient, path: str, status: int):
    assert client.get(path, headers=JSON).status_code == status
