"""A greeting by hand: in the worklist, in the chat of the new contact, completed with one tap, by who is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from app import clock
from app.db import Database
from app.follow_ups.series.resuming import ask_served_again
from app.lanes import Deadline
from app.worklist.expiry import expire_due
from tests.faces.chain import Chain
from tests.faces.greetings import WELCOME_ID, WORDS, add_greeting
from tests.faces.web import PAGE, post_json, sign_in

DONE = {"key": "33333333", "evidence": "self_declared"}


@pytest.fixture(autouse=True)
def welcome(database: Database, chain: Chain) -> None:
    add_greeting(database, chain)


def ref(app: Flask) -> str:
    return str(app.extensions["public_ids"].encode("greeting", WELCOME_ID))


def test_it_stands_first_in_the_worklist_and_is_counted(app: Flask):
    page = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    assert page.index(f'data-task="greetings/{ref(app)}"') < page.index('data-channel="chat"')
    assert "补发欢迎语" in page
    assert "您好，我是李娜" in page
    assert 'data-contact="wmNobody"' in page
    assert "路过的客人刚加了您" in page


@pytest.mark.parametrize("contact", ["wmNobody", "wmXiaowen"])
def test_it_stands_in_the_chat_of_that_contact_only(app: Flask, contact: str):
    page = sign_in(app, "lina").get(f"/h5/member?contact={contact}", headers=PAGE).text
    assert (f'data-task="greetings/{ref(app)}"' in page) == (contact == "wmNobody")


def test_one_tap_completes_it_however_often_it_is_told(app: Flask):
    client = sign_in(app, "lina")
    answers = [post_json(client, f"/h5/api/greetings/{ref(app)}/done", DONE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].get_json() == answers[1].get_json()
    assert answers[0].get_json()["state"] == "done"
    page = client.get("/h5/worklist", headers=PAGE).text
    assert "greetings/" not in page
    assert "greetings/" not in client.get("/h5/member?contact=wmNobody", headers=PAGE).text


@pytest.mark.parametrize("userid", ["hejia", "wangwei", "chenjie"])
def test_nobody_else_sees_or_completes_it(app: Flask, userid: str):
    client = sign_in(app, userid)
    assert "greetings/" not in client.get("/h5/worklist", headers=PAGE).text
    assert post_json(client, f"/h5/api/greetings/{ref(app)}/done", DONE).status_code == 403


def test_what_is_over_cannot_be_done_any_more(app: Flask, database: Database):
    client = sign_in(app, "lina")
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + WORDS.valid_for + timedelta(minutes=1))
    expire_due(database, ask_served_again, Deadline(10))
    answer = post_json(client, f"/h5/api/greetings/{ref(app)}/done", DONE)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "task_closed")
    unknown = app.extensions["public_ids"].encode("greeting", 1)
    assert post_json(client, f"/h5/api/greetings/{unknown}/done", DONE).status_code == 404
