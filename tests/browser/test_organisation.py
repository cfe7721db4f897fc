"""组织同步 in a browser that runs no scripts, against the sandbox's contact book; and how its pages look."""

from __future__ import annotations

from itertools import product

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.db import Database
from app.lanes import Deadline
from app.organisation.running import run_syncs
from tests.axe import complaints_of_axe
from tests.browser.conftest import SwitchedWeb
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import SCHEMES, look
from tests.faces.chain import Chain
from tests.organisation.book import roster


def work_off(database: Database, web: tuple[SwitchedWeb, str]) -> None:
    """What the clock process does."""
    assert web[0].app is not None
    run_syncs(database, web[0].app.extensions["wecom"], Deadline(60))


def see_plan(page: Page, database: Database, web: tuple[SwitchedWeb, str]) -> None:
    """Ask for the plan; the page shows it by itself once it is there, also without scripts."""
    follow(page, page.get_by_role("button", name="预览会有哪些变化"))
    work_off(database, web)
    expect(page.get_by_role("button", name="按此应用")).to_be_visible()


def keep_still(route: Route) -> None:
    """The page as it comes, but for looking again by itself: it would do so while it is judged."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)


def test_hq_previews_maps_and_applies_without_scripts(
    browser: Browser, console_url: str, chain: Chain, database: Database, web: tuple[SwitchedWeb, str]
):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="组织同步"))
    see_plan(page, database, web)
    expect(page.get_by_role("row").filter(has_text="李娜")).to_contain_text("认出已有人员")
    follow(page, page.get_by_role("link", name="认出已有门店"))
    expect(page.get_by_role("row").filter(has_text="李娜")).to_have_count(0)
    follow(page, page.get_by_role("navigation").get_by_role("link", name="组织同步"))
    page.get_by_label("上海恒隆店 对应什么").select_option("ignored")
    follow(page, page.get_by_role("button", name="保存选择"))
    expect(page.get_by_label("上海恒隆店 对应什么")).to_have_value("ignored")
    see_plan(page, database, web)
    expect(page.get_by_role("region", name="企业微信中没有对应部门的导购")).to_contain_text("陈洁")
    follow(page, page.get_by_role("button", name="按此应用"))
    work_off(database, web)
    page.reload()
    expect(page.get_by_text("已应用")).to_be_visible()
    assert {"lina", "chenjie"} <= roster(database).keys()
    context.close()


@pytest.mark.parametrize("state", ["pending", "ready"])
def test_the_plan_fits_and_axe_finds_nothing(
    page: Page, console_url: str, chain: Chain, database: Database, web: tuple[SwitchedWeb, str], state: str
):
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="组织同步"))
    if state == "ready":
        see_plan(page, database, web)
    else:
        page.route("**/console/organisation/syncs/*", keep_still)
        follow(page, page.get_by_role("button", name="预览会有哪些变化"))
    for scheme, width in product(SCHEMES, (300, 390, 1280)):
        look(page, width, scheme)
        place = f"{state} at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        assert complaints_of_axe(page) == "", place


def test_the_mapping_fits_at_300_px(
    page: Page, console_url: str, chain: Chain, database: Database, web: tuple[SwitchedWeb, str]
):
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="组织同步"))
    see_plan(page, database, web)
    follow(page, page.get_by_role("navigation").get_by_role("link", name="组织同步"))
    for scheme, width in product(SCHEMES, (300, 1280)):
        look(page, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints_of_axe(page) == ""
