"""Sending from the sidebar: four faces, one message, and a record that arrives whatever the network does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, expect
from sqlalchemy import select

from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.worklist.models import WorkItem, WorkState
from tests.browser.phone import FakePhone
from tests.faces.chain import THANKS, Chain


def task(frame: Frame, title: str = "购后致谢") -> Locator:
    return frame.locator("[data-task]").filter(has=frame.get_by_role("heading", name=title))


def send_button(frame: Frame) -> Locator:
    return task(frame).locator("[data-send]")


def until(page: Page, holds: Callable[[], bool], seconds: float = 15) -> None:
    """Poll here: the page's own `eval` is forbidden by its policy."""
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "did not happen"
        page.wait_for_timeout(50)


def is_done(database: Database, chain: Chain, name: str = "thanks") -> bool:
    with database.reading() as session:
        query = select(WorkItem.state).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        return session.scalars(query.where(FollowUpTask.id == chain.tasks[name])).one() == WorkState.DONE


def test_one_tap_sends_into_the_chat_and_the_task_is_done(
    page: Page, sandbox_url: str, chain: Chain, database: Database
):
    """In the sandbox's own phone: the real signature, the real chat."""
    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(sandbox_url.replace("127.0.0.1", "lina.localhost") + "/phone#contacts")
    page.get_by_text("林晓雯").first.click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible(timeout=15_000)
    expect(frame.locator("[data-say]").first).to_have_text(THANKS)
    frame.get_by_role("button", name="发送").first.click()
    expect(frame.get_by_role("button", name="已发送")).to_be_visible()
    said = requests.get(f"{sandbox_url}/sandbox/chats/lina/wmXiaowen", timeout=30).json()
    assert THANKS in str(said)
    until(page, lambda: is_done(database, chain))


def test_the_four_faces(phone: FakePhone, chain: Chain, database: Database):
    phone.open(slow={"sendChatMessage": 2000})
    frame = phone.ready()
    button = send_button(frame)
    expect(button).to_have_text("发送")
    button.tap()
    expect(button).to_have_text("发送中…")
    expect(button).to_have_text("已发送")
    expect(button).to_be_disabled()
    until(phone.page, lambda: is_done(database, chain))
    sent = phone.calls("sendChatMessage")
    assert sent == [{"msgtype": "text", "text": {"content": THANKS}}]


def test_who_the_chat_is_with_is_asked_before_the_send(phone: FakePhone, chain: Chain):
    phone.open()
    frame = phone.ready()
    assert len(phone.calls("getCurExternalContact")) == 1
    send_button(frame).tap()
    expect(send_button(frame)).to_have_text("已发送")
    assert len(phone.calls("getCurExternalContact")) == 2


def test_a_double_tap_sends_once(phone: FakePhone, chain: Chain):
    phone.open(slow={"sendChatMessage": 400, "getCurExternalContact": 200})
    button = send_button(phone.ready())
    button.dblclick()
    button.click(force=True)
    expect(button).to_have_text("已发送")
    assert len(phone.calls("sendChatMessage")) == 1


def test_a_changed_chat_refuses_the_send_and_shows_the_other_customer(
    phone: FakePhone, chain: Chain, database: Database
):
    phone.open()
    frame = phone.ready()
    phone.change(contact="wmChen")
    send_button(frame).tap()
    expect(frame.get_by_role("heading", name="陈国强")).to_be_visible()
    expect(frame.locator("#toast")).to_contain_text("聊天对象已经换了")
    assert phone.calls("sendChatMessage") == []
    assert not is_done(database, chain)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("cancel", "已取消，没有发送"),
        ("fail no permission", "没有「客户联系」权限"),
        ("fail without context of external contact", "请从客户聊天的侧边栏打开"),
        ("fail something else", "企业微信拒绝了：something else"),
    ],
)
def test_what_wecom_refuses_is_said_and_not_recorded(
    phone: FakePhone, chain: Chain, database: Database, answer: str, said: str
):
    phone.open(answers={"sendChatMessage": answer})
    frame = phone.ready()
    send_button(frame).tap()
    expect(task(frame).locator("[data-result]")).to_contain_text(said)
    expect(send_button(frame)).to_have_text("发送")
    expect(send_button(frame)).to_be_enabled()
    assert not is_done(database, chain)


