"""One message, one sending: claims between pages, and the time of a record that comes late."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.service import CLAIM_LIFE
from app.worklist.models import WorkItem, WorkState
from tests.faces.chain import Chain
from tests.faces.web import post_json, sign_in
from tests.h5.test_toolbar import ref, said

ONE, OTHER = {"key": "11111111"}, {"key": "22222222"}
DAY_S = 86_400


def path(app: Flask, chain: Chain, what: str, task: str = "thanks") -> str:
    return f"/h5/api/tasks/{ref(app, chain, task)}/{what}"


def item_of(database: Database, chain: Chain, task: str = "thanks") -> WorkItem:
    with database.reading() as session:
        query = select(WorkItem).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        return session.scalars(query.where(FollowUpTask.id == chain.tasks[task])).one()


def test_a_second_page_is_told_that_the_first_is_sending(app: Flask, chain: Chain):
    phone, computer = sign_in(app, "lina"), sign_in(app, "lina")
    claim = path(app, chain, "claim")
    assert post_json(phone, claim, ONE).status_code == 200
    assert post_json(phone, claim, ONE).status_code == 200
    answer = post_json(computer, claim, OTHER)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "sending_elsewhere")
    assert answer.get_json()["title"] == "正在另一处发送。"


def test_a_cancelled_send_lets_the_other_page_go_on(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    post_json(client, path(app, chain, "claim"), ONE)
    assert post_json(client, path(app, chain, "release"), OTHER).status_code == 200
    assert post_json(client, path(app, chain, "claim"), OTHER).status_code == 409
    assert post_json(client, path(app, chain, "release"), ONE).status_code == 200
    assert post_json(client, path(app, chain, "claim"), OTHER).status_code == 200


def test_a_claim_runs_out_in_real_time_and_no_fast_forward_ends_it(
    app: Flask, chain: Chain, database: Database
):
    client = sign_in(app, "lina")
    post_json(client, path(app, chain, "claim"), ONE)
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + timedelta(hours=2))
    assert post_json(client, path(app, chain, "claim"), OTHER).status_code == 409
    with database.transaction() as session:
        item = session.get_one(WorkItem, item_of(database, chain).id)
        assert item.claimed_until is not None
        item.claimed_until -= CLAIM_LIFE
    assert post_json(client, path(app, chain, "claim"), OTHER).status_code == 200


def test_a_record_counts_whoever_holds_the_claim_and_then_nobody_may_claim(
    app: Flask, chain: Chain, database: Database
):
    client = sign_in(app, "lina")
    post_json(client, path(app, chain, "claim"), ONE)
    assert post_json(client, path(app, chain, "done"), said()).status_code == 200
    assert item_of(database, chain).state == WorkState.DONE
    answer = post_json(client, path(app, chain, "claim"), ONE)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "task_closed")


def test_what_was_claimed_and_recorded_is_not_recorded_otherwise_with_its_key(app: Flask, chain: Chain):
    client, done = sign_in(app, "lina"), path(app, chain, "done")
    record = said()
    post_json(client, path(app, chain, "claim"), {"key": record["key"]})
    first = post_json(client, done, record)
    assert post_json(client, done, record).get_json() == first.get_json()
    refused = post_json(client, done, {**record, "sent_text": "other words"})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "key_reused")
    other_page = post_json(client, done, {**record, "key": "of another page", "sent_text": "other words"})
    assert other_page.get_json() == first.get_json(), "the first counts"


@pytest.mark.parametrize(("userid", "status"), [("hejia", 404), ("wangwei", 403), ("chenjie", 404)])
@pytest.mark.parametrize("what", ["claim", "release"])
def test_only_who_is_to_do_it_may_claim(app: Flask, chain: Chain, userid: str, status: int, what: str):
    answer = post_json(sign_in(app, userid), path(app, chain, what), ONE)
    assert answer.status_code == status
    assert not any(part.isdigit() for part in str(answer.get_json().get("place")).split())


@pytest.mark.parametrize("body", [{}, {"key": "short"}, {"key": "x" * 65}, {"key": "12345678", "more": 1}])
def test_a_claim_needs_a_key_and_nothing_else(app: Flask, chain: Chain, body: dict[str, object]):
    assert post_json(sign_in(app, "lina"), path(app, chain, "claim"), body).status_code == 422


def test_a_forged_reference_is_repeated_and_no_number_of_ours_is_told(app: Flask, chain: Chain):
    client = sign_in(app, "lina")
    for text in ("1", "a" * 13, "x" * 90):
        answer = post_json(client, f"/h5/api/tasks/{text}/done", said())
        assert answer.status_code == 404
        assert answer.get_json()["place"] in (text[:40], "task")
    answer = post_json(sign_in(app, "chenjie"), path(app, chain, "done"), said())
    assert answer.status_code == 404
    assert str(chain.tasks["thanks"]) not in answer.text


def closed_ago(app: Flask, chain: Chain, database: Database, age_s: int) -> tuple[timedelta, WorkItem]:
    with database.reading() as session:
        now = clock.now(session)
    answer = post_json(sign_in(app, "lina"), path(app, chain, "done"), said(age_s=age_s))
    assert answer.status_code == 200
    return now - datetime.fromisoformat(answer.get_json()["closed_at"]), item_of(database, chain)


def test_a_record_that_waited_counts_from_when_it_was_sent(app: Flask, chain: Chain, database: Database):
    ago, _ = closed_ago(app, chain, database, 300)
    assert timedelta(seconds=290) < ago < timedelta(seconds=301)


def test_nothing_was_sent_before_its_task_was_opened(app: Flask, chain: Chain, database: Database):
    _, item = closed_ago(app, chain, database, 7 * DAY_S)
    assert item.closed_at == item.opened_at


@pytest.mark.parametrize("age_s", [-1, 7 * DAY_S + 1, "5", 1.5, None])
def test_wrong_ages_are_refused(app: Flask, chain: Chain, age_s: object):
    answer = post_json(sign_in(app, "lina"), path(app, chain, "done"), said(age_s=age_s))
    assert (answer.status_code, answer.get_json()["place"]) == (422, "age_s")
