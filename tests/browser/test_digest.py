"""The pushed card on the sandbox's phone: "later" is pressed there; worklist and card say what became of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from flask import Flask
from playwright.sync_api import Page, expect

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpTask
from app.inbound.service import receive
from app.intake.inbox import apply_received
from app.intake.wecom_events import wecom_handlers
from app.lanes import Deadline
from app.messaging.delivery import deliver_due
from app.messaging.digests import DigestSender, gather_due
from app.messaging.rules import GATHER
from app.messaging.service import NewNotice, write_notices
from app.wecom.callbacks import WeComEvent
from app.wecom.sandbox_control import SandboxControl
from app.worklist.queries import open_items
from tests.browser.conftest import SwitchedWeb
from tests.browser.test_sending import until
from tests.faces.chain import Chain


@pytest.fixture
def app(web: tuple[SwitchedWeb, str], chain: Chain) -> Flask:
    assert web[0].app is not None
    return web[0].app


def push(app: Flask, chain: Chain, database: Database, sandbox_url: str, web_url: str) -> None:
    """A digest of one task lies on Li Na's phone."""
    SandboxControl(sandbox_url).let_cards_call_back()
    with database.transaction() as session:
        item_id = session.get_one(FollowUpTask, chain.tasks["thanks"]).work_item_id
        now = clock.now(session)
        write_notices(session, [NewNotice(chain.people["lina"], item_id, "购后致谢 · 林晓雯", now)], now)
        clock.jump_to(session, now + GATHER)
    worklist = web_url.replace("127.0.0.1", "lina.localhost") + "/h5/worklist"
    gather_due(database, DigestSender(1000002, worklist, open_items), Deadline(60))
    assert deliver_due(database, app.extensions["wecom"], Deadline(60)).done == 1


def pressed(sandbox_url: str) -> list[dict[str, Any]]:
    """What the sandbox tells of presses."""
    listed = requests.get(f"{sandbox_url}/sandbox/callbacks?limit=1000", timeout=30).json()["callbacks"]
    return [each["fields"] for each in listed if each["fields"].get("Event") == "template_card_event"]


def hear(app: Flask, database: Database, fields: dict[str, Any]) -> None:
    """The press arrives and is worked."""
    with database.transaction() as session:
        texts = {name: str(value) if isinstance(value, int) else value for name, value in fields.items()}
        told = {**texts, "MsgType": "event", "CreateTime": str(int(clock.now(session).timestamp()))}
        receive(session, WeComEvent.of(told), clock.real_now(session))
    apply_received(database, app.extensions["wecom"], wecom_handlers(database), Deadline(60))


def test_later_puts_the_tasks_off_and_the_card_says_until_when(
    page: Page, app: Flask, chain: Chain, database: Database, sandbox_url: str, web: tuple[SwitchedWeb, str]
):
    before = len(pressed(sandbox_url))
    push(app, chain, database, sandbox_url, web[1])
    page.set_viewport_size({"width": 1280, "height": 860})
    page.goto(sandbox_url.replace("127.0.0.1", "lina.localhost") + "/phone#messages")
    page.get_by_text("店伴", exact=True).first.click()
    card = page.locator("[data-card=button_interaction]").last
    expect(card).to_contain_text("购后致谢 · 林晓雯")
    card.get_by_role("button", name="稍后").click()
    until(page, lambda: len(pressed(sandbox_url)) == before + 1, seconds=60)
    hear(app, database, pressed(sandbox_url)[-1])
    expect(card).to_contain_text(re.compile(r"已稍后提醒，\d\d:\d\d"))
    expect(card.get_by_role("button", name="稍后")).to_have_count(0)
    card.get_by_role("button", name="查看详情").click()
    frame = page.frame_locator("iframe")
    expect(frame.locator("[data-live=later]")).to_contain_text("林晓雯")
    expect(frame.get_by_text("稍后 1 件")).to_be_visible()