def test_a_send_that_is_never_answered_is_not_taken_for_sent(page: Page, phone: FakePhone, chain: Chain):
    """After a minute; the page's clock is moved instead of waited for."""
    phone.open(answers={"sendChatMessage": "silent"})
    frame = phone.ready()
    page.clock.install()
    send_button(frame).tap()
    until(page, lambda: len(phone.calls("sendChatMessage")) == 1)
    page.clock.run_for(61_000)
    expect(task(frame).locator("[data-result]")).to_contain_text("请先看聊天里是否已发出")
    expect(send_button(frame)).to_have_text("再次发送")


def test_an_unfilled_variable_blocks_the_send(phone: FakePhone, chain: Chain):
    phone.open()
    frame = phone.ready()
    blocked = task(frame, "3 天回访")
    expect(blocked.locator("[data-send]")).to_be_disabled()
    expect(blocked).to_contain_text("不能发送：product 还没有内容")
    # Even a page that somebody tampered with does not send it.
    blocked.locator("[data-send]").evaluate("button => { button.disabled = false; }")
    blocked.locator("[data-send]").tap()
    expect(blocked.locator("[data-result]")).to_contain_text("{product}")
    assert phone.calls("sendChatMessage") == []


def test_a_record_made_offline_is_delivered_once_the_network_is_back(
    phone: FakePhone, context: BrowserContext, chain: Chain, database: Database
):
    phone.open()
    frame = phone.ready()
    context.set_offline(True)
    expect(frame.locator("#offline")).to_be_visible()
    send_button(frame).tap()
    expect(send_button(frame)).to_have_text("已发送")
    expect(task(frame).locator("[data-result]")).to_contain_text("记录将在联网后提交")
    assert not is_done(database, chain)
    context.set_offline(False)
    until(phone.page, lambda: is_done(database, chain))
    expect(frame.locator("#offline")).to_be_hidden()


def test_a_waiting_record_survives_a_reload_and_the_task_does_not_look_unsent(
    phone: FakePhone, chain: Chain, database: Database
):
    pattern = re.compile(r".*/h5/api/tasks/.*/done")
    phone.page.route(pattern, lambda route: route.abort())
    phone.open()
    send_button(phone.ready()).tap()
    expect(send_button(phone.frame)).to_have_text("已发送")
    phone.page.reload()
    frame = phone.ready()
    expect(send_button(frame)).to_have_text("已发送")
    expect(send_button(frame)).to_be_disabled()
    assert not is_done(database, chain)
    phone.page.unroute(pattern)
    phone.page.reload()
    until(phone.page, lambda: is_done(database, chain))


def test_a_lost_answer_is_delivered_again_and_counts_once(phone: FakePhone, chain: Chain, database: Database):
    answers: list[int] = []

    def lose_the_first(route):
        # Fetched from here, where `lina.localhost` has no address.
        response = route.fetch(url=route.request.url.replace("lina.localhost", "127.0.0.1"))
        answers.append(response.status)
        if len(answers) == 1:
            route.abort()
        else:
            route.fulfill(response=response)

    phone.page.route(re.compile(r".*/h5/api/tasks/.*/done"), lose_the_first)
    phone.open()
    send_button(phone.ready()).tap()
    until(phone.page, lambda: len(answers) >= 2)
    assert answers == [200, 200]
    assert is_done(database, chain)


def test_a_record_the_server_refuses_stays_in_sight_until_it_is_taken(
    phone: FakePhone, chain: Chain, database: Database
):
    def refuse(route):
        problem = '{"title": "这个任务由别人负责。", "status": 403, "code": "not_your_task"}'
        route.fulfill(status=403, content_type="application/problem+json", body=problem)

    said = "已发送，但没有记录：这个任务由别人负责。"
    pattern = re.compile(r".*/h5/api/tasks/.*/done")
    phone.page.route(pattern, refuse)
    phone.open()
    send_button(phone.ready()).tap()
    expect(task(phone.frame).locator("[data-result]")).to_contain_text(said)
    phone.open("/h5/worklist", entry="normal")
    bar = phone.ready().locator("#unrecorded")
    expect(bar).to_contain_text(f"购后致谢 · {said}")
    phone.page.unroute(pattern)
    bar.get_by_role("button", name="重试").tap()
    until(phone.page, lambda: is_done(database, chain))
    expect(bar).to_be_hidden()


@pytest.fixture
def second(context: BrowserContext, sandbox_url: str, web: tuple[object, str], chain: Chain) -> FakePhone:
    """Another tab of the same device: it shares cookies and storage."""
    return FakePhone(context.new_page(), sandbox_url, web[1])


@pytest.fixture
def computer(
    browser: Browser, sandbox_url: str, web: tuple[object, str], chain: Chain
) -> Iterator[FakePhone]:
    """Another device of the same person: it shares nothing."""
    elsewhere = browser.new_context(locale="zh-CN", has_touch=True)
    yield FakePhone(elsewhere.new_page(), sandbox_url, web[1])
    elsewhere.close()


