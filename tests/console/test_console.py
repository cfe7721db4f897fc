"""The console: who may look, worst first, and everything behind a number."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app import clock
from app.associates.models import Associate
from app.db import Database
from tests.faces.chain import Chain
from tests.faces.web import JSON, PAGE, sign_in


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; their queries where they live, on both."""
    return "sqlite"


PAGES = ["/console/", "/console/imports", "/console/quarantine"]


@pytest.mark.parametrize("userid", ["lina", "wangwei", "chenjie"])
@pytest.mark.parametrize("path", PAGES)
def test_only_headquarters_may_look(app: Flask, userid: str, path: str):
    answer = sign_in(app, userid, "/console/").get(path, headers=PAGE)
    assert answer.status_code == 403
    assert "not_for_this_role" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_anonymous_visitors_are_sent_to_the_qr_login(app: Flask, path: str):
    client = app.test_client()
    assert client.get(path, headers=PAGE).status_code == 302
    assert client.get(path, headers=JSON).status_code == 401


def test_a_toolbar_session_does_not_open_the_console(app: Flask):
    client = sign_in(app, "zhaohq", "/console/")
    toolbar = client.get("/h5/", headers=PAGE)
    assert toolbar.status_code == 302
    assert "/connect/oauth2/authorize" in toolbar.location


def test_stores_stand_worst_first_with_numerator_and_denominator(app: Flask):
    text = sign_in(app, "zhaohq", "/console/").get("/console/", headers=PAGE).text
    assert text.index("上海恒隆店") < text.index("深圳万象城店")
    assert "0 / 1" in text
    assert "1 / 5" in text


def test_a_store_opens_its_people_and_a_person_their_tasks(app: Flask):
    client = sign_in(app, "zhaohq", "/console/")
    page = client.get("/console/", headers=PAGE).text
    store = re.search(r'href="(/console/stores/[a-z0-9]+\?day=[\d-]+)">深圳万象城店', page)
    assert store
    people = client.get(store[1], headers=PAGE).text
    assert people.index("何佳") < people.index("李娜")
    person = re.search(r'href="(/console/stores/[^"]+)">李娜', people)
    assert person
    tasks = client.get(person[1], headers=PAGE).text
    assert tasks.index("林晓雯") < tasks.index("陈国强")
    assert "在侧边栏发送" in tasks


def test_the_branch_filter_stands_in_the_url(app: Flask):
    client = sign_in(app, "zhaohq", "/console/")
    text = client.get("/console/", query_string={"branch": "华南"}, headers=PAGE).text
    assert "深圳万象城店" in text
    assert "上海恒隆店" not in text


def test_a_day_without_follow_ups_says_so(app: Flask):
    text = sign_in(app, "zhaohq", "/console/").get("/console/?day=2020-01-01", headers=PAGE).text
    assert "这一天没有到期的跟进" in text
    assert "–" in text


def test_a_day_to_come_is_today(app: Flask):
    text = sign_in(app, "zhaohq", "/console/").get("/console/?day=2999-01-01", headers=PAGE).text
    assert "深圳万象城店" in text


@pytest.mark.parametrize("query", ["day=yesterday", "day=2026-13-01", "x=1", "day=2026-01-01&day=2026-01-02"])
def test_wrong_filters_are_refused(app: Flask, query: str):
    answer = sign_in(app, "zhaohq", "/console/").get(f"/console/?{query}", headers=JSON)
    assert answer.status_code == 422
    assert answer.get_json()["place"] in ("day", "x")


@pytest.mark.parametrize("path", ["/console/stores/aaaaaaaaaaaaa", "/console/stores/1"])
def test_ids_cannot_be_guessed(app: Flask, path: str):
    assert sign_in(app, "zhaohq", "/console/").get(path, headers=JSON).status_code == 404


def test_imports_show_how_far_they_came(app: Flask):
    text = sign_in(app, "zhaohq", "/console/").get("/console/imports", headers=PAGE).text
    for expected in ("online_retail_lines.csv", "12,431", "已完成", "31"):
        assert expected in text


def test_quarantined_events_stand_with_their_reason(app: Flask):
    text = sign_in(app, "zhaohq", "/console/").get("/console/quarantine", headers=PAGE).text
    assert "purchase:536414" in text
    assert "seller_unknown: LISI" in text


def test_headquarters_staff_who_left_are_out_at_once(app: Flask, database: Database, chain: Chain):
    client = sign_in(app, "zhaohq", "/console/")
    with database.transaction() as session:
        session.get_one(Associate, chain.people["zhaohq"]).ended_at = clock.now(session)
    assert client.get("/console/", headers=PAGE).status_code == 302


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31"])
def test_a_day_before_the_calendar_is_refused_in_words(app: Flask, day: str):
    client = sign_in(app, "zhaohq", "/console/")
    answer = client.get(f"/console/?day={day}", headers=JSON)
    assert (answer.status_code, answer.get_json()["place"]) == (422, "day")
    assert answer.get_json()["errors"] == [{"place": "day", "message": "不能小于 1970-01-01。"}]
    page = client.get(f"/console/?day={day}", headers=PAGE)
    assert page.status_code == 422
    assert "<code>day</code> 不能小于 1970-01-01。" in page.text


@pytest.mark.parametrize("day", ["1970-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_can_be_looked_at(app: Flask, day: str):
    client = sign_in(app, "zhaohq", "/console/")
    paths = re.findall(r'href="(/console/stores/[^"?]+)', client.get("/console/", headers=PAGE).text)
    for path in ("/console/", paths[0]):
        assert client.get(f"{path}?day={day}", headers=PAGE).status_code == 200


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("x=1", [{"place": "x", "message": "没有这个字段。"}]),
        ("day=never", [{"place": "day", "message": "不是有效的日期。"}]),
        ("branch=" + "x" * 65, [{"place": "branch", "message": "太长，最多 64 个。"}]),
    ],
)
def test_what_is_wrong_is_listed_in_the_readers_language(
    app: Flask, query: str, errors: list[dict[str, str]]
):
    client = sign_in(app, "zhaohq", "/console/")
    assert client.get(f"/console/?{query}", headers=JSON).get_json()["errors"] == errors
    text = client.get(f"/console/?{query}", headers=PAGE).text
    assert f"<code>{errors[0]['place']}</code> {errors[0]['message']}" in text
    english = client.get(f"/console/?{query}", headers={**JSON, "Accept-Language": "en"}).get_json()
    assert english["errors"][0]["message"].isascii()
