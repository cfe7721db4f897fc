"""Answers to text messages: written on a customer's phone, told to the app as Aliyun tells them, and told again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.sandbox.clock import real_time
from app.sandbox.factory import create_sandbox
from app.sandbox.hosts import customer_label_of
from app.sandbox.sms_answers import AGAIN_AFTER_S, Teller
from app.sms.aliyun_answers import read_answers
from tests.sandbox.corp import CONTACTS, DAY, PEOPLE, SECOND
from tests.sandbox.receiver import wait_until

NUMBER = "13800138001"
ON_PHONE = {"base_url": f"http://{customer_label_of('wmA')}.localhost:8001"}


class App:
    """What the app was told; `statuses` are answered in turn, then 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/callbacks/sms/key"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                app.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(app.statuses.pop(0) if app.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def app() -> Iterator[App]:
    told = App()
    yield told
    told.server.shutdown()
    told.server.server_close()


@pytest.fixture
def sandbox(settings: Any, machine: Any, app: App) -> Iterator[Flask]:
    made = create_sandbox(replace(settings, sms_answers_url=app.url), machine)
    yield made
    made.extensions["sandbox_sms_answers"].close()
    made.extensions["sandbox"].store.close()


@pytest.fixture
def phone(client: FlaskClient, sandbox: Flask, machine: Any) -> FlaskClient:
    """A customer's phone with one message on it."""
    client.put("/sandbox/people", json=PEOPLE)
    client.put("/sandbox/contacts", json=CONTACTS)
    client.put("/sandbox/sms_numbers", json=[{"external_userid": "wmA", "number": NUMBER}])
    with sandbox.extensions["sandbox"].store.writing() as connection:
        row = ("b1", "o1", NUMBER, "SMS_1", "【店伴】新款到店，拒收请回复R", machine.now - 60 * SECOND)
        connection.execute(
            "INSERT INTO sms_message (biz_id, out_id, number, template, content, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
    return client


def shown(phone: FlaskClient) -> list[tuple[bool, str, str]]:
    listed = phone.get("/customer/sms", **ON_PHONE).get_json()["messages"]
    return [(one["mine"], one["content"], one["arrival"]) for one in listed]


def test_what_a_customer_answers_reaches_the_app_and_is_seen_on_their_phone(phone: FlaskClient, app: App):
    assert phone.post("/customer/sms/1", json={"words": " 回T退订 "}, **ON_PHONE).status_code == 200
    wait_until(lambda: shown(phone)[0] == (True, "回T退订", "已告知店伴"))
    ((answer,), unread) = read_answers(app.bodies[0])
    assert (answer.number, answer.words, unread) == (NUMBER, "回T退订", 0)
    assert answer.sent_at is not None
    assert len(app.bodies) == 1


def test_an_app_that_is_away_is_told_again_and_at_last_no_more(phone: FlaskClient, app: App, sandbox: Flask):
    app.statuses = [500] * (1 + len(AGAIN_AFTER_S))
    phone.post("/sms/1/answer", json={"words": "R"})
    wait_until(lambda: len(app.bodies) == 1)
    wait_until(lambda: shown(phone)[0][2] == "还没告知店伴")
    sandbox.extensions["sandbox_sms_answers"].close()
    ahead = 0
    later = Teller(sandbox.extensions["sandbox"], lambda: real_time() + ahead)
    for days in range(1, len(AGAIN_AFTER_S)):
        ahead = days * DAY
        assert later.tell_due() is not None
    ahead += DAY
    assert later.tell_due() is None
    assert shown(phone)[0] == (True, "R", "没能告知店伴")
    assert len(set(app.bodies)) == 1


@pytest.mark.parametrize(("message", "words", "status"), [(1, " ", 400), (1, "x" * 501, 400), (2, "R", 404)])
def test_nothing_is_answered_without_words_or_a_message(
    phone: FlaskClient, app: App, message: int, words: str, status: int
):
    assert phone.post(f"/customer/sms/{message}", json={"words": words}, **ON_PHONE).status_code == status
    assert phone.post(f"/sms/{message}/answer", json={"words": words}).status_code == status
    assert app.bodies == []
