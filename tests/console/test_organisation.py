"""组织同步: who may, the mapping as a form, the preview, the ticks, applying; all of it without scripts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.db import Database
from app.lanes import Deadline
from app.organisation.running import run_syncs
from app.wecom.apis.departments import WeComDepartment
from app.wecom.errors import WeComRetryable
from tests.faces.web import PAGE, KnownCodes, sign_in
from tests.organisation.book import Book, roster

HOME = "/console/organisation"


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; what is behind them where it lives, on both."""
    return "sqlite"


class Corp(Book):
    """The chain of the faces' tests as WeCom has it, and everybody's codes; 何佳 is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = KnownCodes()
        self.login_of = self.codes.login_of  # type: ignore[method-assign]
        self.corp_ticket = self.codes.corp_ticket  # type: ignore[method-assign]
        self.agent_ticket = self.codes.agent_ticket  # type: ignore[method-assign]
        self.tree.clear()
        self.accounts.clear()
        for number, name, parent in (
            (1, "好衣裳", 0),
            (2, "总部", 1),
            (3, "华南", 1),
            (4, "华东", 1),
            (31, "深圳万象城店", 3),
            (41, "上海恒隆店", 4),
        ):
            self.tree[number] = WeComDepartment(number, name, parent, 0, ())
        self.put("zhaohq", 2, name="赵敏")
        self.put("lina", 31, name="李娜")
        self.put("wangwei", 31, name="王伟", leads=True)
        self.put("chenjie", 41, name="陈洁")


@pytest.fixture
def wecom() -> Any:
    return Corp()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "zhaohq", "/console/")


def post(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    """As a page's form sends it."""
    token = re.search(r'name="csrf_token" value="(\w+)"', client.get(HOME, headers=PAGE).text)
    assert token
    return client.post(path, data={"csrf_token": token[1], **form}, headers=PAGE)


def preview(client: FlaskClient, database: Database, corp: Corp) -> str:
    """Ask for a plan and have it made; the address of its page."""
    answer = post(client, f"{HOME}/syncs")
    assert answer.status_code == 303
    assert client.get(answer.location, headers=PAGE).headers["Refresh"] == "3"
    run_syncs(database, corp, Deadline(60))
    return str(answer.location)


def apply(client: FlaskClient, database: Database, corp: Corp, page: str, **ticks: str) -> TestResponse:
    answer = post(client, f"{page}/apply", **ticks)
    run_syncs(database, corp, Deadline(60))
    return answer


def row_of(text: str, name: str) -> dict[str, str]:
    """The hidden fields of a department's row."""
    row = next(part for part in text.split("<tr ") if f">{name}<" in part)
    return dict(re.findall(r'name="(department|was)" value="([\w]+)"', row))


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_only_headquarters_may(app: Flask, userid: str):
    client = sign_in(app, userid, "/console/")
    assert client.get(HOME, headers=PAGE).status_code == 403
    for path in (f"{HOME}/mapping", f"{HOME}/syncs"):
        assert client.post(path, headers=PAGE).status_code == 403


def test_a_write_needs_the_pages_token(client: FlaskClient):
    assert client.post(f"{HOME}/syncs", headers=PAGE).status_code == 403


def test_the_preview_recognises_the_chain_and_applying_does_just_that(
    client: FlaskClient, database: Database, wecom: Corp
):
    before = roster(database)
    page = preview(client, database, wecom)
    text = client.get(page, headers=PAGE).text
    for words in ("认出已有分公司 <b>2</b>", "认出已有门店 <b>2</b>", "认出已有人员 <b>4</b>"):
        assert words in text
    assert "何佳" in text, "came by file and is not in WeCom"
    assert apply(client, database, wecom, page).status_code == 303
    assert "已应用" in client.get(page, headers=PAGE).text
    assert roster(database) == before
    page = preview(client, database, wecom)
    assert "与企业微信完全一致" in client.get(page, headers=PAGE).text


def test_a_plan_without_changes_asks_for_nothing(client: FlaskClient, database: Database, wecom: Corp):
    apply(client, database, wecom, preview(client, database, wecom), ends_unknown="true")
    text = client.get(preview(client, database, wecom), headers=PAGE).text
    for words in ("无变化", "与企业微信完全一致", "没有需要应用的改变"):
        assert words in text
    assert "/apply" not in text
    listed = client.get(HOME, headers=PAGE).text
    assert ("无变化" in listed, "待查看" in listed) == (True, False)


