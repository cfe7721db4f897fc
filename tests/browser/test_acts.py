"""The sheet: put off, skip and undo on the page; once for a double tap, and kept where there is no network."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import BrowserContext, Frame, expect
from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.models import CareAct, FollowUpTask
from app.follow_ups.states import Channel
from app.members.models import MemberCare
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items
from tests.browser.conftest import SwitchedWeb
from tests.browser.phone import FakePhone
from tests.browser.test_sending import until
from tests.faces.chain import Chain
from tests.faces.numbers import NUMBER, make_call


def sheet_of(frame: Frame, number: int = 0) -> None:
    frame.locator("[data-more]").nth(number).tap()
    expect(frame.get_by_role("dialog")).to_be_visible()


def item(database: Database, chain: Chain, task: str = "thanks") -> WorkItem:
    with database.reading() as session:
        query = select(WorkItem).join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        return session.scalars(query.where(FollowUpTask.id == chain.tasks[task])).one()


def acts(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(CareAct.act).order_by(CareAct.id)))


def wait(phone: FakePhone, holds: Callable[[], bool]) -> None:
    until(phone.page, holds, seconds=60)


def test_a_task_is_put_off_with_two_taps_and_taken_back(phone: FakePhone, chain: Chain, database: Database):
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    sheet_of(frame)
    frame.get_by_role("button", name="推迟").first.tap()
    evening = frame.locator("[data-until=evening]")
    expect(evening).to_contain_text("18:00")
    evening.dblclick()
    expect(frame.get_by_text("已推迟到")).to_be_visible()
    wait(phone, lambda: item(database, chain).postponed_until is not None)
    expect(frame.locator("[data-live=later]")).to_contain_text("林晓雯")
    frame.get_by_role("button", name="撤销").tap()
    wait(phone, lambda: item(database, chain).postponed_until is None)
    assert acts(database) == ["postponed", "recalled"]


def test_what_is_skipped_without_a_network_is_handed_in_later(
    phone: FakePhone, context: BrowserContext, chain: Chain, database: Database
):
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    context.set_offline(True)
    sheet_of(frame)
    frame.get_by_role("button", name="不用做了").tap()
    frame.get_by_role("button", name="刚联系过").tap()
    expect(frame.get_by_text("已跳过：刚联系过")).to_be_visible()
    assert item(database, chain).state == WorkState.OPEN
    context.set_offline(False)
    wait(phone, lambda: item(database, chain).close_reason == "skipped_in_touch")
    frame.get_by_role("button", name="撤销").tap()
    wait(phone, lambda: item(database, chain).state == WorkState.OPEN)
    assert acts(database) == ["skipped", "undone"]


def test_what_was_said_on_the_phone_stays_in_sight_when_it_is_refused_until_it_is_let_go(
    phone: FakePhone, chain: Chain, database: Database
):
    with database.transaction() as session:
        session.get_one(FollowUpTask, chain.tasks["thanks"]).channel = Channel.PHONE
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    with database.transaction() as session:
        before = clock.now(session) - timedelta(minutes=5)
        close_items(session, [item(database, chain).id], WorkState.EXPIRED, "expired", before)
    frame.locator("[data-channel=phone] [data-more=call]").tap()
    frame.get_by_label("聊了什么").fill("下周来试")
    frame.locator("[data-call=reached]").tap()
    bar = frame.locator("#unrecorded")
    expect(bar).to_contain_text("下周来试")
    phone.open("/h5/worklist", entry="normal")
    bar = phone.ready().locator("#unrecorded")
    expect(bar).to_contain_text("下周来试")
    bar.get_by_role("button", name="不再保留").tap()
    expect(bar).to_be_hidden()
    assert acts(database) == []


def test_the_number_to_call_is_shown_by_a_tap_and_can_be_dialled(
    phone: FakePhone, chain: Chain, database: Database, web: tuple[SwitchedWeb, str]
):
    assert web[0].app is not None
    make_call(web[0].app, database, chain)
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    frame.get_by_role("button", name="查看电话号码").tap()
    expect(frame.get_by_role("link", name="138 0013 8001")).to_have_attribute("href", f"tel:{NUMBER}")
    assert acts(database) == ["number_seen"]
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    expect(frame.get_by_role("button", name="查看电话号码")).to_be_visible()
    expect(frame.locator("[href^=tel]")).to_have_count(0)


def test_a_task_is_handed_to_one_of_those_who_may_have_it(phone: FakePhone, chain: Chain, database: Database):
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    sheet_of(frame)
    frame.get_by_role("button", name="转给同事").tap()
    frame.get_by_role("button", name=re.compile("^王伟.*店长 · 只能邀请添加")).tap()
    wait(phone, lambda: item(database, chain).assignee_id == chain.people["wangwei"])
    assert acts(database) == ["handed"]


def test_leaving_a_customer_alone_can_be_withdrawn_and_then_counts(
    phone: FakePhone, chain: Chain, database: Database
):
    def opted_out() -> bool:
        with database.reading() as session:
            return session.get_one(MemberCare, chain.members["xiaowen"]).opted_out_at is not None

    phone.open()
    frame = phone.ready()
    sheet_of(frame)
    frame.get_by_role("button", name="勿扰").tap()
    frame.get_by_role("button", name="撤销").tap()
    expect(frame.locator("[data-send]").first).to_be_visible()
    sheet_of(frame)
    frame.get_by_role("button", name="勿扰").tap()
    wait(phone, opted_out)
    expect(frame.get_by_role("heading", name="这位顾客设了勿扰")).to_be_visible()
    assert acts(database) == ["opted_out"]
    frame.get_by_role("button", name="恢复跟进").tap()
    wait(phone, lambda: not opted_out())
    expect(frame.get_by_role("heading", name="这位顾客设了勿扰")).to_have_count(0)
