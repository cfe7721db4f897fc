"""The console's page of the attention budget: limits, pausing everything, and what was more than people could do."""

from __future__ import annotations

import re
from datetime import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.associates.models import Associate
from app.console.attention_hours import minutes_left
from app.db import Database, insert_rows
from app.errors import Invalid
from app.follow_ups.plans.versions import publish
from app.worklist.attention import read_budget
from app.worklist.editing import latest_shares, set_hold_out
from app.worklist.models import Overflow, OverflowKind, WorkItem
from tests.faces.chain import Chain
from tests.faces.web import PAGE, sign_in
from tests.world import PLAN

FORM = {
    "quiet_from": "21:30",
    "quiet_until": "09:00",
    "cap_days": "14",
    "cap_touches": "3",
    "daily_capacity": "40",
    "urge_after_minutes": "120",
    "escalate_after_minutes": "600",
}


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; their queries where they live, on both."""
    return "sqlite"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "zhaohq", "/console/")


def person_id(database: Database, userid: str) -> int:
    with database.reading() as session:
        return session.scalars(select(Associate.id).where(Associate.wecom_userid == userid)).one()


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="(\w+)"', client.get("/console/attention", headers=PAGE).text)
    assert found
    return found[1]


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_only_headquarters_may_look(app: Flask, userid: str):
    assert sign_in(app, userid, "/console/").get("/console/attention", headers=PAGE).status_code == 403


def test_headquarters_changes_the_limits_and_it_stands_there_who_did(client: FlaskClient, database: Database):
    answer = client.post("/console/attention", data=FORM | {"csrf_token": token(client)}, headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/console/attention")
    with database.reading() as session:
        budget = read_budget(session)
    assert (budget.daily_capacity, budget.cap_touches, budget.cap_days) == (40, 3, 14)
    assert f"{budget.quiet_from:%H:%M} {budget.quiet_until:%H:%M}" == "21:30 09:00"
    page = client.get("/console/attention", headers=PAGE).text
    assert 'value="40"' in page
    assert re.search(r"赵敏 于 .*修改", page)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("daily_capacity", "0"),
        ("cap_days", "91"),
        ("quiet_from", "25:00"),
        ("urge_after_minutes", "x"),
        ("hold_out_per_mille", "50"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    client: FlaskClient, database: Database, field: str, value: str
):
    with database.reading() as session:
        before = read_budget(session)
    sent = FORM | {"csrf_token": token(client), field: value}
    assert client.post("/console/attention", data=sent, headers=PAGE).status_code == 422
    with database.reading() as session:
        assert read_budget(session) == before


def quiet(client: FlaskClient, begin: str, end: str, **more: str) -> tuple[int, str]:
    sent = FORM | {"csrf_token": token(client), "quiet_from": begin, "quiet_until": end, **more}
    answer = client.post("/console/attention", data=sent, headers=PAGE)
    return answer.status_code, answer.text


@pytest.mark.parametrize(("begin", "end"), [("08:00", "22:00"), ("00:00", "23:59"), ("10:00", "22:00")])
def test_quiet_hours_that_leave_a_store_no_time_are_refused_and_it_is_named(
    client: FlaskClient, database: Database, begin: str, end: str
):
    with database.reading() as session:
        before = read_budget(session)
    for confirmed in ({}, {"confirmed": "true"}):
        status, page = quiet(client, begin, end, **confirmed)
        assert status == 422
        assert "2 家门店将没有任何可派发的时间" in page
        assert "深圳万象城店" in page
        assert 'name="confirmed"' not in page
    with database.reading() as session:
        assert read_budget(session) == before


def test_quiet_hours_that_end_as_they_begin_are_refused_with_the_reason(client: FlaskClient):
    status, page = quiet(client, "10:00", "10:00")
    assert status == 422
    assert "结束时间与开始时间相同" in page


def test_what_leaves_a_store_little_is_saved_by_who_says_that_it_is_meant(
    client: FlaskClient, database: Database
):
    status, page = quiet(client, "20:30", "20:00")
    assert status == 422
    assert "2 家门店每天只剩不到两小时" in page
    assert page.count('class="number">30<') == 2
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)) | {
        "confirmed": "true"
    }
    assert client.post("/console/attention", data=sent, headers=PAGE).status_code == 303
    with database.reading() as session:
        budget = read_budget(session)
    assert f"{budget.quiet_from:%H:%M} {budget.quiet_until:%H:%M}" == "20:30 20:00"
    assert budget.daily_capacity == 40
    assert quiet(client, "20:30", "20:00", daily_capacity="41")[0] == 303, (
        "what is in force is not asked again"
    )


@pytest.mark.parametrize(
    ("opening", "quiet_hours", "minutes"),
    [
        ("10:00 22:00", "21:00 09:00", 11 * 60),
        ("10:00 22:00", "22:00 10:00", 12 * 60),
        ("10:00 22:00", "08:00 22:00", 0),
        ("10:00 22:00", "12:00 11:00", 60),
        ("18:00 02:00", "21:00 09:00", 3 * 60),
        ("18:00 02:00", "00:00 23:59", 1),
        ("09:00 09:00", "21:00 09:00", 12 * 60),
    ],
)
def test_what_quiet_hours_leave_of_a_day(opening: str, quiet_hours: str, minutes: int):
    assert minutes_left(*map(time.fromisoformat, f"{opening} {quiet_hours}".split())) == minutes


def test_the_share_kept_out_is_changed_by_who_has_read_what_that_means(
    client: FlaskClient, database: Database
):
    path = "/console/attention/hold-out"
    read = client.get(f"{path}?per_mille=40", headers=PAGE).text
    assert "从每千位 0 位改为 40 位" in read
    assert "已经开始的照旧" in read
    wanted = {"csrf_token": token(client), "per_mille": "40", "instead_of": "0"}
    assert client.post(path, data=wanted, headers=PAGE).status_code == 422, "not confirmed"
    wanted |= {"confirmed": "true"}
    assert client.post(path, data=wanted | {"per_mille": "201"}, headers=PAGE).status_code == 422
    assert client.post(path, data=wanted, headers=PAGE).status_code == 303
    assert client.post(path, data=wanted, headers=PAGE).status_code == 409, "somebody had changed it"
    with database.reading() as session:
        assert read_budget(session).hold_out_per_mille == 40
        (kept,) = latest_shares(session)
    page = client.get("/console/attention", headers=PAGE).text
    assert re.search(r'data-label="每千位" class="number">40</td><td[^>]*>赵敏<', page)
    assert (kept.per_mille, kept.began_by) == (40, person_id(database, "zhaohq"))


def test_no_plan_has_a_moment_while_anybody_is_kept_out(client: FlaskClient, database: Database):
    moment = {**PLAN, "steps": [{**PLAN["steps"][0], "channel": "moment"}]}
    with database.transaction() as session:
        publish(session, moment)
    page = client.get("/console/attention/hold-out?per_mille=40", headers=PAGE).text
    assert f"现在有朋友圈步骤的计划：{PLAN['name']}。" in page
    with database.transaction() as session:
        set_hold_out(session, 40, person_id(database, "zhaohq"), instead_of=0)
    for plan in (moment | {"name": "B"}, moment | {"hold_out": 5}):
        with database.transaction() as session, pytest.raises(Invalid) as refused:
            publish(session, plan)
        assert (refused.value.code, refused.value.place) == ("bad_plan", "steps[1].channel")


def test_one_act_pauses_everything_and_another_goes_on(client: FlaskClient, database: Database):
    assert client.post("/console/attention/pause", headers=PAGE).status_code == 403, "no token"
    for _ in range(2):
        client.post("/console/attention/pause", data={"csrf_token": token(client)}, headers=PAGE)
    with database.reading() as session:
        assert read_budget(session).paused_at is not None
    page = client.get("/console/attention", headers=PAGE).text
    assert re.search(r"赵敏 于 .* 暂停了全部跟进", page)
    client.post("/console/attention/resume", data={"csrf_token": token(client)}, headers=PAGE)
    with database.reading() as session:
        assert read_budget(session).paused_at is None
    page = client.get("/console/attention", headers=PAGE).text
    assert "全部暂停" in page
    assert page.count('data-label="恢复人">赵敏') == 1


def test_what_was_too_much_opens_its_list(client: FlaskClient, database: Database, chain: Chain):
    assert "每个人的任务都在能做的范围内" in client.get("/console/attention", headers=PAGE).text
    with database.transaction() as session:
        item = session.scalars(
            select(WorkItem).where(WorkItem.member_id.is_not(None)).order_by(WorkItem.id)
        ).first()
        assert item is not None
        row = {
            "work_item_id": item.id,
            "decided_at": clock.now(session),
            "kind": OverflowKind.DROPPED,
            "store_id": item.store_id,
            "associate_id": item.assignee_id,
            "rank": item.rank,
            "to_id": None,
            "until": None,
        }
        insert_rows(session, Overflow, [row])
    page = client.get("/console/attention", headers=PAGE).text
    link = re.search(r'href="(/console/attention/overflows\?[^"]+)">1<', page)
    assert link
    listed = client.get(link[1].replace("&amp;", "&"), headers=PAGE)
    assert listed.status_code == 200
    assert item.title in listed.text
    assert "放弃" in listed.text
