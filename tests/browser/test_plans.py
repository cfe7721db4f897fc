"""计划 in a browser that runs no scripts; and how the pages look."""

from __future__ import annotations

from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.db import Database
from app.ids import new_id
from app.sales_scripts.models import SalesScript
from tests.axe import complaints_of_axe
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import SCHEMES, look
from tests.faces.chain import Chain
from tests.world import PLAN


@pytest.fixture
def scripts(database: Database, chain: Chain) -> None:
    """What the plan's steps say is there."""
    codes = {code for step in PLAN["steps"] for code in (step["script"], step["invite_script"])}
    with database.transaction() as session:
        for code in sorted(codes):
            if session.scalar(select(SalesScript).where(SalesScript.code == code)) is None:
                session.add(SalesScript(id=new_id(session), code=code, title=code, scene="", body="您好"))


@pytest.mark.usefixtures("scripts")
def test_hq_writes_a_draft_and_publishes_it_without_scripts(browser: Browser, console_url: str):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="计划", exact=True))
    follow(page, page.get_by_role("link", name="购后跟进"))
    follow(page, page.get_by_role("link", name="编辑为草稿"))
    text = page.get_by_role("textbox", name="文本（TOML）")
    text.fill(text.input_value().replace("priority = 90", "priority = 900"))
    follow(page, page.get_by_role("button", name="保存草稿"))
    expect(page.get_by_role("heading", name="1 处错误")).to_be_visible()
    expect(page.get_by_text("应为 0 到 100 的整数")).to_be_visible()
    text = page.get_by_role("textbox", name="文本（TOML）")
    text.fill(text.input_value().replace("priority = 900", "priority = 95"))
    follow(page, page.get_by_role("button", name="保存草稿"))
    follow(page, page.get_by_role("link", name="发布…"))
    page.get_by_label("不试运行直接发布").check()
    follow(page, page.get_by_role("button", name="发布"))
    expect(page.get_by_role("region", name="生效历史")).to_contain_text("赵敏")
    context.close()


@pytest.mark.usefixtures("scripts")
def test_the_pages_fit_and_axe_finds_nothing(page: Page, console_url: str):
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="计划", exact=True))
    places = [page.url]
    follow(page, page.get_by_role("link", name="购后跟进"))
    places.append(page.url)
    follow(page, page.get_by_role("link", name="发布记录"))
    places.append(page.url)
    page.goto(places[1])
    follow(page, page.get_by_role("button", name="对比"))
    places.append(page.url)
    page.goto(places[1])
    follow(page, page.get_by_role("link", name="编辑为草稿"))
    follow(page, page.get_by_role("button", name="保存草稿"))
    places += [page.url, f"{page.url}/publish"]
    page.goto(f"{page.url}/dry-run")
    follow(page, page.get_by_role("button", name="试运行草稿"))
    places.append(page.url)
    for place in places:
        page.goto(place)
        for scheme, width in product(SCHEMES, (320, 1280)):
            look(page, width, scheme)
            at = f"{place} at {width} px, {scheme}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, at
            assert complaints_of_axe(page) == "", at
