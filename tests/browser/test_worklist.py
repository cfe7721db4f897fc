"""My tasks: from the pushed message to the chat, and invitations that only the associate can vouch for."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.follow_ups.states import Evidence
from tests.browser.phone import FakePhone
from tests.browser.test_sending import is_done, until
from tests.faces.chain import INVITE, THANKS, Chain
from tests.faces.crowd import add_tasks


def test_tasks_stand_by_priority_and_what_was_done_below(phone: FakePhone, chain: Chain):
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    names = frame.locator("[data-task] h2").all_inner_texts()
    assert names == ["林晓雯", "周敏", "林晓雯"]
    expect(frame.get_by_role("heading", name="今天已完成")).to_be_visible()
    expect(frame.get_by_role("img", name="共 4 件，已完成 1 件")).to_be_visible()


def test_a_task_opens_the_customers_chat(phone: FakePhone, chain: Chain):
    phone.open("/h5/worklist", entry="normal")
    phone.ready().get_by_role("button", name="去聊天").first.tap()
    until(phone.page, lambda: len(phone.calls("openEnterpriseChat")) == 1)
    assert phone.calls("openEnterpriseChat")[0]["externalUserIds"] == "wmXiaowen"


def test_two_taps_from_the_worklist_to_sent(page: Page, sandbox_url: str, chain: Chain, database: Database):
    """In the sandbox's own phone: the message link, the chat, the toolbar."""
    page.set_viewport_size({"width": 1280, "height": 860})
    before = len(chat(sandbox_url))
    page.goto(sandbox_url.replace("127.0.0.1", "lina.localhost") + "/phone#chat/wmChen")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="陈国强")).to_be_visible(timeout=15_000)
    frame.get_by_role("link", name="我的任务").click()
    frame.get_by_role("button", name="去聊天").first.click()
    expect(frame.get_by_role("heading", name="林晓雯", level=1)).to_be_visible(timeout=15_000)
    frame.get_by_role("button", name="发送").first.click()
    expect(frame.get_by_role("button", name="已发送")).to_be_visible()
    until(page, lambda: is_done(database, chain))
    assert len(chat(sandbox_url)) == before + 1


def chat(sandbox_url: str) -> list[object]:
    answer = requests.get(f"{sandbox_url}/sandbox/chats/lina/wmXiaowen", timeout=30).json()
    messages: list[object] = answer["messages"]
    return messages


def test_where_no_chat_can_be_opened_the_words_are_copied(
    phone: FakePhone, context: BrowserContext, chain: Chain
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.open("/h5/worklist", entry="normal", answers={"openEnterpriseChat": "fail no permission"})
    frame = phone.ready()
    frame.get_by_role("button", name="去聊天").first.tap()
    expect(frame.locator("[data-result]").first).to_contain_text("没能打开聊天")
    assert frame.evaluate("navigator.clipboard.readText()") == THANKS


def test_an_invitation_shows_the_words_and_is_done_on_the_associates_word(
    phone: FakePhone, context: BrowserContext, chain: Chain, database: Database
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    card = frame.locator("[data-channel=invite]")
    expect(card).to_contain_text(INVITE)
    card.get_by_role("button", name="复制话术").tap()
    expect(card.locator("[data-result]")).to_contain_text("已复制")
    card.get_by_role("button", name="已邀请").tap()
    expect(card.get_by_role("button", name="已邀请")).to_be_disabled()
    until(phone.page, lambda: is_done(database, chain, "invite"))
    expect(card.locator("[data-result]")).to_have_text(re.compile(r"^\d\d:\d\d 已邀请$"))
    expect(frame.get_by_role("img", name="共 4 件，已完成 2 件")).to_be_visible()
    expect(frame.get_by_text("还有 2 件 · 今天已完成 2 件")).to_be_visible()
    expect(frame.locator("[data-live=done]")).to_contain_text("周敏")
    with database.reading() as session:
        query = select(FollowUpTask.evidence).where(FollowUpTask.id == chain.tasks["invite"])
        assert session.scalars(query).one() == Evidence.SELF_DECLARED


def test_a_member_who_is_not_in_wecom_is_one_tap_from_the_task(phone: FakePhone, chain: Chain):
    phone.open("/h5/worklist", entry="normal")
    phone.ready().get_by_role("link", name="周敏").tap()
    frame = phone.frame
    expect(frame.get_by_role("heading", name="周敏", level=1)).to_be_visible()
    expect(frame.get_by_role("heading", name="每一步的结果")).to_be_visible()
    expect(frame.locator("[data-invited]")).to_be_visible()
    frame.get_by_role("link", name="我的任务").first.tap()
    expect(frame.get_by_role("heading", name="我的任务")).to_be_visible()


def test_more_tasks_than_fit_are_counted_and_led_to(phone: FakePhone, chain: Chain, database: Database):
    add_tasks(database, chain, 104)
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    expect(frame.get_by_text("还有 107 件")).to_be_visible()
    expect(frame.get_by_text("显示前 100 件")).to_be_visible()
    frame.get_by_role("link", name="还有 7 件").click()
    expect(frame.get_by_text("显示第 101–107 件")).to_be_visible()
    expect(frame.locator("[data-task]")).to_have_count(7)


def test_the_worklist_reads_without_scripts(browser, console_url: str, chain: Chain):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(console_url.replace("localhost", "lina.localhost").replace("/console/", "/h5/worklist"))
    expect(page.get_by_role("heading", name="我的任务")).to_be_visible()
    page.get_by_text("要说的话").first.click()
    expect(page.get_by_text(THANKS)).to_be_visible()
    context.close()
