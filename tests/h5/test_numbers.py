"""The number of a call to make: who sees it, that each look is kept, and that it stands nowhere else."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app import clock
from app.db import Database
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.states import Channel
from app.worklist.models import WorkState
from app.worklist.service import close_items
from tests.faces.chain import Chain
from tests.faces.numbers import NUMBER, make_call
from tests.faces.web import PAGE, post_json, sign_in
from tests.h5.test_acts import KEY, on_task
from tests.h5.test_toolbar import ref

SEEN = "看过电话号码"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def call(app: Flask, chain: Chain, database: Database) -> FollowUpTask:
    """李娜 is to call 林晓雯."""
    return make_call(app, database, chain)


def look(app: Flask, chain: Chain, userid: str, task: str = "thanks", key: str = KEY["key"]) -> TestResponse:
    return post_json(sign_in(app, userid), on_task(app, chain, "number", task), {"key": key})


def looks(database: Database) -> list[CareAct]:
    with database.reading() as session:
        return list(session.scalars(select(CareAct).order_by(CareAct.id)))


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_who_is_to_call_and_the_manager_see_the_number_and_that_is_kept(
    app: Flask, chain: Chain, database: Database, call: FollowUpTask, userid: str
):
    with capture_logs() as logs:
        answers = [look(app, chain, userid) for _ in range(2)]
    for answer in answers:
        assert answer.get_json() == {"tel": f"tel:{NUMBER}", "number": "138 0013 8001"}
        assert answer.headers["Cache-Control"] == "no-store"
    (kept,) = looks(database)
    assert (kept.act, kept.task_id, kept.associate_id) == ("number_seen", call.id, chain.people[userid])
    assert "0138001" not in kept.note + kept.reason
    assert [line["task"] for line in logs if line["event"] == "number_shown"] == [call.id] * 2
    assert "0138001" not in str(logs)
    page = sign_in(app, userid).get(f"/h5/tasks/{ref(app, chain, 'thanks')}", headers=PAGE).text
    assert SEEN in page
    assert "0138001" not in page


@pytest.mark.usefixtures("call")
@pytest.mark.parametrize("userid", ["hejia", "chenjie"])
def test_nobody_else_sees_it(app: Flask, chain: Chain, database: Database, userid: str):
    answer = look(app, chain, userid)
    assert answer.status_code == 404
    assert "138" not in answer.text
    assert looks(database) == []


def test_it_is_shown_while_there_is_a_call_to_make(
    app: Flask, chain: Chain, database: Database, call: FollowUpTask
):
    assert look(app, chain, "lina", "fit").get_json()["code"] == "no_call"
    with database.transaction() as session:
        now = clock.now(session)
        close_items(session, [call.work_item_id], WorkState.CANCELLED, "opted_out", now)
    answer = look(app, chain, "lina")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "task_cancelled")
    assert looks(database) == []


@pytest.mark.usefixtures("call")
def test_no_look_hides_behind_the_key_of_another_act(app: Flask, chain: Chain, database: Database):
    client = sign_in(app, "lina")
    post_json(client, on_task(app, chain, "postpone"), {**KEY, "until": "tomorrow"})
    assert look(app, chain, "lina").get_json()["code"] == "key_reused"
    assert look(app, chain, "lina", key="another-key").status_code == 200
    assert [act.act for act in looks(database)] == ["postponed", "number_seen"]


def test_a_number_that_is_not_known_is_said_to_be_so(app: Flask, chain: Chain, database: Database):
    with database.transaction() as session:
        session.get_one(FollowUpTask, chain.tasks["thanks"]).channel = Channel.PHONE
    answer = look(app, chain, "lina")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "no_number")
    assert looks(database) == []


@pytest.mark.usefixtures("call")
def test_the_button_stands_on_the_card_of_who_may_press_it(app: Flask, chain: Chain):
    path = f"/h5/tasks/{ref(app, chain, 'thanks')}"
    for userid in ("lina", "wangwei"):
        assert "data-number" in sign_in(app, userid).get(path, headers=PAGE).text
    other = f"/h5/tasks/{ref(app, chain, 'fit')}"
    assert "data-number" not in sign_in(app, "lina").get(other, headers=PAGE).text
