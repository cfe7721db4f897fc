"""隔离区: in words a person understands, the original text at hand, and a button that tries again."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import aside, clock
from app.console.quarantine_words import CHANGE, cause_of, kind_of
from app.db import Database
from app.follow_ups.taking_up import TAKE_UP
from app.inbound.models import Inbound, InboundState
from app.inbound.service import receive
from app.intake.wecom_events import wecom_handlers
from app.timers import Lane
from app.wecom.callbacks import WeComEvent
from tests.faces.web import PAGE, sign_in

HOME = "/console/quarantine"
NO_USERID = "WeComRejected: user/get: 41009 userid missing, hint: [17], from ip: 10.0.0.1, more info at …"


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; what is behind them where it lives, on both."""
    return "sqlite"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return sign_in(app, "zhaohq", "/console/")


def set_aside(database: Database, reason: str = NO_USERID) -> str:
    """An event from WeCom in quarantine; its key."""
    event = WeComEvent.of(
        {
            "MsgType": "event",
            "Event": "change_contact",
            "ChangeType": "update_user",
            "UserID": "lina",
            "CreateTime": "1795312312",
        }
    )
    with database.transaction() as session:
        receive(session, event, clock.real_now(session))
        row = session.scalars(select(Inbound).where(Inbound.event_key == event.key)).one()
        row.state, row.reason = InboundState.QUARANTINED, reason
    return event.key


def state_of(database: Database, key: str) -> str:
    with database.reading() as session:
        return session.scalars(select(Inbound.state).where(Inbound.event_key == key)).one()


def press_retry(client: FlaskClient, kind: str) -> TestResponse:
    """The button in the first row of that kind, then the page it leads to."""
    text = client.get(HOME, headers=PAGE).text
    row = next(part for part in text.split("<tr ") if f">{kind}" in part)
    action, token = (
        re.search(r'action="([^"]+/retry)"', row),
        re.search(r'name="csrf_token" value="(\w+)"', row),
    )
    assert action
    assert token
    answer = client.post(action[1], data={"csrf_token": token[1]}, headers=PAGE)
    assert answer.status_code == 303
    return client.get(answer.location, headers=PAGE)


def test_events_stand_in_words_with_the_original_text_folded(client: FlaskClient, database: Database):
    key = set_aside(database)
    text = client.get(HOME, headers=PAGE).text
    for words in (
        ">通讯录变更 · 编辑成员<",
        "账号 lina",
        ">企业微信<",
        "企业微信找不到这位成员",
        ">购买<",
        "单号 536414",
        ">收银系统<",
    ):
        assert words in text
    unfolded = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert (key in text, key in unfolded) == (True, False)
    assert ("41009" in text, "41009" in unfolded) == (True, False)


def test_what_came_from_wecom_goes_back_to_the_inbox(client: FlaskClient, database: Database):
    key = set_aside(database)
    assert "已重新排队" in press_retry(client, "通讯录变更").text
    assert state_of(database, key) == InboundState.RECEIVED
    assert "通讯录变更" not in client.get(HOME, headers=PAGE).text


def test_what_still_cannot_be_read_stays_and_says_so(client: FlaskClient, database: Database):
    answer = press_retry(client, "购买")
    assert 'role="status"' in answer.text
    assert "仍" in answer.text
    assert state_of(database, "purchase:536414") == InboundState.QUARANTINED


def test_a_second_press_finds_it_gone(client: FlaskClient, database: Database, app: Flask):
    key = set_aside(database)
    page = client.get(HOME, headers=PAGE).text
    press_retry(client, "通讯录变更")
    row = next(part for part in page.split("<tr ") if ">通讯录变更" in part)
    action, token = (
        re.search(r'action="([^"]+)"', row),
        re.search(r'name="csrf_token" value="(\w+)"', row),
    )
    assert action
    assert token
    answer = client.post(action[1], data={"csrf_token": token[1]}, headers=PAGE, follow_redirects=True)
    assert "已不在隔离区" in answer.text
    assert state_of(database, key) == InboundState.RECEIVED


def test_work_that_was_set_aside_is_asked_to_be_taken_up(client: FlaskClient, database: Database):
    with database.transaction() as session:
        aside.set_aside(session, Lane.SWEEP, 1, KeyError("no such day"), clock.now(session))
    before = client.get(HOME, headers=PAGE).text
    assert "KeyError: &#39;no such day&#39;" in before
    assert "已重新排队" in press_retry(client, "按日历为计划找会员").text
    with database.reading() as session:
        asked = session.scalars(select(Inbound).where(Inbound.event_key.contains(TAKE_UP))).all()
    assert [row.state for row in asked] == [InboundState.RECEIVED]


def test_only_headquarters_with_the_pages_token_may_retry(
    app: Flask, client: FlaskClient, database: Database
):
    key = set_aside(database)
    with database.reading() as session:
        row_id = session.scalars(select(Inbound.id).where(Inbound.event_key == key)).one()
    path = f"{HOME}/{app.extensions['public_ids'].encode('inbound', row_id)}/retry"
    assert client.post(path, headers=PAGE).status_code == 403
    for userid in ("lina", "wangwei"):
        assert sign_in(app, userid, "/console/").post(path, headers=PAGE).status_code == 403
    assert state_of(database, key) == InboundState.QUARANTINED


@pytest.mark.parametrize("query", ["outcome=won", "code=nonsense", "before=1", "x=1"])
def test_wrong_addresses_are_refused(client: FlaskClient, query: str):
    assert client.get(f"{HOME}?{query}", headers=PAGE).status_code in (404, 422)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("OverflowError: date value out of range", "超出"),
        ("WeComMisconfigured: user/get: 60020 not allow to access from your ip", "可信 IP"),
        ("WeComMisconfigured: user/get: 48002 api forbidden", "拒绝了本应用"),
        ("WeComRejected: externalcontact/get: 84061 not external contact", "不属于"),
        ("WeComRejected: externalcontact/get: 90001 new", "错误码 90001"),
        ("interrupted 5 times: ", "打断"),
        ("IntegrityError: UNIQUE constraint failed", "矛盾"),
        ("TypeError: 'NoneType' object", "系统负责人"),
    ],
)
def test_common_causes_are_a_sentence(app: Flask, reason: str, words: str):
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        assert words in cause_of(reason)


def test_every_event_we_handle_has_a_name(app: Flask, database: Database):
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        for name in (*wecom_handlers(database), *CHANGE):
            assert not re.search(r"[a-z_]{3}", kind_of(f"{name}:1795312312:e5f4")), name
        assert kind_of("new_event::1:2") == "其他事件：new_event"
