"""对账 in a browser that runs no scripts: asked for, read, repaired; and how the page looks."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from app import clock
from app.db import Database
from app.follow_ups.reconciling.runs import JOB, ask_for_run, next_piece
from app.intake.inbox import apply_received
from app.intake.own_events import own_handlers
from app.intake.service import apply_events
from app.lanes import Deadline
from app.nightly import run_nightly
from tests.axe import complaints_of_axe
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import SCHEMES, look
from tests.faces.chain import Chain
from tests.follow_ups.triggering import KEYS
from tests.intake.wecom_inbox import NOBODY
from tests.world import purchase


@pytest.fixture
def lost(database: Database, chain: Chain) -> None:
    """A customer bought, and an operator has deleted their series by hand."""
    with database.transaction() as session:
        bought_at = clock.now(session) + timedelta(minutes=10)
        clock.jump_to(session, bought_at)
    apply_events(database, "pos", [purchase("P-lost", "新客", bought_at)], enrolls=True)
    with database.engine.begin() as connection:
        row_id = connection.execute(text("SELECT MAX(id) FROM enrollments")).scalar_one()
        connection.execute(text(f"DELETE FROM timers WHERE subject_id = {row_id}"))
        connection.execute(text(f"DELETE FROM enrollments WHERE id = {row_id}"))


def reconcile_tonight(database: Database) -> None:
    run_nightly(database, {JOB: partial(next_piece, keys=None)}, Deadline(60))


@pytest.mark.usefixtures("lost")
def test_hq_reconciles_and_repairs_without_scripts(browser: Browser, console_url: str, database: Database):
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="跟进对账"))
    follow(page, page.get_by_role("button", name="立即对账"))
    expect(page.get_by_role("status")).to_contain_text("已提交")
    reconcile_tonight(database)
    follow(page, page.get_by_role("link", name="刷新"))
    expect(page.get_by_role("region", name="缺失或有误")).to_contain_text("应进入此计划")
    follow(page, page.get_by_role("button", name="修复").first)
    expect(page.get_by_role("status")).to_contain_text("修复正在进行")
    apply_received(database, NOBODY, own_handlers(KEYS), Deadline(60))
    follow(page, page.get_by_role("link", name="刷新"))
    expect(page.get_by_text("已修复").first).to_be_visible()
    expect(page.get_by_role("button", name="修复")).to_have_count(0)
    context.close()


@pytest.mark.usefixtures("lost")
def test_the_page_fits_and_axe_finds_nothing(page: Page, console_url: str, database: Database):
    with database.transaction() as session:
        ask_for_run(session, None)
    reconcile_tonight(database)
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="跟进对账"))
    for scheme, width in product(SCHEMES, (320, 1280)):
        look(page, width, scheme)
        place = f"at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        assert complaints_of_axe(page) == "", place
    follow(page, page.locator("td .pill a").first)
    assert complaints_of_axe(page) == ""
