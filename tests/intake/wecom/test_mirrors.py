"""Tags, group chats and lives are what the last look showed; a pressed card is told so once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Base, Database
from app.group_chats.models import GroupChat, GroupChatMember
from app.intake.wecom.card_presses import card_handler
from app.intake.wecom.tags import look_at_tags, write_tags
from app.livings.models import Living, LivingStatus
from app.messaging.models import CardPress
from app.tagging.models import Tag, TagGroup
from app.wecom.apis import group_chats as port
from app.wecom.apis import livings as lives
from app.wecom.errors import WeComRejected, WeComRetryable
from tests.intake.wecom.conftest import Desk, again, shuffled
from tests.intake.wecom.fake_corp import event

T0 = 1_790_000_000


def rows(database: Database, model: type[Base]) -> list[Any]:
    with database.reading() as session:
        return list(session.scalars(select(model)))


def tag_event(change: str, its: str, at_s: int, kind: str = "tag"):
    return event("change_external_tag", at_s, change, Id=its, TagType=kind)


def test_tags_follow_wecom_in_any_order_of_events(desk: Desk):
    desk.corp.groups = {"g1": ("风格", {"t1": "商务", "t2": "休闲"}), "g2": ("尺码", {"t3": "L"})}
    desk.hear(tag_event("create", "g1", T0, "tag_group"))
    desk.corp.groups = {"g1": ("着装风格", {"t2": "休闲", "t4": "运动"})}
    told = [
        tag_event("update", "g1", T0 + 1, "tag_group"),
        tag_event("delete", "t1", T0 + 2),
        tag_event("create", "t4", T0 + 3),
        tag_event("delete", "g2", T0 + 4, "tag_group"),
        tag_event("shuffle", "", T0 + 5),
    ]
    desk.hear(*shuffled(told, seed=3))
    tags = {row.wecom_id: (row.name, row.ended_at is None) for row in rows(desk.database, Tag)}
    groups = {row.wecom_id: (row.name, row.ended_at is None) for row in rows(desk.database, TagGroup)}
    assert tags == {
        "t1": ("商务", False),
        "t2": ("休闲", True),
        "t3": ("L", False),
        "t4": ("运动", True),
    }
    assert groups == {"g1": ("着装风格", True), "g2": ("尺码", False)}


def test_a_look_at_the_tags_from_before_another_writing_is_not_written(desk: Desk):
    desk.corp.groups = {"g1": ("风格", {"t1": "商务"})}

    def renamed_and_written_by_another() -> None:
        desk.corp.groups = {"g1": ("风格", {"t1": "商务正装"})}
        seen = look_at_tags(desk.database, desk.corp.port)
        desk.database.in_transaction(lambda session: write_tags(session, seen))

    desk.corp.on_look = renamed_and_written_by_another
    desk.hear(tag_event("create", "t1", T0))
    assert [row.name for row in rows(desk.database, Tag)] == ["商务正装"]
    assert desk.corp.looks == 3


def member(userid: str, kind: port.MemberKind = port.MemberKind.EXTERNAL) -> port.GroupMember:
    return port.GroupMember(userid, kind, T0, port.JoinScene.BY_QR, "", "", userid, "", None)


def chat(*userids: str, name: str = "会员群") -> port.GroupChat:
    people = (member("owner", port.MemberKind.INTERNAL), *map(member, userids))
    return port.GroupChat("wr1", name, "owner", T0, "每周上新", people, frozenset(), "v1")


def chat_event(change: str, at_s: int, **fields: str):
    return event("change_external_chat", at_s, change, ChatId="wr1", **fields)


def test_a_group_chat_and_who_is_in_it_are_what_was_seen_last(desk: Desk):
    desk.corp.chats = {"wr1": chat("wm1", "wm2")}
    desk.hear(chat_event("create", T0))
    desk.corp.chats = {"wr1": chat("wm2", "wm3", name="老客群")}
    told = [
        chat_event("update", T0 + 1, UpdateDetail="add_member"),
        chat_event("update", T0 + 2, UpdateDetail="del_member"),
        chat_event("update", T0 + 3, UpdateDetail="change_name"),
    ]
    desk.hear(*shuffled(told, seed=5))
    (row,) = rows(desk.database, GroupChat)
    assert (row.name, row.owner_userid, row.ended_at) == ("老客群", "owner", None)
    inside = {each.userid: each.ended_at is None for each in rows(desk.database, GroupChatMember)}
    assert inside == {"owner": True, "wm1": False, "wm2": True, "wm3": True}


def test_a_dismissed_chat_is_ended_whatever_comes_after(desk: Desk):
    desk.corp.chats = {"wr1": chat("wm1")}
    desk.hear(chat_event("create", T0))
    desk.corp.chats = {}
    desk.hear(chat_event("dismiss", T0 + 9), chat_event("update", T0 + 1), again(chat_event("create", T0), 1))
    (row,) = rows(desk.database, GroupChat)
    assert row.ended_at is not None
    assert all(each.ended_at is not None for each in rows(desk.database, GroupChatMember))


def test_a_chat_that_never_was_known_is_not_made_by_its_end(desk: Desk):
    desk.hear(chat_event("dismiss", T0))
    assert rows(desk.database, GroupChat) == []


def test_a_live_is_what_was_seen_last(desk: Desk):
    plan = lives.Living(
        livingid="lv1",
        theme="秋装",
        description="",
        anchor_userid="owner",
        status=lives.LivingStatus.RESERVED,
        living_type=lives.LivingType.GENERAL,
        starts_at_s=T0 + 60,
        duration_s=3600,
        reserved_at_s=T0 + 60,
        reserved_duration_s=3600,
        viewers=0,
        comments=0,
        speakers=0,
        replay=None,
    )
    desk.corp.lives = {"lv1": replace(plan, status=lives.LivingStatus.ENDED, starts_at_s=T0 + 90)}
    told = [event("living_status_change", T0 + at, LivingId="lv1", Status=str(at)) for at in (2, 0, 1)]
    desk.hear(*shuffled(told, seed=1))
    (row,) = rows(desk.database, Living)
    assert (row.theme, row.anchor_userid, row.status) == ("秋装", "owner", LivingStatus.ENDED)
    assert row.starts_at.timestamp() == T0 + 90


def press(at_s: int = T0, code: str = "rc1", kind: str = "button_interaction", **fields: Any):
    return event(
        "template_card_event",
        at_s,
        FromUserName="Owner",
        EventKey="ok",
        TaskId="task1",
        CardType=kind,
        ResponseCode=code,
        **fields,
    )


def test_a_press_is_kept_and_shown_on_the_card_once(desk: Desk):
    selected = {"SelectedItem": {"QuestionKey": "q1", "OptionIds": {"OptionId": ["a", "b"]}}}
    desk.hear(press(SelectedItems=selected), press(SelectedItems=selected))
    (row,) = rows(desk.database, CardPress)
    assert (row.task_id, row.wecom_userid, row.button, row.card_update) == ("task1", "owner", "ok", "done")
    assert json.loads(row.selected) == {"q1": ["a", "b"]}
    assert desk.corp.updated == [("rc1", ("owner",), "已处理")]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WeComRejected("message/update_template_card", 40058, "used"), "failed"),
        (WeComRetryable("message/update_template_card", "timeout", sent=True), "unknown"),
    ],
)
def test_a_code_is_not_tried_again_where_it_may_be_used(desk: Desk, error: Exception, expected: str):
    desk.corp.card_answers = [error]
    desk.hear(press())
    (row,) = rows(desk.database, CardPress)
    assert row.card_update == expected
    assert row.reason
    assert len(desk.corp.updated) == 1


def test_a_card_that_wecom_was_not_reached_for_is_told_later(desk: Desk):
    desk.corp.card_answers = [WeComRetryable("message/update_template_card", "refused")]
    desk.hear(press())
    (row,) = rows(desk.database, CardPress)
    assert row.card_update == "done"
    assert len(desk.corp.updated) == 2


@pytest.mark.parametrize(("code", "kind"), [("", "button_interaction"), ("rc1", "text_notice")])
def test_cards_without_a_code_or_without_buttons_are_left_as_they_are(desk: Desk, code: str, kind: str):
    desk.hear(press(code=code, kind=kind))
    (row,) = rows(desk.database, CardPress)
    assert row.card_update == "unneeded"
    assert desk.corp.updated == []


def test_a_press_whose_process_died_after_its_claim_calls_nobody_again(desk: Desk):
    told = press()
    desk.keep(told)
    card_handler(desk.database).look(desk.corp.port, told)  # claimed and called, and then nothing
    desk.work()
    assert len(desk.corp.updated) == 1
    (row,) = rows(desk.database, CardPress)
    assert row.card_update == "claimed"
