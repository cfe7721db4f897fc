"""A group send or a moment on the toolbar: what is to be done in WeCom, and how it stands."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update

from app import clock
from app.db import Database
from app.follow_ups.channels.models import OrderState, SendOrder, SendTarget, TargetState
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Channel
from tests.faces.chain import Chain
from tests.faces.web import JSON, post_json, sign_in


# What is stored is tried on both databases where it is stored; pages need one.
@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def order(database: Database, chain: Chain, state: OrderState, channel: Channel = Channel.GROUP_SEND) -> None:
    """The task of thanks is one for WeCom to confirm, whose order stands like this."""
    task_id = chain.tasks["thanks"]
    with database.transaction() as session:
        now = clock.now(session)
        session.execute(update(FollowUpTask).where(FollowUpTask.id == task_id).values(channel=channel))
        row = {"channel": channel, "associate_id": 1, "store_id": 1, "title": "", "text": "", "reason": ""}
        numbers = {"size": 3, "fence": 0, "attempts": 0, "looks": 0, "wecom_id": "m", "job_id": ""}
        times = {"opened_at": now, "valid_until": now, "reminded_at": now}
        session.add(SendOrder(id=1, state=state, speaks_for=False, **row, **numbers, **times))
        session.add(
            SendTarget(
                task_id=task_id,
                order_id=1,
                work_item_id=1,
                member_id=1,
                external_userid="wmXiaowen",
                month="",
                state=TargetState.WAITING,
            )
        )


def test_a_group_send_says_what_to_do_and_for_how_many(app: Flask, chain: Chain, database: Database):
    order(database, chain, OrderState.ORDERED)
    text = sign_in(app, "lina").get("/h5/worklist").text
    assert "在企业微信里确认群发" in text
    assert "一次发给 3 位顾客" in text
    assert "企业微信已提醒过你" in text


@pytest.mark.parametrize(
    ("channel", "state", "says"),
    [
        (Channel.MOMENT, OrderState.ORDERED, "在企业微信里发表到朋友圈"),
        (Channel.GROUP_SEND, OrderState.READY, "正在提交到企业微信"),
        (Channel.MOMENT, OrderState.PENDING, "正在提交到企业微信"),
        (Channel.GROUP_SEND, OrderState.OVER, "在企业微信里确认后自动完成。"),
    ],
)
def test_it_says_how_it_stands(
    app: Flask, chain: Chain, database: Database, channel: Channel, state: OrderState, says: str
):
    order(database, chain, state, channel)
    assert says in sign_in(app, "lina").get("/h5/worklist").text


def test_nobody_says_that_it_was_confirmed_and_nobody_hands_it_on(
    app: Flask, chain: Chain, database: Database
):
    order(database, chain, OrderState.ORDERED)
    client = sign_in(app, "lina")
    path = f"/h5/api/tasks/{app.extensions['public_ids'].encode('task', chain.tasks['thanks'])}"
    for evidence in ("wecom_confirmed", "client_reported", "self_declared"):
        done = {
            "key": "0123456789abcdef",
            "evidence": evidence,
            "external_userid": "wmXiaowen",
            "sent_text": "x",
        }
        assert post_json(client, f"{path}/done", done).status_code == 422
    assert client.get(f"{path}/colleagues", headers=JSON).get_json()["colleagues"] == []
