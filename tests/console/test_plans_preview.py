"""The words of a plan on its pages: as a member would read them, before anybody does."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import delete, update

from app import clock
from app.db import Database
from app.follow_ups.models import Enrollment
from app.members.models import Member
from app.orders.models import Order
from app.sales_scripts.models import SalesScript
from tests.console import test_plans
from tests.console.test_plans import DRAFT, TEXT, save, see
from tests.world import PLAN

# On both databases: what the words are made of is read for these pages alone.
client, page_of_plan = test_plans.client, test_plans.page_of_plan


def write_script(database: Database, code: str, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(SalesScript).where(SalesScript.code == code).values(**values))


def test_the_words_of_each_step_stand_on_the_pages_filled_for_a_member(
    client: FlaskClient, page_of_plan: str, database: Database
):
    body = "{member}，我是{store}的{associate}，{product}还合身吗？"
    write_script(database, "fit_3d", title="三天后问合不合身", body=body)
    save(client, TEXT.replace("priority = 90", "priority = 91"), "")
    read = r"<b>三天后问合不合身</b>.*?<p class=\"say\">(\S+)，我是(\S+店)的(\S+)，(.+?)还合身吗？</p>"
    for path in (page_of_plan, DRAFT, f"{DRAFT}/publish"):
        page = see(client, path)
        found = re.search(read, page, re.DOTALL)
        assert found, path
        assert "{" not in "".join(found.groups())
        assert re.search(rf'<a href="/console/members/\w+"><bdi>{found[1]}</bdi></a>', page)
        assert "最近进入本计划" in page
        assert "{product}" not in page.partition("</textarea>")[2]


def test_of_a_text_message_is_told_how_long_it_is_and_why_it_would_not_go(
    client: FlaskClient, page_of_plan: str, database: Database
):
    save(client, TEXT.replace('script = "matching_30d"', 'script = "matching_30d"\nchannel = "sms"'), "")
    write_script(database, "matching_30d", body="好" * 60)
    assert "短信网关没有为它审批过模板。 不会发送，这一步会跳过。" in see(client, f"{DRAFT}/publish")
    write_script(database, "matching_30d", sms_template="SMS_1")
    page = see(client, f"{DRAFT}/publish")
    signed_and_refusable = len("【店伴】") + 60 + len("，拒收请回复R")
    assert f"含签名共 {signed_and_refusable} 字" in page
    assert "按 2 条计费" in page
    assert "审批过模板" not in page
    write_script(database, "matching_30d", body="好{colour}")
    assert "{colour} 没有内容可填。 不会发送" in see(client, f"{DRAFT}/publish")


def test_a_code_without_a_script_is_named_where_its_words_would_stand(
    client: FlaskClient, page_of_plan: str, database: Database
):
    save(client, TEXT, "")
    with database.transaction() as session:
        write = update(SalesScript).where(SalesScript.code.in_(["fit_3d", "add_wecom"]))
        session.execute(write.values(ended_at=clock.now(session)))
    for path in (page_of_plan, DRAFT):
        page = see(client, path)
        assert "没有话术 fit_3d，或已停用。 收到任务的人要自己写。" in page, path
        assert page.count("没有话术 add_wecom，或已停用。") == len(PLAN["steps"]), path
    assert "没有话术 thanks_30m" not in page


def test_before_there_is_any_member_the_words_stand_as_they_were_written(
    client: FlaskClient, page_of_plan: str, database: Database
):
    write_script(database, "fit_3d", body="{member}，还合身吗？")
    with database.transaction() as session:
        for table in (Enrollment, Order, Member):
            session.execute(delete(table))
    page = see(client, page_of_plan)
    assert "还没有会员可以代入" in page
    assert "{member}，还合身吗？" in page
    assert "没有内容可填" not in page
