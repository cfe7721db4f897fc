"""What a member said, and what they came in for, stands where whoever looks after them reads it."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.db import Database
from tests.faces.chain import Chain
from tests.faces.told import SAID, tell
from tests.faces.web import PAGE, sign_in
from tests.h5.test_toolbar import ref

SCORE = "满意度 2 分"
VISIT = ("到店没买", "尺码", "试了藏青西装、风衣", "尺码 52")
HEADING = "最近说过 · 到店"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def told(chain: Chain, database: Database) -> None:
    tell(database, chain)


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_a_task_says_what_the_customer_said_when_and_to_whom(app: Flask, chain: Chain, userid: str):
    page = sign_in(app, userid).get(f"/h5/tasks/{ref(app, chain, 'thanks')}", headers=PAGE).text
    for words in (SCORE, SAID, "12:20 · 李娜记下"):
        assert words in page
    other = sign_in(app, userid).get(f"/h5/tasks/{ref(app, chain, 'invite')}", headers=PAGE).text
    assert SCORE not in other


def test_so_does_its_card_on_the_worklist(app: Flask):
    page = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    cards = re.findall(r'<section class="card task".*?</section>', page, re.DOTALL)
    names = [re.findall("林晓雯|周敏", card)[0] for card in cards if SCORE in card and SAID in card]
    assert names == ["林晓雯"] * 2, "both steps of the series that it began, and no others"
    assert len(cards) > len(names)


def test_the_members_page_has_what_they_said_and_came_in_for_newest_first(app: Flask):
    page = sign_in(app, "lina").get("/h5/member", query_string={"contact": "wmXiaowen"}, headers=PAGE).text
    listed = page.partition(HEADING)[2]
    for words in (SCORE, SAID, *VISIT):
        assert words in listed
    assert listed.index(SCORE) < listed.index("到店没买")
    chen = sign_in(app, "lina").get("/h5/member", query_string={"contact": "wmChen"}, headers=PAGE).text
    assert HEADING not in chen
