"""打扰预算 in a browser: quiet hours that leave stores little are saved by who says so; and how that page looks."""

from __future__ import annotations

from itertools import product

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from app.worklist.attention import read_budget
from tests.axe import complaints_of_axe
from tests.browser.test_console import follow, sign_in
from tests.browser.test_looks import SCHEMES, look


@pytest.mark.usefixtures("chain")
def test_little_time_is_meant_or_not_saved(page: Page, console_url: str, database: Database):
    sign_in(page, console_url)
    follow(page, page.get_by_role("link", name="打扰预算"))
    page.get_by_label("免打扰开始").fill("20:30")
    page.get_by_label("免打扰结束").fill("20:00")
    follow(page, page.get_by_role("button", name="保存上限"))
    expect(page.get_by_role("heading", name="每天只剩不到两小时")).to_be_visible()
    for scheme, width in product(SCHEMES, (320, 1280)):
        look(page, width, scheme)
        place = f"at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        assert complaints_of_axe(page) == "", place
    page.get_by_role("checkbox").check()
    follow(page, page.get_by_role("button", name="保存上限"))
    expect(page.get_by_label("免打扰结束")).to_have_value("20:00")
    with database.reading() as session:
        assert f"{read_budget(session).quiet_until:%H:%M}" == "20:00"
