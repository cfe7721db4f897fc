"""A new contact whom no welcome reached: from the worklist into the chat, and done with one tap."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from app.db import Database
from app.worklist.models import WorkItem, WorkKind, WorkState
from tests.browser.phone import FakePhone
from tests.browser.test_sending import until
from tests.faces.chain import Chain
from tests.faces.greetings import WELCOME_TEXT, add_greeting


@pytest.fixture(autouse=True)
def greeting(database: Database, chain: Chain) -> None:
    add_greeting(database, chain)


def is_greeted(database: Database) -> bool:
    with database.reading() as session:
        query = select(WorkItem.state).where(WorkItem.kind == WorkKind.WELCOME)
        return session.scalars(query).one() == WorkState.DONE


def test_it_opens_the_chat_and_is_done_on_the_associates_word(phone: FakePhone, database: Database):
    phone.open("/h5/worklist", entry="normal")
    frame = phone.ready()
    card = frame.locator("[data-channel=greeting]")
    expect(card).to_contain_text(WELCOME_TEXT)
    card.get_by_role("button", name="去聊天").tap()
    until(phone.page, lambda: len(phone.calls("openEnterpriseChat")) == 1)
    assert phone.calls("openEnterpriseChat")[0]["externalUserIds"] == "wmNobody"
    card.get_by_role("button", name="已问候").tap()
    expect(card.get_by_role("button", name="已问候")).to_be_disabled()
    until(phone.page, lambda: is_greeted(database))
    expect(card.locator("[data-result]")).to_have_text(re.compile(r"^\d\d:\d\d 已问候$"))


def test_in_the_chat_one_tap_sends_it_and_it_is_done(phone: FakePhone, database: Database):
    phone.open(contact="wmNobody")
    card = phone.ready().locator("[data-channel=greeting]")
    card.get_by_role("button", name="发送").tap()
    expect(card.get_by_role("button", name="已发送")).to_be_disabled()
    until(phone.page, lambda: is_greeted(database))
    (sent,) = phone.calls("sendChatMessage")
    assert sent["text"]["content"] == WELCOME_TEXT
