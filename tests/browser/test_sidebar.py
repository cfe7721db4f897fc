"""What the sidebar shows when all is well, when nothing is due, and when WeCom is not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.clock import now
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.members.models import ContactBinding, ExternalContact, Member
from app.worklist.models import WorkState
from app.worklist.service import close_items
from tests.axe import complaints_of_axe
from tests.browser.phone import FakePhone
from tests.browser.test_looks import look
from tests.browser.test_sending import until
from tests.faces.chain import Chain

LATER = datetime.now(UTC) + timedelta(days=1)
SETTLED_MS = 400


def put(database: Database, contact: str, **columns: Any) -> None:
    """Change the only binding of a contact."""
    query = select(ContactBinding).join(
        ExternalContact, ExternalContact.id == ContactBinding.external_contact_id
    )
    with database.transaction() as session:
        row = session.scalars(query.where(ExternalContact.external_userid == contact)).one()
        for name, value in columns.items():
            setattr(row, name, value)


def test_the_first_screen_says_who_what_now_and_which_words(phone: FakePhone, chain: Chain):
    phone.open()
    frame = phone.ready()
    for text in ("林晓雯", "购后致谢", "趁热道个谢", "谢谢您今天过来", "发送"):
        expect(frame.get_by_text(text).first).to_be_in_viewport()


def test_steps_to_come_and_what_became_of_each_step(phone: FakePhone, chain: Chain):
    phone.open()
    frame = phone.ready()
    expect(frame.get_by_role("heading", name="接下来")).to_be_visible()
    expect(frame.get_by_text("只知道购买日期，不知道具体时间")).to_be_visible()
    frame.get_by_text("更早的记录").click()
    expect(frame.get_by_text("这笔购买已退货，跟进停止")).to_be_visible()


@pytest.mark.parametrize(
    ("contact", "says"),
    [
        ("wmChen", "这位客户现在没有待办"),
        ("wmNobody", "这位客户还不是会员"),
        ("wmStranger", "这不是你的客户"),
        ("wmOther", "这不是你的客户"),
    ],
)
def test_empty_states_say_what_is_the_matter(phone: FakePhone, chain: Chain, contact: str, says: str):
    phone.open(contact=contact)
    frame = phone.ready()
    expect(frame.get_by_text(says)).to_be_visible()
    expect(frame.locator("[data-send]")).to_have_count(0)


def test_opened_from_the_workbench_it_becomes_the_worklist(phone: FakePhone, chain: Chain):
    phone.open(entry="normal")
    phone.page.wait_for_timeout(100)
    expect(phone.page.frame_locator("iframe").get_by_role("heading", name="我的任务")).to_be_visible()


def test_a_group_chat_is_explained(phone: FakePhone, chain: Chain):
    phone.open(entry="group_chat_tools")
    expect(phone.ready().get_by_text("这是群聊")).to_be_visible()


LIMIT_MS = 8_000


def let_it_run_out(phone: FakePhone, api: str, calls: int = 1) -> None:
    """Move the page's clock past the time limit of a call that is never answered."""
    until(phone.page, lambda: len(phone.calls(api)) >= calls)
    phone.page.clock.run_for(LIMIT_MS)


def test_a_silent_client_is_told_within_its_time_limit(phone: FakePhone, chain: Chain):
    phone.page.clock.install()
    phone.open(answers={"agentConfig": "silent"})
    let_it_run_out(phone, "agentConfig")
    frame = phone.ready()
    expect(frame.get_by_text("企业微信没有响应")).to_be_visible()
    expect(frame.locator("#main").get_by_role("link", name="我的任务")).to_be_visible()


def test_after_silence_it_can_be_tried_again(phone: FakePhone, chain: Chain):
    phone.page.clock.install()
    phone.open(answers={"getContext": "silent"})
    let_it_run_out(phone, "getContext")
    frame = phone.ready()
    phone.change(answers={})
    frame.get_by_role("button", name="重试").click()
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible()


def test_a_client_that_falls_silent_later_leaves_the_page_readable(phone: FakePhone, chain: Chain):
    phone.page.clock.install()
    phone.open()
    frame = phone.ready()
    phone.change(answers={"getContext": "silent"})
    frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    let_it_run_out(phone, "getContext", calls=2)
    expect(frame.locator("#environment")).to_contain_text("仍可查看和复制")
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible()


def test_a_refused_signature_is_told(phone: FakePhone, chain: Chain):
    phone.open(answers={"agentConfig": "fail invalid signature"})
    expect(phone.ready().get_by_text("页面授权没有通过")).to_be_visible()


def test_an_ordinary_browser_is_told_where_to_open_it(page: Page, console_url: str, chain: Chain):
    page.goto(console_url.replace("localhost", "lina.localhost").replace("/console/", "/h5/"))
    expect(page.get_by_text("请在企业微信的客户聊天侧边栏中打开")).to_be_visible()
    page.locator("#main").get_by_role("link", name="我的任务").click()
    expect(page.get_by_role("heading", name="我的任务")).to_be_visible()


def test_coming_back_to_the_page_shows_the_chat_that_is_open_now(phone: FakePhone, chain: Chain):
    phone.open()
    frame = phone.ready()
    phone.change(contact="wmChen")
    frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(frame.get_by_role("heading", name="陈国强")).to_be_visible()


