"""打扰预算 in a browser that runs no scripts; and how the page looks."""

from __future__ import annotations

from itertools import product

from playwright.sync_api import Browser, Page, expect

from tests.axe import complaints_of_axe
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import SCHEMES, look
from tests.faces.chain import Chain


def test_hq_sets_limits_and_pauses_everything_without_scripts(
    browser: Browser, console_url: str, chain: Chain
):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="打扰预算"))
    page.get_by_label("每位导购每天任务数").fill("35")
    follow(page, page.get_by_role("button", name="保存上限"))
    expect(page.get_by_label("每位导购每天任务数")).to_have_value("35")
    expect(page.get_by_text("赵敏 于")).to_be_visible()
    page.get_by_label("每千位会员留出人数").fill("40")
    follow(page, page.get_by_role("button", name="预览会有哪些变化"))
    page.get_by_label("我已看过，确定要改").check()
    follow(page, page.get_by_role("button", name="改为每千位留出 40 位"))
    expect(page.get_by_role("region", name="全局对照组").last).to_contain_text("赵敏")
    follow(page, page.get_by_role("button", name="全部暂停"))
    expect(page.get_by_role("status")).to_contain_text("暂停了全部跟进")
    follow(page, page.get_by_role("button", name="全部恢复"))
    expect(page.get_by_role("button", name="全部暂停")).to_be_visible()
    expect(page.get_by_role("region", name="暂停记录")).to_contain_text("赵敏")
    context.close()


def test_the_page_fits_and_axe_finds_nothing(page: Page, console_url: str, chain: Chain):
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="打扰预算"))
    follow(page, page.get_by_role("button", name="全部暂停"))
    fits(page)
    page.get_by_label("每千位会员留出人数").fill("40")
    follow(page, page.get_by_role("button", name="预览会有哪些变化"))
    fits(page)


def fits(page: Page) -> None:
    for scheme, width in product(SCHEMES, (320, 1280)):
        look(page, width, scheme)
        place = f"at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        assert complaints_of_axe(page) == "", place
