"""计划: lists and timelines in words, drafts with mistakes named, dry runs, publishing, releases, comparing."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock
from app.console import plans_words
from app.db import Database
from app.follow_ups.forecasting.runs import JOB, next_piece
from app.follow_ups.models import FollowUpPlan, PlanDraft, PlanRelease
from app.follow_ups.plans.comparing import OF_PLAN
from app.follow_ups.plans.documents import Credit, Stops, Trigger
from app.follow_ups.plans.releases import in_force
from app.follow_ups.rules import Step
from app.ids import new_id
from app.lanes import Deadline
from app.nightly import run_nightly
from app.public_ids import PublicIds
from app.sales_scripts.models import SalesScript
from tests.faces.chain import Chain
from tests.faces.web import PAGE, sign_in
from tests.follow_ups.triggering import KEYS
from tests.world import PLAN, ROOT

HOME = "/console/plans"
CODE = "after_purchase"
DRAFT = f"{HOME}/drafts/{CODE}"
TEXT = (ROOT / "config" / "plans" / "after_purchase.toml").read_text(encoding="utf-8")


@pytest.fixture
def database_kind() -> str:
    """Pages are tried on one database; what is behind them where it lives, on both."""
    return "sqlite"


@pytest.fixture
def client(app: Flask, database: Database) -> FlaskClient:
    """Headquarters; the scripts that the plan speaks of are there."""
    codes = {code for step in PLAN["steps"] for code in (step["script"], step["invite_script"])}
    with database.transaction() as session:
        for code in sorted(codes):
            if session.scalar(select(SalesScript).where(SalesScript.code == code)) is None:
                session.add(SalesScript(id=new_id(session), code=code, title=code, scene="", body="您好"))
    return sign_in(app, "zhaohq", "/console/")


@pytest.fixture
def page_of_plan(app: Flask, client: FlaskClient, database: Database) -> str:
    """The address of the plan's page."""
    with database.reading() as session:
        plan_id = session.scalars(select(FollowUpPlan.id)).one()
    ids: PublicIds = app.extensions["public_ids"]
    return f"{HOME}/{ids.encode('plan', plan_id)}"


def see(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path, headers=PAGE)
    assert answer.status_code == status, answer.text
    return answer.text


def send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """A form of a page, with its token."""
    token = re.search(r'name="csrf_token" value="(\w+)"', see(client, HOME))
    assert token
    return client.post(path, data={"csrf_token": token[1], **form}, headers=PAGE)


def began_with(client: FlaskClient) -> str:
    """Which text of the draft the editor shows."""
    found = re.search(r'name="began_with" value="([^"]*)"', see(client, DRAFT))
    assert found
    return found[1]


def save(client: FlaskClient, text: str, began: str | None = None) -> TestResponse:
    return send(client, DRAFT, document=text, began_with=began_with(client) if began is None else began)


def numbers_in_force(database: Database) -> dict[str, int | None]:
    """The number of releases is told by their history."""
    with database.reading() as session:
        plan_id = session.scalars(select(FollowUpPlan.id)).one()
        force = in_force(session)
        return {"everywhere": force.everywhere.get(plan_id), "canaries": len(force.in_stores)}


@pytest.mark.parametrize("userid", ["lina", "wangwei"])
def test_only_headquarters_may_look_or_write(app: Flask, client: FlaskClient, userid: str):
    other = sign_in(app, userid, "/console/")
    for path in (HOME, DRAFT, f"{DRAFT}/dry-run", f"{DRAFT}/publish"):
        assert other.get(path, headers=PAGE).status_code == 403
    assert other.post(DRAFT, data={"document": "x"}, headers=PAGE).status_code == 403


def test_nothing_is_written_without_the_pages_token(
    client: FlaskClient, page_of_plan: str, database: Database
):
    for path in (HOME, DRAFT, f"{DRAFT}/discard", f"{DRAFT}/publish", f"{DRAFT}/dry-run"):
        assert client.post(path, headers=PAGE).status_code == 403
    assert client.post(f"{page_of_plan}/releases", headers=PAGE).status_code == 403
    with database.reading() as session:
        assert session.scalars(select(PlanDraft)).all() == []


def test_the_list_says_what_starts_each_plan_and_what_is_in_force(client: FlaskClient, page_of_plan: str):
    page = see(client, HOME)
    assert f'href="{page_of_plan}"' in page
    assert "购买（同一天的算一次）" in page
    assert "第 1 版" in page


def test_a_plan_is_told_in_words_along_its_time(client: FlaskClient, page_of_plan: str):
    page = see(client, page_of_plan)
    titles = re.findall(r"<h3>(\S+(?: \S+)?) <span", page)
    assert titles == [step["title"] for step in PLAN["steps"]]
    for words in ("30 分钟后", "第 3 天 开店时", "有效期：到第二天中午", "专属导购", "会员不愿再被打扰"):
        assert words in page, words
    see(client, f"{page_of_plan}?version=9", 404)


