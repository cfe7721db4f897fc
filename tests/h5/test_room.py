"""What an associate sees of the attention budget: what their day had no room for, and when they are off."""

from __future__ import annotations

from flask import Flask

from app.db import Database
from app.worklist.attention import pause, resume
from tests.faces.chain import Chain
from tests.faces.crowd import overfill
from tests.faces.waiting import let_chen_wait
from tests.faces.web import PAGE, sign_in
from tests.h5.test_toolbar import member_part


def test_the_worklist_says_what_went_elsewhere_and_why_and_when_they_are_off(
    app: Flask, chain: Chain, database: Database
):
    days_off = overfill(database, chain)
    text = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    for said in (
        "今天排不下的",
        "每天最多请你做",
        "由何佳来做",
        "改由何佳打电话",
        "没有再排：价值最低",
        "顺延到",
    ):
        assert said in text
    assert "那天排不下，先做更值得做的" in text
    assert "今天 09:30 到 18:00 上班" in text
    assert all(day in text for day in days_off)
    calm = sign_in(app, "hejia").get("/h5/worklist", headers=PAGE).text
    assert "今天排不下的" not in calm
    assert "上班" not in calm


def test_headquarters_pause_is_said_and_nothing_is_promised_for_a_day_that_is_there(
    app: Flask, chain: Chain, database: Database
):
    let_chen_wait(database, chain)
    client = sign_in(app, "lina")

    def said() -> tuple[str, str]:
        return client.get("/h5/worklist", headers=PAGE).text, member_part(client, "wmChen")

    assert not any("总部" in text for text in said())
    with database.transaction() as session:
        pause(session, None)
    worklist, member = said()
    assert "总部已暂停全部跟进" in worklist
    assert "总部已暂停全部跟进" in member
    assert "总部恢复跟进后" in member
    with database.transaction() as session:
        resume(session, None)
    assert not any("总部" in text for text in said())
