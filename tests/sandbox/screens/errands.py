"""What the app asks of WeCom before a test looks at phones, and what WeCom tells it."""

from __future__ import annotations

from typing import Any

from tests.sandbox.corp import answer_of
from tests.sandbox.stage import Stage


def told(stage: Stage) -> list[dict[str, Any]]:
    """What WeCom tells the app."""
    return [event["fields"] for event in answer_of(stage.client.get("/sandbox/callbacks"))["callbacks"]]


def order_group_send(stage: Stage, **fields: Any) -> None:
    body = {"chat_type": "single", "external_userid": ["wmA", "wmB"], "sender": "lina", "allow_select": True}
    page = {
        "msgtype": "link",
        "link": {"title": "会员日", "url": f"http://localhost:{stage.app_port}/join/s12"},
    }
    content = {"text": {"content": "周六会员日"}, "attachments": [page]}
    assert stage.api.post("externalcontact/add_msg_template", {**body, **content, **fields})["errcode"] == 0


def order_moment(stage: Stage) -> None:
    body = {"text": {"content": "新品上架"}, "visible_range": {"sender_list": {"user_list": ["lina"]}}}
    assert stage.api.post("externalcontact/add_moment_task", body)["errcode"] == 0
