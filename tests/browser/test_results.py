"""效果 in a browser that runs no scripts; and how its pages look with something to tell."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from app.db import Database
from app.follow_ups.measuring.following import ANY_PLAN
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Arm, Evidence
from tests.axe import complaints_of_axe
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import LOST_CELLS, PHONES, SCHEMES, look
from tests.faces.chain import Chain
from tests.faces.measured import book, count, tell
from tests.follow_ups.measuring.worlds import CONSTANT, live


@pytest.fixture
def measured(database: Database, chain: Chain) -> Database:
    """The chain's own members counted, an effect told of all plans, and a purchase attributed."""
    with database.transaction() as session:
        session.execute(update(FollowUpTask).values(evidence=Evidence.SELF_DECLARED))
    count(database)
    rows = live(CONSTANT, 0)
    tell(
        database,
        [row if row.arm is Arm.TREATED else replace(row, arm=Arm.GLOBAL_HOLD_OUT) for row in rows],
        ANY_PLAN,
    )
    book(database, chain, [(0, 30_000, Evidence.CLIENT_REPORTED), (7, -10_000, Evidence.CLIENT_REPORTED)])
    return database


def test_from_the_number_to_the_people_without_scripts(
    browser: Browser, console_url: str, measured: Database
):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    open_plan(page)
    page.get_by_label("凭证").select_option("wecom_confirmed")
    follow(page, page.get_by_role("button", name="查看"))
    expect(page.get_by_label("凭证")).to_have_value("wecom_confirmed")
    follow(page, page.get_by_role("region", name="跟进到了哪一步").get_by_role("link").first)
    expect(page.get_by_role("link", name="林晓雯")).to_be_visible()
    follow(page, page.get_by_role("link", name="购后跟进"))
    follow(page, page.get_by_role("region", name="按导购").get_by_role("link").first)
    expect(page.get_by_text("退货", exact=True)).to_be_visible()
    context.close()


def open_plan(page: Page) -> None:
    follow(page, page.get_by_role("link", name="效果"))
    follow(page, page.get_by_role("link", name="购后跟进"))


def open_members(page: Page) -> None:
    open_plan(page)
    follow(page, page.get_by_role("region", name="跟进到了哪一步").get_by_role("link").first)


def open_sales(page: Page) -> None:
    open_plan(page)
    follow(page, page.get_by_role("region", name="按导购").get_by_role("link").first)


PAGES = {
    "all": lambda page: follow(page, page.get_by_role("link", name="效果")),
    "plan": open_plan,
    "members": open_members,
    "sales": open_sales,
}


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_fit_and_axe_finds_nothing(page: Page, console_url: str, measured: Database, name: str):
    sign_in(page, console_url)
    PAGES[name](page)
    for scheme, width in product(SCHEMES, (*PHONES, 1280)):
        look(page, width, scheme)
        place = f"{name} at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        if width in PHONES:
            assert page.evaluate(LOST_CELLS) == [], place
        assert complaints_of_axe(page) == "", place
