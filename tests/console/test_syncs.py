"""The console's page of comparisons with WeCom."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from app import clock
from app.db import Database
from app.intake.wecom.syncs import ensure_nightly, request_sync
from app.members.models import Sync, SyncState
from tests.faces.web import PAGE, sign_in


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; their queries where they live, on both."""
    return "sqlite"


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_only_headquarters_may_look(app: Flask, userid: str):
    assert sign_in(app, userid, "/console/").get("/console/syncs", headers=PAGE).status_code == 403


def test_the_last_ones_are_shown_with_what_they_found(app: Flask, database: Database):
    client = sign_in(app, "zhaohq", "/console/")
    empty = client.get("/console/syncs", headers=PAGE).text
    assert "还没有比对过" in empty
    assert "沙箱里快进的夜晚不算" in empty
    with database.transaction() as session:
        ensure_nightly(session)
        row = session.get_one(Sync, request_sync(session, "outage"))
        row.state, row.trouble, row.started_at = SyncState.PARTIAL, "lina: 701008", clock.now(session)
        row.counts = json.dumps(
            {"contacts": {"seen": 1200, "added": 2, "ended": 1}, "people": {"seen": 30, "failed": 1}}
        )
    page = client.get("/console/syncs", headers=PAGE).text
    assert "中断之后" in page
    assert "客户: 比对 1,200 · 补上 2 · 结束 1" in page
    assert "导购: 比对 30 · 未能读取 1" in page
    assert "701008" in page
    assert page.count('<tr role="row">') == 2, "the coming night's has not begun"


def test_headquarters_compares_now_and_asking_twice_asks_once(app: Flask, database: Database):
    client = sign_in(app, "zhaohq", "/console/")
    token = re.search(r'name="csrf_token" value="(\w+)"', client.get("/console/syncs", headers=PAGE).text)
    assert token
    for _ in range(2):
        answer = client.post("/console/syncs", data={"csrf_token": token[1]}, headers=PAGE)
        assert (answer.status_code, answer.location) == (303, "/console/syncs")
    assert client.get("/console/syncs", headers=PAGE).text.count("在本页要求") == 1
    assert client.post("/console/syncs", headers=PAGE).status_code == 403
