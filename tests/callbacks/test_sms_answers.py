"""The address of a gateway of text messages: what members answer is kept once, unread, whatever the database does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app.callbacks.routes import Door
from app.db import Database
from app.inbound.models import InboundState
from app.members.phones import open_phone
from app.sms.aliyun_answers import read_answers
from app.wecom.callbacks import WeComEvent
from tests.callbacks.test_door import kept, spooled, timers

PATH = "/callbacks/sms/sandbox-sms-answers"
# As Aliyun's description of SmsUp shows one.
SAID = {
    "phone_number": "13800138001",
    "content": "回T退订",
    "send_time": "2031-03-04 12:00:00",
    "dest_code": "1234",
    "sequence_id": "1234567890",
}


def post(client: FlaskClient, *said: Any, path: str = PATH) -> TestResponse:
    return client.post(path, data=json.dumps(said), content_type="application/json")


def told(database: Database) -> list[WeComEvent]:
    return [WeComEvent.decode(row.payload) for row in kept(database)]


def test_an_answer_is_kept_once_and_nobody_reads_its_number_or_words(
    client: FlaskClient, database: Database, door: Door
):
    other = SAID | {"sequence_id": 1234567891, "content": "好的，周六去"}
    with capture_logs() as logs:
        answers = [post(client, SAID), post(client, SAID, other), post(client, other)]
    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [(200, 0)] * 3
    assert [row.source for row in kept(database)] == ["sms_gateway"] * 2
    assert timers(database) == ["inbox"] * 2
    assert {(event.text("Answer"), event.text("Refuses")) for event in told(database)} == {
        ("1234567890", "yes"),
        ("1234567891", ""),
    }
    assert {open_phone(door.phones, event.text("Number")) for event in told(database)} == {"+8613800138001"}
    with database.reading() as session:
        stored = str(session.execute(text("SELECT * FROM inbound")).all())
    for secret in (SAID["phone_number"], "回T退订", "周六"):
        assert secret not in stored + repr(logs)
    assert "sandbox-sms-answers" not in repr(logs)


@pytest.mark.parametrize("key", ["guess", "sandbox-sms-answers-", "%E5%BA%97"])
def test_who_does_not_know_the_key_finds_nothing(client: FlaskClient, database: Database, key: str):
    assert post(client, SAID, path=f"/callbacks/sms/{key}").status_code == 404
    assert kept(database) == []


def test_without_a_key_there_is_no_such_address(
    app: Flask, client: FlaskClient, door: Door, database: Database
):
    app.extensions["callbacks"] = replace(door, sms_key="")
    for path in (PATH, "/callbacks/sms/"):
        assert post(client, SAID, path=path).status_code == 404
    assert kept(database) == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"no json", b"\xff", b"[" * 100_000, json.dumps([SAID] * 1_001).encode()]
)
def test_what_is_no_list_of_answers_is_refused(client: FlaskClient, database: Database, body: bytes):
    assert client.post(PATH, data=body).status_code == 400
    assert kept(database) == []


def test_one_that_cannot_be_read_holds_up_no_other(client: FlaskClient, database: Database):
    bad: list[Any] = [None, {}, SAID | {"phone_number": "10086"}, SAID | {"sequence_id": "\ud800"}]
    bad += [SAID | {"content": 7}, SAID | {"sequence_id": True}]
    assert post(client, *bad, SAID | {"send_time": "yesterday"}).status_code == 200
    (event,) = told(database)
    assert event.created_at_s == 0, "when it was sent is not known"


def test_what_comes_while_the_database_is_away_waits_on_the_disk(
    client: FlaskClient, database: Database, door: Door, spool_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door.keeper, "_leave_alone_until", float("inf"))
    assert post(client, SAID, SAID | {"sequence_id": "2"}).status_code == 200
    (file,) = spooled(spool_folder)
    assert SAID["phone_number"].encode() not in file.read_bytes()
    assert kept(database) == []
    assert door.drain.drain() == 1
    assert [(row.source, row.state) for row in kept(database)] == [("sms_gateway", InboundState.RECEIVED)] * 2


def test_numbers_and_times_are_read_as_the_gateway_means_them():
    (home, abroad), unread = read_answers(json.dumps([SAID, SAID | {"phone_number": "85291234567"}]).encode())
    assert (home.number, abroad.number, unread) == ("13800138001", "+85291234567", 0)
    assert home.sent_at is not None
    assert home.sent_at.utcoffset() == timedelta(hours=8)
    assert "138" not in repr(home)
