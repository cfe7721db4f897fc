"""Tracked links: shown in the words, led on to where headquarters said, and a reply once the member opens one."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.db import Database
from app.follow_ups.linking.addresses import is_target
from app.follow_ups.linking.models import LinkOpening
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence
from app.ids import new_id
from app.member_events.models import MemberEvent
from app.sales_scripts.models import SalesScript
from app.worklist.models import WorkItem
from tests.faces.chain import Chain
from tests.faces.web import PAGE, sign_in

TARGET = "https://shop.example.com/new?from=wecom"
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 MicroMessenger/8.0.50"}
ADDRESS = re.compile(r"http://localhost:8000(/h5/r/[a-z2-7]{13})")


@pytest.fixture
def path(app: Flask, chain: Chain, database: Database) -> str:
    """Where the link in a task's words leads, as the associate's page shows them."""
    task_id = _task_id(chain)
    with database.transaction() as session:
        words = {"script_code": "linked", "text": "新款在这里：{link}", "evidence": None}
        session.execute(update(FollowUpTask).where(FollowUpTask.id == task_id).values(**words))
        script = {"title": "新款", "scene": "", "body": words["text"], "link": TARGET}
        session.add(SalesScript(id=new_id(session), code="linked", **script))
    text = sign_in(app, "lina").get("/h5/worklist", headers=PAGE).text
    found = ADDRESS.search(text)
    assert found is not None
    assert "{link}" not in text
    return found[1]


def _task_id(chain: Chain) -> int:
    return chain.tasks["thanks"]


def replies(database: Database) -> list[dict[str, object]]:
    with database.reading() as session:
        return [
            json.loads(data)
            for data in session.scalars(select(MemberEvent.data).where(MemberEvent.kind == "reply"))
        ]


def test_a_link_is_a_reply_once_its_member_opens_it_and_nobody_else_is(
    app: Flask, chain: Chain, database: Database, path: str
):
    somebody = app.test_client()
    with database.transaction() as session:
        task = session.get_one(FollowUpTask, _task_id(chain))
        session.get_one(WorkItem, task.work_item_id).claimed_by = "a page that was closed"
    first = somebody.get(path, headers=PHONE)
    assert (first.status_code, first.headers["Location"]) == (302, TARGET)
    assert replies(database) == []  # not sent yet: whoever looks is no member
    with database.transaction() as session:
        its = update(FollowUpTask).where(FollowUpTask.id == _task_id(chain))
        session.execute(its.values(evidence=Evidence.CLIENT_REPORTED))
    sign_in(app, "lina").get(path, headers=PHONE)
    somebody.get(path, headers={"User-Agent": "Mozilla/5.0 wxwork/4.1 MicroMessenger/7.0"})
    somebody.get(path, headers={"User-Agent": "curl/8.0"})
    somebody.get(path, headers={**PHONE, "Sec-Purpose": "prefetch"})
    somebody.head(path, headers=PHONE)
    assert replies(database) == []
    for _ in range(2):
        assert somebody.get(path, headers=PHONE).status_code == 302
    assert replies(database) == [{"how": "link", "opts_out": False}]
    with database.reading() as session:
        row = session.scalars(select(LinkOpening)).one()
        assert (row.task_id, row.times, row.others) == (_task_id(chain), 2, 6)


def test_an_address_nobody_made_or_that_leads_nowhere_safe_is_not_there(
    app: Flask, chain: Chain, database: Database, path: str
):
    made_up = path[:-1] + ("a" if path[-1] != "a" else "b")
    client = app.test_client()
    assert client.get(made_up, headers=PHONE).status_code == 404
    with database.transaction() as session:
        session.execute(update(SalesScript).values(link="javascript:alert(1)"))
    assert client.get(path, headers=PHONE).status_code == 404
    wrong = (
        "http://a.example",
        "//a.example",
        "https://",
        "https://u:p@a.example",
        "https://a.example\n",
        "/x",
    )
    assert [url for url in wrong if is_target(url)] == []