def test_coming_back_shows_what_changed_meanwhile(phone: FakePhone, chain: Chain, database: Database):
    phone.open()
    frame = phone.ready()
    frame.get_by_text("更早的记录").click()
    with database.transaction() as session:
        item_id = session.get_one(FollowUpTask, chain.tasks["thanks"]).work_item_id
        close_items(session, [item_id], WorkState.CANCELLED, "refunded", now(session))
    frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(frame.get_by_role("heading", name="今天结束的")).to_be_visible()
    expect(frame.get_by_text("购买已退货", exact=True).first).to_be_visible()
    expect(frame.locator("details")).to_have_attribute("open", "")


def test_a_tap_is_not_lost_when_the_page_refreshes_under_the_thumb(
    phone: FakePhone, chain: Chain, database: Database
):
    phone.open()
    frame = phone.ready()
    with database.transaction() as session:
        session.get_one(Member, chain.members["xiaowen"]).name = "林晓雯（新）"
    box = frame.locator("[data-send]").first.bounding_box()
    assert box
    phone.page.mouse.move(box["x"] + 20, box["y"] + 20)
    phone.page.mouse.down()
    frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    phone.page.wait_for_timeout(800)
    phone.page.mouse.up()
    expect(frame.get_by_role("button", name="已发送")).to_be_visible()
    assert len(phone.calls("sendChatMessage")) == 1


def test_a_fresh_page_shows_its_skeleton_before_wecom_answers(phone: FakePhone, chain: Chain):
    phone.open(slow={"getContext": 1500})
    phone.frame.wait_for_selector(".skeleton", timeout=10_000)
    expect(phone.frame.locator("#member")).to_have_attribute("aria-busy", "true")
    expect(phone.ready().get_by_role("heading", name="林晓雯")).to_be_visible()


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"lost_at": LATER}, "顾客已删除你"),
        ({"is_half": True, "bound_at": None, "half_at": LATER}, "对方的申请还没有通过"),
    ],
)
def test_why_a_contact_cannot_be_written_to_is_told_and_nothing_is_to_be_sent(
    phone: FakePhone, database: Database, columns: dict[str, Any], says: str
):
    put(database, "wmXiaowen", **columns)
    phone.open()
    frame = phone.ready()
    for scheme, width in product(("light", "dark"), (300, 360, 420)):
        look(phone.page, width, scheme)
        place = f"{says} at {width} px, {scheme}"
        expect(frame.get_by_role("heading", name=says)).to_be_in_viewport()
        assert frame.evaluate("document.documentElement.scrollWidth") <= width, place
        assert complaints_of_axe(frame) == "", place
    expect(frame.locator("[data-send]")).to_have_count(0)


def test_a_request_accepted_meanwhile_shows_the_member_by_itself(phone: FakePhone, database: Database):
    put(database, "wmXiaowen", is_half=True)
    phone.open()
    frame = phone.ready()
    expect(frame.get_by_text("对方的申请还没有通过")).to_be_visible()
    put(database, "wmXiaowen", is_half=False)
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible(timeout=20_000)


def test_somebody_just_added_shows_by_themselves(phone: FakePhone, database: Database):
    put(database, "wmXiaowen", ended_at=LATER)
    phone.open()
    frame = phone.ready()
    expect(frame.get_by_text("这不是你的客户")).to_be_visible()
    put(database, "wmXiaowen", ended_at=None)
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize(
    ("columns", "waits_s"),
    [({"is_half": True}, [3, 6, 12]), ({"ended_at": LATER}, [3]), ({"lost_at": LATER}, [])],
)
def test_it_looks_again_a_few_times_and_then_waits_for_somebody_to_come_back(
    phone: FakePhone, database: Database, columns: dict[str, Any], waits_s: list[int]
):
    put(database, "wmXiaowen", **columns)
    parts: list[str] = []
    phone.page.on(
        "requestfinished", lambda asked: parts.append(asked.url) if "/h5/member?" in asked.url else None
    )
    phone.page.clock.install()
    phone.open()
    phone.ready()
    let_it_look(phone, parts, waits_s)
    phone.frame.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(phone.page, lambda: len(parts) == len(waits_s) + 2)
    let_it_look(phone, parts, waits_s, before=len(waits_s) + 2)


def has_length(items: list[str], length: int) -> bool:
    return len(items) == length


def let_it_look(phone: FakePhone, parts: list[str], waits_s: list[int], before: int = 1) -> None:
    """So often it looks again, and no more within half a minute."""
    for count, wait_s in enumerate(waits_s, start=before + 1):
        phone.page.wait_for_timeout(SETTLED_MS)
        phone.page.clock.run_for(wait_s * 1000)
        until(phone.page, partial(has_length, parts, count), 40)
    phone.page.wait_for_timeout(SETTLED_MS)
    phone.page.clock.run_for(30_000)
    phone.page.wait_for_timeout(SETTLED_MS)
    assert len(parts) == before + len(waits_s)


def test_a_page_nobody_sees_does_not_look(phone: FakePhone, database: Database):
    put(database, "wmXiaowen", is_half=True)
    phone.page.clock.install()
    phone.open()
    frame = phone.ready()
    phone.page.wait_for_timeout(SETTLED_MS)
    frame.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    asked = len(phone.calls("getContext"))
    phone.page.clock.run_for(30_000)
    phone.page.wait_for_timeout(SETTLED_MS)
    assert len(phone.calls("getContext")) == asked
    put(database, "wmXiaowen", is_half=False)
    frame.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(frame.get_by_role("heading", name="林晓雯")).to_be_visible()