def test_a_text_that_is_no_toml_is_explained_in_the_readers_language(client: FlaskClient):
    """Not in the parser's English."""
    save(client, TEXT.replace('title = "30 天搭配"', 'title = "30 天搭配'), "")
    page = see(client, DRAFT)
    assert "引号没有关上" in page
    assert "Illegal" not in page
    save(client, TEXT.replace('title = "30 天搭配"', "title = “30 天搭配”"))
    assert "第 9 个字““”要改成英文半角符号" in see(client, DRAFT)


def test_rules_are_written_in_the_readers_language(client: FlaskClient, page_of_plan: str):
    rule = 'when = "orders >= 2 and amount_90d > 500"'
    save(client, TEXT.replace('title = "30 天搭配"', f'title = "30 天搭配"\n{rule}'), "")
    page = see(client, DRAFT)
    assert "<h1>草稿：购后跟进</h1>" in page
    assert "<h1>发布：购后跟进</h1>" in see(client, f"{DRAFT}/publish")
    assert "仅当 购买次数 &gt;= 2 且 近90天消费 &gt; 500" in page
    assert "没有错误" in page


def test_a_draft_is_kept_as_it_was_left_with_every_mistake_named(client: FlaskClient):
    wrong = TEXT.replace('channel = "chat"', "").replace("priority = 50", "priority = 500")
    wrong = wrong.replace('title = "60 天上新"', 'title = "60 天上新"\nwhen = "ordes > 1"')
    wrong = wrong.replace('script = "fit_3d"', 'script = "nobody_wrote"')
    assert save(client, wrong, "").status_code == 303
    page = see(client, DRAFT)
    assert "1 处错误" in page
    assert "应为 0 到 100 的整数" in page
    assert f"第 {wrong.splitlines().index('priority = 500') + 1} 行" in page
    assert save(client, wrong.replace("priority = 500", "priority = 50")).status_code == 303
    page = see(client, DRAFT)
    assert "steps[4].when" in page
    assert "ordes" in page
    assert "没有错误" not in page
    answer = send(client, f"{DRAFT}/publish", began_with=began_with(client), confirmed="true")
    assert answer.status_code == 422


def test_of_two_editors_the_second_is_told_and_keeps_both_texts(client: FlaskClient, app: Flask):
    save(client, TEXT, "")
    began = began_with(client)
    save(client, TEXT.replace("30 天搭配", "他们的标题"), began)
    answer = save(client, TEXT.replace("60 天上新", "我的标题"), began)
    assert answer.status_code == 409
    assert "赵敏" in answer.text
    assert "我的标题" in answer.text
    assert "他们的标题" in answer.text
    newer = re.search(r'name="began_with" value="([^"]+)"', answer.text)
    assert newer
    assert save(client, TEXT.replace("60 天上新", "我的标题"), newer[1]).status_code == 303
    assert "我的标题" in see(client, DRAFT)


def test_a_new_draft_begins_with_the_version_asked_for(client: FlaskClient):
    page = see(client, f"{DRAFT}?version=1")
    assert "thanks_30m" in page
    assert send(client, HOME, code="for_regulars").location == f"{HOME}/drafts/for_regulars"
    assert "code = &#34;for_regulars&#34;" in see(client, f"{HOME}/drafts/for_regulars")
    like = send(client, HOME, code="for_regulars", like=CODE).location
    page = see(client, like)
    assert "code = &#34;for_regulars&#34;" in page
    assert "thanks_30m" in page
    assert "没有错误" in page
    assert send(client, HOME, code="../x").status_code == 422
    see(client, f"{HOME}/drafts/Big", 404)


def test_a_discarded_draft_is_gone(client: FlaskClient, database: Database):
    save(client, TEXT, "")
    assert (
        send(client, f"{DRAFT}/discard", began_with="2026-01-01T00:00:00+00:00", confirmed="true").status_code
        == 409
    )
    assert send(client, f"{DRAFT}/discard", began_with="soon", confirmed="true").status_code == 422
    assert send(client, f"{DRAFT}/discard", began_with=began_with(client)).status_code == 422, "not confirmed"
    sure = {"began_with": began_with(client), "confirmed": "true"}
    assert send(client, f"{DRAFT}/discard", **sure).status_code == 303
    with database.reading() as session:
        assert session.scalars(select(PlanDraft)).all() == []


def try_it(client: FlaskClient, database: Database) -> str:
    """Asked for on the page, done by the nightly lane; the page afterwards."""
    assert send(client, f"{DRAFT}/dry-run").status_code == 303
    assert "已提交" in see(client, f"{DRAFT}/dry-run")
    run_nightly(database, {JOB: partial(next_piece, keys=KEYS)}, Deadline(60))
    return see(client, f"{DRAFT}/dry-run")


