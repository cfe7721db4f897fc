"""Notices that open the linked mini program: each a message of its own, beside the digest."""

from __future__ import annotations

import json
from dataclasses import replace

from app.messaging.digests import MiniProgram
from app.messaging.models import MessageState, NoticeKind
from app.wecom.sandbox_control import SandboxControl
from tests.messaging.conftest import Office
from tests.wecom.local_sandbox import LocalSandbox

APPID = "wx00demo00minishop"


def link(office: Office) -> None:
    office.sender = replace(office.sender, mini_program=MiniProgram(APPID, "pages/worklist"))


def test_each_is_a_message_of_its_own_and_the_rest_is_a_digest(office: Office):
    link(office)
    office.write((1, 21), (1, 31), kind=NoticeKind.MINI_PROGRAM)
    office.write((1, 11), (2, 41))
    office.travel(120)
    office.gather()
    bodies = [json.loads(message.body) for message in office.messages()]
    notices = [body["miniprogram_notice"] for body in bodies if body["msgtype"] == "miniprogram_notice"]
    assert sorted(body["msgtype"] for body in bodies) == ["miniprogram_notice"] * 2 + ["template_card"] * 2
    assert {notice["appid"] for notice in notices} == {APPID}
    assert len({notice["page"] for notice in notices}) == 2
    assert notices[0]["content_item"] == [{"key": "任务", "value": "30 分钟回访 · 林晓雯"}]
    assert len({notice.message_id for notice in office.notices()}) == 4


def test_without_a_mini_program_they_stand_in_the_digest(office: Office):
    office.write((1, 21), kind=NoticeKind.MINI_PROGRAM)
    office.travel(120)
    office.gather()
    card = json.loads(office.message().body)
    assert card["msgtype"] == "template_card"
    assert "30 分钟回访 · 林晓雯" in card["template_card"]["sub_title_text"]


def test_one_that_is_done_already_is_not_told(office: Office):
    link(office)
    office.write((1, 21), kind=NoticeKind.MINI_PROGRAM)
    office.closed.add(21)
    office.travel(120)
    office.gather()
    assert office.messages() == []


def test_wecom_takes_it(office: Office, sandbox: LocalSandbox):
    SandboxControl(sandbox.url).link_mini_program(APPID)
    link(office)
    office.write((1, 21), kind=NoticeKind.MINI_PROGRAM)
    office.travel(120)
    office.gather()
    sent = sandbox.app().send_app_message(office.message().body)
    assert sent.invalid_userids == frozenset()
    assert sandbox.messages("lina")[-1]["msgtype"] == "miniprogram_notice"
    assert office.message().state == MessageState.ENQUEUED