def test_who_came_by_file_only_ends_when_ticked(client: FlaskClient, database: Database, wecom: Corp):
    page = preview(client, database, wecom)
    assert apply(client, database, wecom, page, ends_unknown="true").status_code == 303
    assert "hejia" not in roster(database)


def test_what_waits_for_headquarters_is_shown(client: FlaskClient, database: Database, wecom: Corp):
    apply(client, database, wecom, preview(client, database, wecom))
    assert "等待总部选择" not in client.get(HOME, headers=PAGE).text
    wecom.department(41, "总公司", 4)
    wecom.change("lina", department_ids=(2,))
    page = preview(client, database, wecom)
    text = client.get(page, headers=PAGE).text
    assert "将有 1 人成为总部人员" in text
    assert "目前是门店，按名称和位置应为总部" in client.get(HOME, headers=PAGE).text


def test_ending_many_needs_a_tick(client: FlaskClient, database: Database, wecom: Corp):
    apply(client, database, wecom, preview(client, database, wecom))
    wecom.leave("lina")
    wecom.leave("chenjie")
    page = preview(client, database, wecom)
    answer = apply(client, database, wecom, page)
    assert (answer.status_code, "超过五分之一" in answer.text) == (409, True)
    assert apply(client, database, wecom, page, may_end_many="true").status_code == 303
    assert not {"lina", "chenjie"} & roster(database).keys()


def test_the_mapping_is_changed_by_form_and_shown(client: FlaskClient, database: Database, wecom: Corp):
    preview(client, database, wecom)
    top = client.get(HOME, headers=PAGE).text
    assert ("华南" in top, "深圳万象城店" in top) == (True, False)
    link = re.search(r'href="(\?under=\w+)">华南', top)
    assert link
    level = client.get(HOME + link[1], headers=PAGE).text
    sent = row_of(level, "深圳万象城店")
    under = link[1].partition("=")[2]
    answer = post(client, f"{HOME}/mapping", **sent, kind="ignored", under=under)
    assert (answer.status_code, answer.location) == (303, HOME + link[1])
    assert row_of(client.get(HOME + link[1], headers=PAGE).text, "深圳万象城店")["was"] == "ignored"
    stale = post(client, f"{HOME}/mapping", **sent, kind="proposed", under=under)
    assert stale.status_code == 303
    assert row_of(client.get(HOME + link[1], headers=PAGE).text, "深圳万象城店")["was"] == "ignored"


@pytest.mark.parametrize(
    "form",
    [
        {"department": "x", "was": "proposed"},
        {"department": "x", "was": "proposed", "kind": "palace"},
        {"department": ["x", "y"], "was": "proposed", "kind": "store"},
        {"department": "x", "was": "proposed", "kind": "store", "more": "1"},
    ],
)
def test_a_wrong_mapping_is_refused(client: FlaskClient, form: dict[str, Any]):
    assert post(client, f"{HOME}/mapping", **form).status_code == 422


def test_unknown_departments_and_syncs_are_not_there(client: FlaskClient):
    form = {"department": "abc", "was": "proposed", "kind": "store"}
    assert post(client, f"{HOME}/mapping", **form).status_code == 404
    for path in (f"{HOME}?under=abc", f"{HOME}/syncs/abc"):
        assert client.get(path, headers=PAGE).status_code == 404


def test_a_read_that_failed_is_told(client: FlaskClient, database: Database, wecom: Corp):
    wecom.failing["departments"] = WeComRetryable("department/list", "HTTP 502")
    page = preview(client, database, wecom)
    text = client.get(page, headers=PAGE).text
    assert "没有做任何改变" in text
    assert "HTTP 502" in text
    assert "department/list: HTTP 502" in client.get(HOME, headers=PAGE).text


def test_a_plan_is_filtered_by_kind(client: FlaskClient, database: Database, wecom: Corp):
    wecom.put("new", 31, name="新来的")
    page = preview(client, database, wecom)
    text = client.get(f"{page}?what=person_added", headers=PAGE).text
    assert ("新来的" in text, "认出已有门店</span>" in text) == (True, False)