def test_a_dry_run_is_asked_for_and_its_numbers_stand_on_the_form_that_publishes(
    client: FlaskClient, database: Database, chain: Chain
):
    save(client, TEXT.replace("priority = 90", "priority = 91"), "")
    assert "还没有试运行过" in see(client, f"{DRAFT}/dry-run")
    assert "没有试运行过" in see(client, f"{DRAFT}/publish")
    page = try_it(client, database)
    for words in ("本计划的任务", "最忙的日子", "联系最频繁的会员", "本计划不占用企业微信的群发额度"):
        assert words in page, words
    for span in ("last", "next"):
        page = see(client, f"{DRAFT}/dry-run?span={span}")
        for path in re.findall(rf'href="({DRAFT}/dry-run\?[^"#]+)', page):
            see(client, path.replace("&amp;", "&"))
    form = see(client, f"{DRAFT}/publish")
    assert "我已看过这些数字" in form
    assert "未来 90 天" in form
    save(client, TEXT.replace("priority = 90", "priority = 92"))
    assert "属于较早的文本" in see(client, f"{DRAFT}/dry-run")
    assert "不试运行直接发布" in see(client, f"{DRAFT}/publish")
    silence = '[trigger]\non = "silence"\ndays = 1\n\n'
    save(client, TEXT.replace("[[steps]]", f"{silence}[[steps]]", 1))
    with database.transaction() as session:
        clock.jump_to(session, clock.now(session) + timedelta(days=3))
    assert "第一天就会一次找到 1 位早已沉默的会员" in try_it(client, database)


def test_a_canary_is_published_widened_and_rolled_back(
    client: FlaskClient, page_of_plan: str, database: Database
):
    save(client, TEXT.replace("priority = 90", "priority = 91"), "")
    form = {"began_with": began_with(client), "stores": "S1", "note": "先试一家"}
    assert send(client, f"{DRAFT}/publish", **form).status_code == 422, "not confirmed"
    answer = send(client, f"{DRAFT}/publish", **form, confirmed="true")
    assert (answer.status_code, answer.location) == (303, f"{page_of_plan}/releases")
    assert numbers_in_force(database)["canaries"] == 1
    page = see(client, f"{page_of_plan}/releases")
    for words in ("深圳万象城店", "先试一家", "赵敏"):
        assert words in page, words
    assert "1 家门店灰度" in see(client, HOME)
    where = f"{page_of_plan}/releases"
    assert send(client, where, version="2", stores="S1 S9", confirmed="true").status_code == 422
    assert send(client, where, version="2", confirmed="true").status_code == 303
    assert numbers_in_force(database)["canaries"] == 0
    widened = numbers_in_force(database)["everywhere"]
    assert send(client, where, version="1", confirmed="true").status_code == 303
    assert numbers_in_force(database)["everywhere"] not in (None, widened)
    assert send(client, where, version="0", confirmed="true").status_code == 303
    assert numbers_in_force(database)["everywhere"] is None
    assert "已撤下" in see(client, where)
    assert "未生效" in see(client, HOME)
    with database.reading() as session:
        assert len(session.scalars(select(PlanRelease)).all()) == 5


def test_what_is_published_is_what_was_seen(client: FlaskClient, database: Database):
    save(client, TEXT, "")
    seen = began_with(client)
    save(client, TEXT.replace("priority = 90", "priority = 1"))
    answer = send(client, f"{DRAFT}/publish", began_with=seen, confirmed="true")
    assert answer.status_code == 409


def test_versions_and_drafts_are_compared_field_by_field(client: FlaskClient, page_of_plan: str):
    text = TEXT.replace('after = "3 days"', 'after = "4 days at 10:30"').replace(
        "[[steps]]", '[stops]\nrefund = "part"\n\n[[steps]]', 1
    )
    save(client, text, "")
    page = see(client, f"{page_of_plan}/compare?before=1&after=0")
    for words in ("第 3 天 开店时", "第 4 天 10:30", "当天所购全部退回", "当天所购有退货", "3 天回访"):
        assert words in page, words
    assert "两者相同" in see(client, f"{page_of_plan}/compare?before=1&after=1")
    see(client, f"{page_of_plan}/compare?before=1&after=7", 404)
    see(client, f"{page_of_plan}/compare?before=1", 422)


@pytest.mark.parametrize("query", ["?x=1", "?version=0", "?version=a"])
def test_wrong_addresses_are_refused(client: FlaskClient, page_of_plan: str, query: str):
    see(client, page_of_plan + query, 422)


def test_every_problem_a_draft_may_have_is_told_in_words():
    sources = [
        ROOT / "app" / "follow_ups" / "plans" / name for name in ("reading.py", "checking.py", "drafts.py")
    ]
    text = "".join(
        path.read_text(encoding="utf-8") for path in [*sources, ROOT / "app" / "follow_ups" / "rules.py"]
    )
    named = re.findall(r'_Bad\("(\w+)"|problem="(\w+)"|wrong\(\S+, "(\w+)"|step_no, "\w+", "(\w+)"\)', text)
    problems = {name for names in named for name in names if name}
    assert len(problems) > 15
    assert problems <= plans_words.PROBLEM.keys()


def test_every_field_that_may_differ_has_a_name():
    told_together = {"offset_minutes", "offset_days", "at_time", "valid_days", "valid_to_noon"}
    named = {each.name for part in (Trigger, Stops, Credit, Step) for each in fields(part)} - told_together
    assert named - {"kind"} <= plans_words.FIELD.keys()
    assert {*OF_PLAN, "after", "valid", "step"} <= plans_words.FIELD.keys()
