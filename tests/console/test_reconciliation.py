"""对账: the balance in numbers that open lists, what is missing first, and a button that repairs it."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update

from app import clock
from app.db import Database
from app.follow_ups.firing.lane import fire_due
from app.follow_ups.models import Enrollment
from app.follow_ups.reconciling.models import BY_JOURNEY, Reconciliation, ReconciliationGap
from app.follow_ups.reconciling.runs import JOB, next_piece
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.intake.service import apply_events
from app.lanes import Deadline
from app.nightly import run_nightly
from app.timers import Lane
from tests.faces.web import PAGE, sign_in
from tests.follow_ups.triggering import KEYS
from tests.intake.wecom_inbox import NOBODY
from tests.world import purchase

HOME = "/console/reconciliation"


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; what is behind them where it lives, on both."""
    return "sqlite"


@pytest.fixture
def client(app: Flask, database: Database) -> FlaskClient:
    """Headquarters, after two customers have bought: one step of each is open, the others are to come."""
    with database.transaction() as session:
        for table in ("step_records", "follow_up_tasks", "work_items", "timers", "enrollments"):
            session.execute(text(f"DELETE FROM {table}"))  # written by hand, of purchases nobody told of
        bought_at = clock.now(session) + timedelta(minutes=10)
        clock.jump_to(session, bought_at)
    told = apply_events(
        database, "pos", [purchase(f"P-{code}", code, bought_at) for code in ("n1", "n2")], enrolls=True
    )
    assert [one.status for one in told] == ["applied", "applied"]
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + timedelta(minutes=31))
    assert fire_due(database, Lane.MINUTES, Deadline(60)).done == 2
    return sign_in(app, "zhaohq", "/console/")


def press(client: FlaskClient, page: str, action: str) -> str:
    """A button of the page; the page it leads to."""
    token = re.search(r'name="csrf_token" value="(\w+)"', page)
    assert token
    answer = client.post(action, data={"csrf_token": token[1]}, headers=PAGE, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def reconcile_now(client: FlaskClient, database: Database) -> str:
    """Asked for on the page, done by the nightly lane; the page afterwards."""
    said = press(client, client.get(HOME, headers=PAGE).text, HOME)
    assert "已提交" in said
    run_nightly(database, {JOB: partial(next_piece, keys=None)}, Deadline(60))
    return client.get(HOME, headers=PAGE).text


def lose_a_series(database: Database) -> int:
    """An operator deletes a series by hand with all that hangs on it; whose it was."""
    with database.engine.begin() as connection:
        row = connection.execute(
            text("SELECT id, member_id FROM enrollments WHERE state = 'active' ORDER BY id DESC LIMIT 1")
        ).one()
        connection.execute(text(f"DELETE FROM timers WHERE subject_id = {row.id}"))
        connection.execute(text(f"DELETE FROM enrollments WHERE id = {row.id}"))
        connection.execute(text(f"DELETE FROM step_records WHERE enrollment_id = {row.id}"))
    return int(row.member_id)


def test_before_the_first_run_it_says_so(client: FlaskClient):
    assert "还没有对过账" in client.get(HOME, headers=PAGE).text


def test_asked_for_twice_it_runs_once(client: FlaskClient, database: Database):
    page = client.get(HOME, headers=PAGE).text
    press(client, page, HOME)
    press(client, page, HOME)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Reconciliation)) == 1


def test_every_number_of_the_balance_opens_its_list(client: FlaskClient, database: Database):
    page = reconcile_now(client, database)
    numbers = re.findall(r'href="(/console/reconciliation/steps\?[^"]+)">([\d,]+)<', page)
    assert numbers
    for path, count in numbers:
        listed = client.get(path.replace("&amp;", "&"), headers=PAGE)
        assert listed.status_code == 200, path
        assert listed.text.count('<th scope="row"') == min(int(count.replace(",", "")), 50), path


def test_what_is_missing_is_repaired_by_a_button_once(client: FlaskClient, database: Database):
    member_id = lose_a_series(database)
    page = reconcile_now(client, database)
    assert "缺失或有误" in page
    assert "应进入此计划" in page
    actions = re.findall(r'action="([^"]+/repair)"', page)
    for _ in range(2):
        assert "修复正在进行" in press(client, page, actions[0])
        apply_received(database, NOBODY, own_handlers(KEYS), Deadline(60))
    assert "已修复" in client.get(HOME, headers=PAGE).text
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(Enrollment.member_id == member_id)) == 1
        gaps = session.scalars(select(ReconciliationGap).where(ReconciliationGap.member_id == member_id))
        assert all(gap.mended_by for gap in gaps if gap.kind == "missing")
        asked = session.execute(text("SELECT state FROM inbound WHERE source = 'internal'")).scalars()
        assert set(asked) == {"applied"}
    assert "应进入此计划" not in reconcile_now(client, database)


def test_what_is_taken_on_trust_is_told_cause_by_cause(client: FlaskClient, database: Database):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE step_records SET outcome = 'skipped', reason = 'off_duty'"))
    page = reconcile_now(client, database)
    assert "其中 2 步无法独立核实" in page
    assert "<li>2 步：因无人当班未派发" in page
    assert "标签、等级" not in page, "the plan has no such condition"


def test_it_says_who_or_what_asked_for_the_last_run(client: FlaskClient, database: Database):
    assert "由赵敏发起" in reconcile_now(client, database)
    for by, said in ((None, "每晚自动对账"), (BY_JOURNEY, "沙盒快进到达后对账一次")):
        with database.transaction() as session:
            session.execute(update(Reconciliation).values(asked_by=by))
        assert said in client.get(HOME, headers=PAGE).text


@pytest.mark.parametrize("part", ["plan", "store", "day"])
def test_the_filters_stand_in_the_address(client: FlaskClient, database: Database, part: str):
    page = reconcile_now(client, database)
    path = re.search(rf'href="(\?{part}=[^"&]+)"', page)
    assert path
    assert client.get(HOME + path[1], headers=PAGE).status_code == 200


@pytest.mark.parametrize(
    "query", ["plan=1", "store=nobody", "day=1", "span=week", "said=well", "x=1", "page=0"]
)
def test_wrong_addresses_are_refused(client: FlaskClient, query: str):
    assert client.get(f"{HOME}?{query}", headers=PAGE).status_code in (404, 422)


def test_a_list_over_all_days_is_refused(client: FlaskClient):
    assert client.get(f"{HOME}/steps?became=done", headers=PAGE).status_code == 422


def test_only_headquarters_with_the_pages_token_may_act(app: Flask, client: FlaskClient):
    assert client.post(HOME, headers=PAGE).status_code == 403
    for userid in ("lina", "wangwei"):
        assert sign_in(app, userid, "/console/").post(HOME, headers=PAGE).status_code == 403
        assert sign_in(app, userid, "/console/").get(HOME, headers=PAGE).status_code == 403
