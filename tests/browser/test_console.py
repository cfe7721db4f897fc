"""The console in a browser that runs no scripts: from the worst store to the task, and back by the URL."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, Page, expect

from tests.faces.chain import Chain


def sign_in(page: Page, console_url: str) -> None:
    page.goto(console_url)
    page.get_by_role("link", name="赵敏").or_(page.get_by_role("button", name="赵敏")).first.click()
    page.wait_for_url("**/console/")


def follow(page: Page, way: Locator) -> None:
    """Click, and stay until the page it leads to has loaded: a click alone may return on the page before."""
    with page.expect_event("load"):
        way.click()


def test_every_number_opens_the_people_behind_it_without_scripts(
    browser: Browser, console_url: str, chain: Chain
):
    context = browser.new_context(
        java_script_enabled=False, locale="zh-CN", viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    sign_in(page, console_url)
    stores = page.locator("table").first.locator("tbody th").all_inner_texts()
    assert stores == ["上海恒隆店", "深圳万象城店"]
    page.get_by_role("link", name="深圳万象城店").click()
    page.get_by_role("link", name="李娜", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="林晓雯").first).to_contain_text("待办")
    page.get_by_role("link", name="林晓雯").first.click()
    expect(page.get_by_text("这笔购买已退货")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name="深圳万象城店")).to_be_visible()
    page.go_back()
    page.get_by_role("row").filter(has_text="只知道购买日期").get_by_role("link").click()
    page.get_by_role("link", name="林晓雯").click()
    expect(page.get_by_role("heading", name="林晓雯")).to_be_visible()
    context.close()


def test_filters_live_in_the_url(page: Page, console_url: str, chain: Chain):
    sign_in(page, console_url)
    page.get_by_label("分公司").select_option("华南")
    follow(page, page.get_by_role("button", name="查看"))
    assert "branch=%E5%8D%8E%E5%8D%97" in page.url
    expect(page.get_by_role("link", name="上海恒隆店")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("分公司")).to_have_value("华南")


def test_imports_and_quarantine_are_one_click_away(page: Page, console_url: str, chain: Chain):
    sign_in(page, console_url)
    page.get_by_role("link", name="导入").click()
    expect(page.get_by_role("row").filter(has_text="online_retail_lines.csv")).to_contain_text("12,431")
    page.get_by_role("link", name="隔离区").click()
    expect(page.get_by_text("seller_unknown: LISI")).to_be_hidden()
    page.get_by_text("原文").click()
    expect(page.get_by_text("seller_unknown: LISI")).to_be_visible()


def test_an_event_in_quarantine_is_tried_again_without_scripts(
    browser: Browser, console_url: str, chain: Chain
):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    page.get_by_role("link", name="隔离区").click()
    page.get_by_role("button", name="重试 购买 单号 536414").click()
    expect(page.get_by_role("status")).to_contain_text("仍留在隔离区")
    context.close()


def test_signing_out_leads_out(page: Page, console_url: str, chain: Chain):
    sign_in(page, console_url)
    follow(page, page.get_by_role("button", name="退出登录"))
    page.goto(console_url)
    page.wait_for_url("**/wwlogin/sso/login**")


def test_an_associate_is_told_that_this_is_not_for_them_and_can_leave(
    page: Page, console_url: str, chain: Chain
):
    page.goto(console_url)
    page.get_by_role("link", name="李娜").or_(page.get_by_role("button", name="李娜")).first.click()
    expect(page.get_by_text("你的角色不能使用这个页面")).to_be_visible()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/")