def result(phone: FakePhone) -> Locator:
    return task(phone.frame).locator("[data-result]")


@pytest.mark.parametrize("other", ["second", "computer"])
def test_while_one_page_sends_the_others_are_told(
    phone: FakePhone, chain: Chain, database: Database, request: pytest.FixtureRequest, other: str
):
    there: FakePhone = request.getfixturevalue(other)
    phone.open(slow={"sendChatMessage": 6000})
    there.open()
    phone.ready()
    there.ready()
    send_button(phone.frame).tap()
    until(phone.page, lambda: len(phone.calls("sendChatMessage")) == 1)
    send_button(there.frame).tap()
    expect(result(there)).to_contain_text("正在另一处发送")
    expect(send_button(there.frame)).to_have_text("发送")
    until(phone.page, lambda: is_done(database, chain))
    assert there.calls("sendChatMessage") == []


@pytest.mark.parametrize("other", ["second", "computer"])
def test_a_cancelled_send_frees_the_task_for_the_other_page(
    phone: FakePhone, chain: Chain, database: Database, request: pytest.FixtureRequest, other: str
):
    there: FakePhone = request.getfixturevalue(other)
    phone.open(answers={"sendChatMessage": "cancel"})
    there.open()
    phone.ready()
    there.ready()
    send_button(phone.frame).tap()
    expect(result(phone)).to_contain_text("已取消")
    phone.page.wait_for_timeout(300)
    send_button(there.frame).tap()
    expect(send_button(there.frame)).to_have_text("已发送")
    until(phone.page, lambda: is_done(database, chain))


def test_what_another_device_sent_is_not_sent_again(
    phone: FakePhone, computer: FakePhone, chain: Chain, database: Database
):
    phone.open()
    computer.open()
    computer.ready()
    send_button(phone.ready()).tap()
    until(phone.page, lambda: is_done(database, chain))
    send_button(computer.frame).tap()
    expect(computer.frame.get_by_role("heading", name="今天结束的")).to_be_visible()
    expect(send_button(computer.frame)).to_have_count(0)
    assert computer.calls("sendChatMessage") == []


def test_offline_a_second_tab_sees_that_it_was_sent_and_both_see_it_recorded(
    phone: FakePhone, second: FakePhone, context: BrowserContext, chain: Chain, database: Database
):
    phone.open()
    second.open()
    phone.ready()
    second.ready()
    context.set_offline(True)
    send_button(phone.frame).tap()
    for tab in (phone, second):
        expect(result(tab)).to_contain_text("记录将在联网后提交")
        expect(send_button(tab.frame)).to_be_disabled()
    context.set_offline(False)
    until(phone.page, lambda: is_done(database, chain))
    for tab in (phone, second):
        expect(tab.frame.get_by_text("记录将在联网后提交")).to_have_count(0)
    assert len(phone.calls("sendChatMessage") + second.calls("sendChatMessage")) == 1


def test_without_channels_a_tab_finds_out_when_it_is_looked_at(
    phone: FakePhone, second: FakePhone, context: BrowserContext, chain: Chain, database: Database
):
    context.add_init_script("delete window.BroadcastChannel")
    pattern = re.compile(r".*/h5/api/tasks/.*/done")
    phone.page.route(pattern, lambda route: route.abort())
    phone.open()
    send_button(phone.ready()).tap()
    expect(result(phone)).to_contain_text("记录将在联网后提交")
    second.open()
    until(phone.page, lambda: is_done(database, chain))
    phone.frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(phone.frame.get_by_text("记录将在联网后提交")).to_have_count(0)


def test_a_server_that_does_not_answer_the_claim_holds_no_message_up(
    phone: FakePhone, chain: Chain, database: Database
):
    phone.page.route(re.compile(r".*/h5/api/tasks/.*/claim"), lambda route: None)
    phone.open()
    send_button(phone.ready()).tap()
    expect(send_button(phone.frame)).to_have_text("已发送", timeout=8000)
    until(phone.page, lambda: is_done(database, chain))


def test_outside_a_chat_the_text_is_copied_instead(phone: FakePhone, context: BrowserContext, chain: Chain):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.open(entry="contact_profile")
    frame = phone.ready()
    send_button(frame).tap()
    expect(task(frame).locator("[data-result]")).to_contain_text("已复制")
    assert frame.evaluate("navigator.clipboard.readText()") == THANKS
    assert phone.calls("sendChatMessage") == []
