"""The address WeCom is given: the URL check, what is taken, what is refused, and that repeats change nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app.db import Database
from app.inbound.models import Inbound, InboundState, ReceivedEvent
from app.timers import Lane, Timer
from tests.callbacks.envelopes import PATH, Letter, Sender, added, xml

HOUR_S = 3600
LARGEST = 1024 * 1024


def post(client: FlaskClient, letter: Letter) -> TestResponse:
    return client.post(PATH, query_string=letter.query, data=letter.body)


def kept(database: Database) -> list[Inbound]:
    with database.reading() as session:
        return list(session.scalars(select(Inbound).order_by(Inbound.id)))


def timers(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(Timer.lane)))


def spooled(folder: Path) -> list[Path]:
    return list(folder.glob("*.callback"))


def test_the_url_check_is_answered_with_the_bare_text(client: FlaskClient, sender: Sender):
    encrypted = sender.seal("1616140317555161061")
    answer = client.get(PATH, query_string={**sender.query(encrypted), "echostr": encrypted})
    assert (answer.status_code, answer.data) == (200, b"1616140317555161061")
    assert answer.mimetype == "text/plain"


def test_a_plus_that_became_a_space_on_the_way_is_one_again(client: FlaskClient, sender: Sender):
    encrypted = next(sealed for sealed in iter(lambda: sender.seal("echo"), "") if "+" in sealed)
    asked = {**sender.query(encrypted), "echostr": encrypted.replace("+", " ")}
    assert client.get(PATH, query_string=asked).data == b"echo"


@pytest.mark.parametrize("missing", ["msg_signature", "timestamp", "nonce", "echostr"])
def test_a_url_check_without_one_of_its_fields_is_refused(client: FlaskClient, sender: Sender, missing: str):
    encrypted = sender.seal("echo")
    asked = {**sender.query(encrypted), "echostr": encrypted}
    del asked[missing]
    answer = client.get(PATH, query_string=asked)
    assert answer.status_code in (400, 403)
    assert b"echo" not in answer.data


def test_an_event_is_kept_and_due(client: FlaskClient, database: Database, sender: Sender):
    answer = post(client, sender.letter(xml(added(1))))
    assert (answer.status_code, answer.data) == (200, b"")
    (row,) = kept(database)
    assert (row.source, row.state, row.enrolls) == ("wecom", InboundState.RECEIVED, False)
    assert timers(database) == ["inbox"]


def test_a_welcome_code_gets_a_timer_of_the_welcome_lane(
    client: FlaskClient, database: Database, sender: Sender
):
    post(client, sender.letter(xml(added(1, WelcomeCode="code"))))
    assert timers(database) == ["inbox", "welcome"]
    with database.reading() as session:
        work = session.scalars(select(ReceivedEvent)).one()
        due = set(
            session.execute(select(Timer.due_at, Timer.subject_id).where(Timer.lane == str(Lane.WELCOME)))
        )
    assert due == {(work.welcome_due_at, work.inbound_id)}


def test_a_hundred_repeats_in_any_order_are_one_event_each(
    client: FlaskClient, database: Database, sender: Sender
):
    """As WeCom repeats: the same text in envelopes of their own, and one envelope again and again."""
    messages = [xml(added(number, WelcomeCode=f"code{number}")) for number in range(3)]
    letters = [sender.letter(message) for message in messages for _ in range(50)]
    letters += [letter for letter in letters[:3] for _ in range(50)]
    random.Random(7).shuffle(letters)
    assert {post(client, letter).status_code for letter in letters} == {200}
    assert len(kept(database)) == 3
    assert timers(database) == ["inbox"] * 3 + ["welcome"] * 3


@pytest.mark.parametrize("age_s", [-HOUR_S - 60, HOUR_S + 60, 10**9])
def test_what_is_older_than_an_hour_or_from_the_future_is_refused(
    client: FlaskClient, database: Database, sender: Sender, age_s: int
):
    now_s = int(sender.query("")["timestamp"])
    assert post(client, sender.letter(xml(added(1)), now_s - age_s)).status_code == 403
    assert kept(database) == []


@pytest.mark.parametrize("age_s", [-HOUR_S + 60, HOUR_S - 60])
def test_within_an_hour_it_is_taken(client: FlaskClient, sender: Sender, age_s: int):
    now_s = int(sender.query("")["timestamp"])
    assert post(client, sender.letter(xml(added(1)), now_s - age_s)).status_code == 200


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "٣", "9" * 13, "9" * 5_000])
def test_a_timestamp_that_is_no_time_is_refused(client: FlaskClient, sender: Sender, timestamp: str):
    letter = sender.letter(xml(added(1)))
    assert post(client, Letter(letter.query | {"timestamp": timestamp}, letter.body)).status_code == 400


@pytest.mark.parametrize("stranger", [Sender(token="guess"), Sender(corp_id="ww9999999999999999")])
def test_a_stranger_is_refused(client: FlaskClient, database: Database, stranger: Sender, spool_folder: Path):
    assert post(client, stranger.letter(xml(added(1)))).status_code == 403
    assert kept(database) == []
    assert spooled(spool_folder) == []


def test_one_megabyte_is_the_limit(client: FlaskClient, sender: Sender):
    letter = sender.letter(xml(added(1)))
    fits = letter.body + b" " * (LARGEST - len(letter.body))
    assert post(client, Letter(letter.query, fits)).status_code == 200
    assert post(client, Letter(letter.query, fits + b" ")).status_code == 413
    assert post(client, Letter(letter.query, b"x" * 10 * LARGEST)).status_code == 413


def test_what_people_write_to_the_app_is_answered_and_not_kept(
    client: FlaskClient, database: Database, sender: Sender, spool_folder: Path
):
    said = {"MsgType": "text", "CreateTime": "1772352000", "FromUserName": "lin", "Content": "你好"}
    assert post(client, sender.letter(xml(said))).status_code == 200
    assert kept(database) == []
    assert spooled(spool_folder) == []


def test_no_log_line_has_anything_of_an_event(client: FlaskClient, sender: Sender):
    secrets = {"WelcomeCode": "CANARY1", "Mobile": "CANARY2", "State": "CANARY3"}
    with capture_logs() as logs:
        post(client, sender.letter(xml(added(1, **secrets))))
        post(client, sender.letter(xml(added(1, **secrets) | {"CreateTime": "CANARY4"})))
        post(client, Sender(token="other").letter(xml(added(1, **secrets))))
    assert [line["status"] for line in logs if line["event"] == "request"] == [200, 400, 403]
    assert "CANARY" not in repr(logs)


def test_a_get_or_another_method_without_anything_is_no_server_error(client: FlaskClient):
    assert client.get(PATH).status_code == 400
    assert client.post(PATH).status_code == 400
    assert client.put(PATH).status_code == 405


def test_events_of_all_kinds_are_kept_whether_or_not_anybody_handles_them(
    client: FlaskClient, database: Database, sender: Sender
):
    for number, name in enumerate(("change_contact", "living_status_change", "nobody_knows_this_one")):
        post(client, sender.letter(xml(added(number) | {"Event": name})))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ReceivedEvent)) == 3
