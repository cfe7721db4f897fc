"""A member's page in the console: what they said, and that they want to be left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from app import clock
from app.db import Database
from app.members.models import MemberCare
from tests.faces.chain import Chain
from tests.faces.told import SAID, tell
from tests.faces.web import PAGE, sign_in


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def page_of(app: Flask, chain: Chain) -> str:
    member = app.extensions["public_ids"].encode("member", chain.members["xiaowen"])
    text: str = sign_in(app, "zhaohq", "/console/").get(f"/console/members/{member}", headers=PAGE).text
    return text


def test_what_they_said_and_came_in_for(app: Flask, chain: Chain, database: Database):
    assert "最近说过" not in page_of(app, chain)
    tell(database, chain)
    page = page_of(app, chain)
    for words in ("满意度 2 分", SAID, "到店没买", "试了藏青西装、风衣", "尺码 52", "李娜记下"):
        assert words in page


def test_who_is_to_be_left_alone_is_marked_and_since_when(app: Flask, chain: Chain, database: Database):
    assert "勿扰" not in page_of(app, chain)
    with database.transaction() as session:
        now = clock.now(session)
        session.get_one(MemberCare, chain.members["xiaowen"]).opted_out_at = now - timedelta(days=2)
    since = now - timedelta(days=2)
    page = page_of(app, chain)
    assert "勿扰" in page
    assert f"{since.month}月{since.day}日起，不再安排任何跟进" in page
