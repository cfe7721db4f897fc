"""What the toolbar shows to whom, and what may be written from it."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence
from app.members.models import Member
from app.worklist.models import WorkItem, WorkState
from tests.faces.chain import FIT, THANKS, Chain
from tests.faces.web import JSON, PAGE, KnownCodes, csrf_of, post_json, sign_in


# What is stored is tried on both databases where it is stored; pages need one.
@pytest.fixture
def database_kind() -> str:
    return "sqlite"


PART = {"Accept": "text/html;q=0.9, application/problem+json"}


def member_part(client: FlaskClient, contact: str) -> str:
    answer = client.get("/h5/member", query_string={"contact": contact}, headers=PART)
    assert answer.status_code == 200
    return answer.text


def ref(app: Flask, chain: Chain, task: str) -> str:
    text: str = app.extensions["public_ids"].encode("task", chain.tasks[task])
    return text


def said(
    contact: str | None = "wmXiaowen", evidence: str = "client_reported", **more: object
) -> dict[str, object]:
    return {
        "key": "0123456789abcdef",
        "evidence": evidence,
        "external_userid": contact,
        "sent_text": THANKS,
        **more,
    }


def state_of(database: Database, chain: Chain, task: str) -> WorkState:
    with database.reading() as session:
        query = select(WorkItem.state).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        return WorkState(session.scalars(query.where(FollowUpTask.id == chain.tasks[task])).one())


def test_the_page_says_who_this_is_what_is_due_why_and_which_words(app: Flask):
    text = member_part(sign_in(app, "lina"), "wmXiaowen")
    for expected in (
        "林晓雯",
        "深圳万象城店",
        "专属导购：李娜",
        "购后致谢",
        "趁热道个谢",
        "谢谢您今天过来",
        "明天 12:00 前",
    ):
        assert expected in text


def test_money_is_net_of_refunds_in_the_stores_currency(app: Flask):
    text = member_part(sign_in(app, "lina"), "wmXiaowen")
    assert "¥5,697.50" in text  # 1,899 + 1,158 + 3,099.50 - 459
    assert "退 ¥459" in text


def test_every_step_that_was_not_sent_has_a_reason(app: Flask):
    text = member_part(sign_in(app, "lina"), "wmXiaowen")
    for reason in ("只知道购买日期", "之后又有购买", "合并为一次", "时间已经过了", "这笔购买已退货"):
        assert reason in text


def test_a_variable_nobody_filled_blocks_the_button_and_is_named(app: Flask):
    text = member_part(sign_in(app, "lina"), "wmXiaowen")
    assert "{product}" in FIT
    assert "不能发送：product 还没有内容" in text
    assert re.search(r"data-send\s+disabled", text)


def test_nothing_due_says_what_comes_next(app: Flask):
    text = member_part(sign_in(app, "lina"), "wmChen")
    assert "现在没有待办" in text
    assert "下一步：30 天搭配" in text


@pytest.mark.parametrize(
    ("userid", "contact", "sees"),
    [
        ("lina", "wmXiaowen", "林晓雯"),
        ("wangwei", "wmXiaowen", "林晓雯"),
        ("hejia", "wmXiaowen", "这不是你的客户"),
        ("chenjie", "wmXiaowen", "这不是你的客户"),
        ("lina", "wmOther", "这不是你的客户"),
        ("wangwei", "wmOther", "这不是你的客户"),
        ("lina", "wmNobody", "这位客户还不是会员"),
        ("chenjie", "wmNobody", "这不是你的客户"),
        ("lina", "wm-no-such", "这不是你的客户"),
    ],
)
def test_only_who_follows_the_contact_and_their_manager_see_the_member(
    app: Flask, userid: str, contact: str, sees: str
):
    text = member_part(sign_in(app, userid), contact)
    assert sees in text
    assert ("林晓雯" in text) == (sees == "林晓雯")


def test_a_manager_reads_a_colleagues_task_but_has_no_button(app: Flask):
    text = member_part(sign_in(app, "wangwei"), "wmXiaowen")
    assert "由 李娜 负责" in text
    assert "data-send" not in text


def test_the_worklist_holds_ones_own_open_tasks_and_what_was_done_today(app: Flask):
    text = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    assert text.count("data-task=") == 3
    assert "未加企微" in text
    assert "周敏姐您好" in text
    assert "还有 3 件" in text
    assert "今天已完成 1 件" in text
    assert "吴桐" not in text


def test_a_manager_sees_the_people_of_the_store(app: Flask):
    text = sign_in(app, "wangwei").get("/h5/worklist", headers=PAGE).text
    assert "门店今日" in text
    assert "1 / 4" in text
    assert "陈洁" not in text


def test_sending_is_recorded_with_evidence(app: Flask, chain: Chain, database: Database):
    client = sign_in(app, "lina")
    answer = post_json(client, f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done", said())
    assert answer.status_code == 200
    assert answer.get_json()["state"] == "done"
    with database.reading() as session:
        task = session.get_one(FollowUpTask, chain.tasks["thanks"])
        assert (task.evidence, task.sent_text) == (Evidence.CLIENT_REPORTED, THANKS)
        assert task.completed_by == chain.people["lina"]


def test_recording_twice_gives_the_same_answer_and_one_effect(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    path = f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done"
    first, again = post_json(client, path, said()), post_json(client, path, said(sent_text="something else"))
    assert first.get_json() == again.get_json()


def test_an_invitation_takes_the_associates_word(app: Flask, chain: Chain, database: Database):
    client = sign_in(app, "lina")
    path = f"/h5/api/tasks/{ref(app, chain, 'invite')}/done"
    assert post_json(client, path, said(None, "client_reported")).status_code == 422
    assert post_json(client, path, said(None, "self_declared", sent_text=None)).status_code == 200
    assert state_of(database, chain, "invite") is WorkState.DONE


@pytest.mark.parametrize(
    ("userid", "task", "status"),
    [
        ("hejia", "thanks", 404),
        ("chenjie", "thanks", 404),
        ("wangwei", "thanks", 403),
        ("lina", "other", 404),
    ],
)
def test_nobody_else_can_record_it(
    app: Flask, chain: Chain, database: Database, userid: str, task: str, status: int
):
    client = sign_in(app, userid)
    path = f"/h5/api/tasks/{ref(app, chain, task)}/done"
    assert post_json(client, path, said(sent_text="x")).status_code == status
    assert state_of(database, chain, task) is WorkState.OPEN


def test_a_send_into_another_members_chat_is_no_proof(app: Flask, chain: Chain, database: Database):
    client = sign_in(app, "lina")
    path = f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done"
    assert post_json(client, path, said("wmChen")).status_code == 404
    assert state_of(database, chain, "thanks") is WorkState.OPEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"evidence": "wecom_confirmed"},
        {"evidence": "sworn"},
        {"key": "short"},
        {"associate_id": 7},
        {"sent_text": "x" * 4001},
        {"external_userid": 5},
    ],
)
def test_wrong_records_are_refused_and_change_nothing(
    app: Flask, chain: Chain, database: Database, wrong: dict[str, object]
):
    client = sign_in(app, "lina")
    path = f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done"
    answer = post_json(client, path, {**said(), **wrong})
    assert answer.status_code == 422
    assert state_of(database, chain, "thanks") is WorkState.OPEN
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["place"] in wrong


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(app: Flask, chain: Chain, body: bytes):
    client = sign_in(app, "lina")
    headers = {**JSON, "X-CSRF-Token": csrf_of(client)}
    path = f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done"
    answer = client.post(path, data=body, headers=headers, content_type="application/json")
    assert answer.status_code == 422


@pytest.mark.parametrize("token", ["", "0" * 128, "0" * 64, "g" * 128])
def test_a_write_without_the_sessions_token_is_refused(
    app: Flask, chain: Chain, database: Database, token: str
):
    client = sign_in(app, "lina")
    answer = post_json(client, f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done", said(), token=token)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "csrf")
    assert state_of(database, chain, "thanks") is WorkState.OPEN


def test_the_token_of_another_session_does_not_fit(app: Flask, chain: Chain):
    mine, theirs = sign_in(app, "lina"), sign_in(app, "hejia")
    answer = post_json(mine, f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done", said(), token=csrf_of(theirs))
    assert answer.get_json()["code"] == "csrf"


def test_no_two_pages_hold_the_same_token_and_each_works(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    tokens = {csrf_of(client) for _ in range(3)}
    assert len(tokens) == 3
    path = f"/h5/api/tasks/{ref(app, chain, 'thanks')}/done"
    assert {post_json(client, path, said(), token=token).status_code for token in tokens} == {200}


def test_long_pages_are_compressed_for_who_takes_it(app: Flask):
    client = sign_in(app, "lina")
    plain = client.get("/h5/worklist", headers=PAGE)
    packed = client.get("/h5/worklist", headers={**PAGE, "Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) * 2 < len(plain.data)


@pytest.mark.parametrize("text", ["1", "abc", "a" * 13, "0" * 13, "A" * 13])
def test_ids_cannot_be_guessed(app: Flask, text: str):
    answer = post_json(sign_in(app, "lina"), f"/h5/api/tasks/{text}/done", said())
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/h5/member?contact=wmXiaowen", "/h5/api/signature?kind=agent&url=x"])
def test_anonymous_scripts_are_told_to_sign_in(app: Flask, path: str):
    answer = app.test_client().get(path, headers=JSON)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "signed_out")


@pytest.mark.parametrize("path", ["/h5/?x=1", "/h5/worklist?x=1", "/h5/member?contact=a&x=1", "/h5/member"])
def test_unknown_and_missing_query_fields_are_refused(app: Flask, path: str):
    assert sign_in(app, "lina").get(path, headers=JSON).status_code == 422


def test_the_signature_is_made_with_the_ticket_of_its_kind(app: Flask):
    client = sign_in(app, "lina")
    signed = {
        kind: client.get(
            "/h5/api/signature",
            query_string={"kind": kind, "url": "http://localhost:8000/h5/"},
            headers={**JSON, "Host": "localhost:8000"},
        ).get_json()
        for kind in ("corp", "agent")
    }
    assert signed["corp"].keys() == {"timestamp", "nonceStr", "signature"}
    assert signed["corp"]["signature"] != signed["agent"]["signature"]


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/h5/", "http://localhost:8000/console/", "http://localhost:8000.evil.example/h5/"],
)
def test_only_our_own_toolbar_pages_are_signed(app: Flask, url: str):
    answer = sign_in(app, "lina").get(
        "/h5/api/signature", query_string={"kind": "agent", "url": url}, headers=JSON
    )
    assert (answer.status_code, answer.get_json()["code"]) == (403, "not_our_page")


def test_headquarters_has_no_toolbar(app: Flask):
    assert sign_in(app, "zhaohq").get("/h5/", headers=PAGE).status_code == 403


def test_a_name_that_is_markup_is_only_a_name(app: Flask, database: Database, chain: Chain):
    with database.transaction() as session:
        session.get_one(Member, chain.members["xiaowen"]).name = "<script>alert(1)</script>"
    text = member_part(sign_in(app, "lina"), "wmXiaowen")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_pages_forbid_inline_and_foreign_scripts_and_strange_frames(app: Flask, wecom: KnownCodes):
    answer = sign_in(app, "lina").get("/h5/", headers=PAGE)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors http://localhost:8001 http://*.localhost:8001" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=|[^>]*application/json)", answer.text)
    assert "style=" not in answer.text


def test_english_is_second(app: Flask):
    client = sign_in(app, "lina")
    text = client.get("/h5/worklist", headers={**PAGE, "Accept-Language": "en-US,en;q=0.9"}).text
    assert "My tasks" in text
    assert '<html lang="en">' in text
