"""What the toolbar's scripts report of acts, over HTTP: who may, what is refused, what is answered."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.db import Database, insert_rows, table_of
from app.follow_ups.models import CareAct, Enrollment, FollowUpTask, StepRecord
from app.follow_ups.plans.versions import get_version
from app.follow_ups.records import step_record
from app.follow_ups.rules import Verdict
from app.follow_ups.states import StepOutcome, StepReason
from app.ids import new_id
from app.member_events.models import MemberEvent
from app.worklist.models import WorkItem
from tests.faces.chain import Chain
from tests.faces.web import JSON, PAGE, post_json, sign_in
from tests.h5.test_toolbar import ref

KEY = {"key": "0123456789abcdef"}
ON_TASKS: dict[str, dict[str, Any]] = {
    "postpone": {"until": "evening"},
    "recall": {},
    "skip": {"reason": "skipped_in_touch"},
    "undo": {},
    "hand": {"to": "a" * 13},
    "call": {"outcome": "not_reached"},
    "number": {},
}
ON_MEMBERS: dict[str, dict[str, Any]] = {
    "replied": {},
    "visit": {"reason": "price"},
    "satisfaction": {"score": 5},
    "opt-out": {},
    "opt-in": {},
}


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def on_task(app: Flask, chain: Chain, act: str, task: str = "thanks") -> str:
    return f"/h5/api/tasks/{ref(app, chain, task)}/{act}"


def on_member(app: Flask, chain: Chain, act: str, member: str = "xiaowen") -> str:
    return f"/h5/api/members/{app.extensions['public_ids'].encode('member', chain.members[member])}/{act}"


def of(app: Flask, chain: Chain, person: str) -> str:
    text: str = app.extensions["public_ids"].encode("associate", chain.people[person])
    return text


def test_an_act_answers_what_is_true_now(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    answer = post_json(client, on_task(app, chain, "postpone"), {**KEY, "until": "tomorrow", "age_s": 3})
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["state"] == "open"
    assert answer.get_json()["postponed_until"].endswith("T02:00:00+00:00")
    skipped = post_json(
        client, on_task(app, chain, "skip"), {"key": "other-key", "reason": "skipped_in_touch"}
    ).get_json()
    assert (skipped["state"], skipped["close_reason"]) == ("cancelled", "skipped_in_touch")
    refused = post_json(client, on_task(app, chain, "postpone"), {"key": "third-key", "until": "evening"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "task_cancelled")
    assert refused.get_json()["title"] == "这件事已经不用做了。"


def test_a_colleague_takes_over_and_whoever_gave_it_sees_it_no_more(
    app: Flask, chain: Chain, database: Database
):
    client = sign_in(app, "lina")
    listed = client.get(on_task(app, chain, "colleagues"), headers=JSON).get_json()["colleagues"]
    assert [(one["name"], one["is_manager"], one["is_contact"]) for one in listed] == [("王伟", True, False)]
    body = {**KEY, "to": listed[0]["ref"]}
    assert post_json(client, on_task(app, chain, "hand"), body).status_code == 200
    assert post_json(client, on_task(app, chain, "hand"), body).status_code == 200
    assert client.get(on_task(app, chain, "colleagues"), headers=JSON).status_code == 404
    with database.reading() as session:
        task = session.get_one(FollowUpTask, chain.tasks["thanks"])
        assert session.get_one(WorkItem, task.work_item_id).assignee_id == chain.people["wangwei"]
    page = sign_in(app, "wangwei").get(f"/h5/tasks/{ref(app, chain, 'thanks')}", headers=PAGE).text
    assert "由李娜转来，" in page
    refused = post_json(
        sign_in(app, "wangwei"), on_task(app, chain, "hand"), {**KEY, "to": of(app, chain, "hejia")}
    )
    assert (refused.status_code, refused.get_json()["code"]) == (422, "cannot_take")


@pytest.mark.parametrize("act", ON_TASKS)
def test_nobody_else_acts_on_a_task(app: Flask, chain: Chain, database: Database, act: str):
    for userid in ("hejia", "chenjie"):
        body = {**KEY, **ON_TASKS[act], **({"to": of(app, chain, "wangwei")} if act == "hand" else {})}
        assert post_json(sign_in(app, userid), on_task(app, chain, act), body).status_code == 404
    with database.reading() as session:
        assert session.scalars(select(CareAct.id)).all() == []


@pytest.mark.parametrize("act", ON_MEMBERS)
def test_nobody_else_says_anything_of_a_member(app: Flask, chain: Chain, database: Database, act: str):
    path, body = on_member(app, chain, act), {**KEY, **ON_MEMBERS[act]}
    for userid in ("hejia", "chenjie"):
        assert post_json(sign_in(app, userid), path, body).status_code == 404
    with database.reading() as session:
        assert session.scalars(select(MemberEvent.id)).all() == []
    for userid in ("lina", "wangwei"):
        assert post_json(sign_in(app, userid), path, body).status_code == 200


@pytest.mark.parametrize("act", [*ON_TASKS, *ON_MEMBERS])
def test_an_act_needs_a_key_and_a_token_and_nothing_unknown(app: Flask, chain: Chain, act: str):
    client = sign_in(app, "lina")
    path = on_task(app, chain, act) if act in ON_TASKS else on_member(app, chain, act)
    body = ON_TASKS.get(act) or ON_MEMBERS.get(act) or {}
    assert post_json(client, path, body).status_code == 422
    assert post_json(client, path, {**KEY, **body, "more": 1}).status_code == 422
    assert post_json(client, path, {**KEY, **body}, token="forged").status_code == 403


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("postpone", {"until": "someday"}),
        ("postpone", {"until": "2026-13-01"}),
        ("postpone", {"until": 7}),
        ("postpone", {"until": "1999-01-01"}),
        ("skip", {"reason": "done"}),
        ("skip", {"reason": "skipped_other"}),
        ("skip", {"reason": "skipped_in_touch", "note": "x" * 1025}),
        ("call", {"outcome": "asleep"}),
        ("call", {"outcome": "reached"}),
        ("visit", {"reason": "weather"}),
        ("visit", {"reason": "price", "tried": ["x"] * 21}),
        ("satisfaction", {"score": 0}),
        ("satisfaction", {"score": "5"}),
        ("satisfaction", {"score": 5, "comment": "good\0"}),
        ("visit", {"reason": "price", "tried": ["coat", "\x1b[2J"]}),
    ],
)
def test_what_makes_no_sense_is_refused(app: Flask, chain: Chain, act: str, body: dict[str, Any]):
    path = on_task(app, chain, act) if act in ON_TASKS else on_member(app, chain, act)
    assert post_json(sign_in(app, "lina"), path, {**KEY, **body}).status_code == 422


REUSED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("postpone", {"until": "evening"}, {"until": "tomorrow"}),
    ("skip", {"reason": "skipped_in_touch"}, {"reason": "skipped_not_interested"}),
    ("skip", {"reason": "skipped_other", "note": "one"}, {"reason": "skipped_other", "note": "two"}),
    ("satisfaction", {"score": 2}, {"score": 3}),
    ("satisfaction", {"score": 2}, {"score": 2, "comment": "tight"}),
    ("visit", {"reason": "price"}, {"reason": "size", "tried": ["coat"]}),
]


@pytest.mark.parametrize(("act", "body", "other"), REUSED)
def test_the_same_key_with_the_same_body_is_one_act_and_with_another_is_refused(
    app: Flask, chain: Chain, database: Database, act: str, body: dict[str, Any], other: dict[str, Any]
):
    """However long the first was under way."""
    client = sign_in(app, "lina")
    path = on_task(app, chain, act) if act in ON_TASKS else on_member(app, chain, act)
    first = post_json(client, path, {**KEY, **body})
    assert first.status_code == 200
    again = post_json(client, path, {**KEY, **body, "age_s": 9})
    assert (again.status_code, again.get_json()) == (200, first.get_json())
    kept = _kept(database)
    refused = post_json(client, path, {**KEY, **other})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "key_reused")
    assert (
        refused.get_json()["title"] == "这个操作之前带着别的内容提交过，已按那次记下。请刷新页面后重新操作。"
    )
    assert _kept(database) == kept
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [("skip", "undo"), ("satisfaction", "visit"), ("opt-out", "opt-in"), ("opt-out", "visit")],
)
def test_a_key_is_for_one_act(app: Flask, chain: Chain, first: str, then: str):
    client = sign_in(app, "lina")
    for act, status in ((first, 200), (then, 422)):
        path = on_task(app, chain, act) if act in ON_TASKS else on_member(app, chain, act)
        body = ON_TASKS.get(act) or ON_MEMBERS.get(act) or {}
        answer = post_json(client, path, {**KEY, **body})
        assert answer.status_code == status, answer.text
    assert answer.get_json()["code"] == "key_reused"


def _kept(database: Database) -> list[Any]:
    """Acts and events, as they are kept."""
    acts = select(CareAct.act, CareAct.reason, CareAct.note, CareAct.until)
    events = select(MemberEvent.kind, MemberEvent.data)
    with database.reading() as session:
        return [tuple(row) for query in (acts, events) for row in session.execute(query)]


def test_until_when_is_asked_for_in_the_readers_language(app: Flask, chain: Chain):
    answer = post_json(
        sign_in(app, "lina"), on_task(app, chain, "postpone"), {**KEY, "until": "someday"}
    ).get_json()
    assert [one["message"] for one in answer["errors"]] == ["只能是：evening, tomorrow, YYYY-MM-DD。"]


def test_a_page_says_why_its_task_is_there(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    text = client.get(f"/h5/tasks/{ref(app, chain, 'thanks')}", headers=PAGE).text
    for words in (
        "为什么有这条任务？",
        "购后跟进",
        "第 1 步，共 5 步",
        "的购买",
        "羊毛混纺西装",
        "到期时派发为任务",
    ):
        assert words in text
    for userid in ("hejia", "chenjie"):
        page = f"/h5/tasks/{ref(app, chain, 'thanks')}"
        assert sign_in(app, userid).get(page, headers=PAGE).status_code == 404


def test_the_worklist_has_what_is_now_later_and_done(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    post_json(client, on_task(app, chain, "postpone"), {**KEY, "until": "evening"})
    text = client.get("/h5/worklist", headers=PAGE).text
    assert "还有 2 件 · 稍后 1 件 · 今天已完成 1 件" in text
    invites = client.get("/h5/worklist?show=invite", headers=PAGE).text
    assert "周敏" in invites
    assert "林晓雯" not in invites
    assert client.get("/h5/worklist?show=everything", headers=PAGE).status_code == 422


def test_a_manager_filters_a_persons_tasks_by_how_they_are_proven(app: Flask, chain: Chain):
    client, path = sign_in(app, "wangwei"), f"/h5/people/{of(app, chain, 'lina')}"
    sent = client.get(path, query_string={"evidence": "client_reported"}, headers=PAGE).text
    assert "陈国强" in sent
    assert "周敏" not in sent
    assert "陈国强" not in client.get(path, query_string={"evidence": "self_declared"}, headers=PAGE).text


def test_a_member_who_opted_out_is_said_to_be_so(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    post_json(client, on_member(app, chain, "opt-out"), KEY)
    text = client.get("/h5/member", query_string={"contact": "wmXiaowen"}, headers=PAGE).text
    assert "这位顾客设了勿扰" in text
    assert "data-send" not in text


def test_a_task_shows_what_else_it_does(app: Flask, chain: Chain, database: Database):
    """On its card by name, on its page with the reason and the words of each."""
    with database.transaction() as session:
        task = session.get_one(FollowUpTask, chain.tasks["thanks"])
        series = session.execute(
            select(table_of(Enrollment)).where(Enrollment.id == task.enrollment_id)
        ).one()
        other = {**series._mapping, "id": new_id(session), "anchor_event": "purchase:2026-01-01"}
        now = clock.now(session)
        merged = Verdict(StepOutcome.MERGED, StepReason.SAME_DAY)
        step = get_version(session, series.plan_version_id).step(3)
        insert_rows(session, Enrollment, [other])
        insert_rows(
            session, StepRecord, [{**step_record(other["id"], step, merged, now, now), "task_id": task.id}]
        )
    client = sign_in(app, "lina")
    assert f"同时完成：{step.title}" in client.get("/h5/worklist", headers=PAGE).text
    page = client.get(f"/h5/tasks/{ref(app, chain, 'thanks')}", headers=PAGE).text
    assert "发一条就够" in page
    assert "满一个月了" in page
