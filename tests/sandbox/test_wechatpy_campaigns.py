"""The unmodified wechatpy's own calls for group sends, groups, figures, leavers and lives (facts 1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from wechatpy.exceptions import WeChatClientException
from wechatpy.work import WeChatClient

from tests.sandbox.corp import CORP, SECOND, SECRET, Machine, answer_of
from tests.sandbox.test_wechatpy import Elsewhere


@pytest.fixture
def wechatpy(live_url: str) -> Iterator[WeChatClient]:
    client = WeChatClient(CORP, SECRET)
    client._http.mount("https://qyapi.weixin.qq.com/", Elsewhere(live_url))
    yield client
    client._http.close()


def test_a_group_send_is_ordered(wechatpy: Any, seeded: FlaskClient):
    template = {"chat_type": "single", "external_userid": ["wmA"], "text": {"content": "新品到店"}}
    msgid = wechatpy.external_contact.add_msg_template(template)["msgid"]
    waiting = answer_of(seeded.get("/sandbox/campaign/pending/lina"))["group_sends"]
    assert [one["msgid"] for one in waiting] == [msgid]


def test_groups_are_listed_and_read(wechatpy: Any, seeded: FlaskClient):
    sent = {"owner": "lina", "name": "老友群", "members": ["wmA"]}
    chat_id = answer_of(seeded.post("/sandbox/campaign/groups", json=sent))["chat_id"]
    assert [one["chat_id"] for one in wechatpy.external_contact_group_chat.list_all()] == [chat_id]
    group = wechatpy.external_contact_group_chat.get(chat_id)["group_chat"]
    assert [member["userid"] for member in group["member_list"]] == ["LiNa", "wmA"]


def test_who_was_left_behind_is_listed(wechatpy: Any, seeded: FlaskClient):
    contact = {"external_userid": "wmD", "name": "客", "follow": [{"userid": "gone"}]}
    assert seeded.put("/sandbox/contacts", json=[contact]).status_code == 200
    found = wechatpy.external_contact.get_unassigned_list()
    assert [(one["handover_userid"], one["external_userid"]) for one in found["info"]] == [("gone", "wmD")]
    assert found["is_last"] is True


def test_the_retired_transfer_is_gone(wechatpy: Any):
    """wechatpy calls the path that WeCom has taken away (facts 1.6)."""
    with pytest.raises(WeChatClientException):
        wechatpy.external_contact.transfer("wmA", "lina", "wangwei")


def test_figures_are_read(wechatpy: Any, machine: Machine):
    now = machine.now // SECOND
    (day,) = wechatpy.external_contact.get_user_behavior_data(["lina"], now, now)["behavior_data"]
    assert day["message_cnt"] == 0


def test_a_live_is_reserved_and_read(wechatpy: Any, machine: Machine):
    starts_at = machine.now // SECOND + 3_600
    livingid = wechatpy.living.create("lina", "春装上新", starts_at, 600)["livingid"]
    assert wechatpy.living.get_living_info(livingid)["living_info"]["reserve_start"] == starts_at
    assert wechatpy.living.get_user_all_livingid("lina")["livingid_list"] == [livingid]
    assert wechatpy.living.get_watch_stat(livingid)["ending"] == 1
    assert wechatpy.living.get_living_code(livingid, "oOpen")["living_code"]
    wechatpy.living.cancel(livingid)
    assert wechatpy.living.get_living_info(livingid)["living_info"]["status"] == 4
