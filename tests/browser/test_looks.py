"""Every page fits, weighs little, can be tapped with a thumb, and axe finds nothing, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import Frame, Page, expect

from app.db import Database
from tests.axe import complaints_of_axe
from tests.browser.phone import FakePhone
from tests.browser.test_console import follow, sign_in
from tests.faces.chain import Chain
from tests.faces.crowd import overfill

WIDTHS = [300, 360, 390]
SCHEMES = ["light", "dark"]
MOST_BYTES = 30_000
NOT_OURS = re.compile(r"/own-phone$|/stub/")
# What the phone shows: path, chat, where it was opened.
H5_PAGES = {
    "member": ("/h5/", "wmXiaowen", "single_chat_tools"),
    "nothing_due": ("/h5/", "wmChen", "single_chat_tools"),
    "not_a_member": ("/h5/", "wmNobody", "single_chat_tools"),
    "not_mine": ("/h5/", "wmStranger", "single_chat_tools"),
    "group": ("/h5/", "wmXiaowen", "group_chat_tools"),
    "worklist": ("/h5/worklist", "wmXiaowen", "normal"),
}
# Pages a link leads to: where it stands, and what it is called.
H5_LINKED = {
    "member_by_ref": ("lina", "周敏"),
    "person": ("wangwei", "李娜"),
    "task": ("lina", "为什么有这条任务？"),
}


def open_person(page: Page) -> None:
    follow(page, page.get_by_role("link", name="深圳万象城店"))
    follow(page, page.get_by_role("link", name="李娜", exact=True))


def open_steps(page: Page) -> None:
    follow(page, page.get_by_role("region", name="这一天到期").get_by_role("link").first)


def open_member(page: Page) -> None:
    follow(page, page.get_by_role("row").filter(has_text="只知道购买日期").get_by_role("link"))
    follow(page, page.get_by_role("link", name="林晓雯"))


def open_syncs(page: Page) -> None:
    follow(page, page.get_by_role("link", name="企业微信"))
    follow(page, page.get_by_role("button", name="立即比对"))


CONSOLE_PAGES: dict[str, Callable[[Page], None]] = {
    "today": lambda page: None,
    "store": lambda page: follow(page, page.get_by_role("link", name="深圳万象城店")),
    "person": open_person,
    "steps": open_steps,
    "member": open_member,
    "imports": lambda page: follow(page, page.get_by_role("link", name="导入")),
    "quarantine": lambda page: follow(page, page.get_by_role("link", name="隔离区")),
    "organisation": lambda page: follow(page, page.get_by_role("link", name="组织同步")),
    "syncs": open_syncs,
}
PHONES = (320, 390)
# What of a table a person cannot see: beyond the viewport, cut by a box that scrolls, or a letter a line.
LOST_CELLS = """() => [...document.querySelectorAll("tbody th, tbody td:not(:empty)")].flatMap(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const inside = [...cell.querySelectorAll("*")].map(item => item.getBoundingClientRect());
  const boxes = [...range.getClientRects(), ...inside];
  const box = cell.closest(".scroll").getBoundingClientRect();
  const edge = Math.min(box.right, innerWidth) + 1;
  const out = boxes.some(its => its.width && (its.left < box.left - 1 || its.right > edge));
  const narrow = cell.getBoundingClientRect().width < 100;
  return out || narrow ? [cell.outerHTML.slice(0, 120)] : [];
})"""
SMALL_TARGETS = """size => [...document.querySelectorAll("button, a.button, nav a, summary")]
  .filter(item => item.offsetParent && !item.disabled && (item.offsetHeight < size || item.offsetWidth < size))
  .map(item => item.outerHTML.slice(0, 90))"""

SMALL_IN_SHEET = """() => [...document.querySelectorAll("#acts button, #acts [name]:not([type=radio]), .choice")]
  .filter(item => item.offsetParent && item.offsetHeight < 44).map(item => item.outerHTML.slice(0, 90))"""


def show(phone: FakePhone, name: str) -> Frame:
    path, contact, entry = H5_PAGES[name]
    phone.open(path, contact=contact, entry=entry)
    return phone.ready()


def look(page: Page, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 780})


@pytest.mark.parametrize("name", H5_PAGES)
def test_toolbar_pages_fit_and_axe_finds_nothing(
    phone: FakePhone, chain: Chain, database: Database, name: str
):
    """At every width a phone and a PC's sidebar have, in light and in dark."""
    if name == "worklist":
        overfill(database, chain)
    inspect(show(phone, name), phone.page, name)


def inspect(frame: Frame, page: Page, name: str) -> None:
    for scheme, width in product(SCHEMES, WIDTHS):
        look(page, width, scheme)
        place = f"{name} at {width} px, {scheme}"
        assert frame.evaluate("document.documentElement.scrollWidth") <= width, place
        assert frame.evaluate(SMALL_TARGETS, 32) == [], place
        assert complaints_of_axe(frame) == "", place


@pytest.mark.parametrize("name", H5_LINKED)
def test_pages_behind_links_fit_and_axe_finds_nothing(
    page: Page, sandbox_url: str, web: tuple[object, str], chain: Chain, name: str
):
    userid, link = H5_LINKED[name]
    phone = FakePhone(page, sandbox_url, web[1], userid)
    phone.open("/h5/worklist", entry="normal")
    phone.ready().get_by_role("link", name=link).first.click()
    phone.frame.wait_for_url(re.compile(r".*/(members|people|tasks)/.*"))
    phone.ready()
    inspect(phone.frame, page, name)


def test_every_part_of_the_sheet_fits_and_axe_finds_nothing(phone: FakePhone, chain: Chain):
    """Everything in it is tapped with a thumb: 44 px."""
    frame = show(phone, "worklist")
    for panel in ("menu", "wait", "skip", "hand", "visit", "score"):
        frame.locator("[data-more]").first.tap()
        if panel != "menu":
            frame.locator(f"[data-go={panel}]").tap()
        expect(frame.locator(f"[data-panel={panel}]")).to_be_visible()
        expect(frame.locator("[data-panel][aria-busy]")).to_have_count(0)
        for scheme, width in (("light", 390), ("dark", 300)):
            look(phone.page, width, scheme)
            assert frame.evaluate("document.documentElement.scrollWidth") <= width, panel
            assert frame.evaluate(SMALL_IN_SHEET) == [], panel
            assert complaints_of_axe(frame) == "", panel
        frame.locator("[data-close]").tap()


def test_main_actions_are_44_px_and_in_the_lower_half(phone: FakePhone, chain: Chain):
    button = show(phone, "member").locator("[data-send]").first
    for width in WIDTHS:
        phone.page.set_viewport_size({"width": width, "height": 780})
        box = button.bounding_box()
        assert box, width
        assert box["height"] >= 44, width
        assert box["y"] + box["height"] >= 780 / 2, width
        assert box["y"] + box["height"] <= 780 - 56, width


@pytest.mark.parametrize("name", ["member", "worklist"])
def test_a_page_weighs_at_most_30_kb(phone: FakePhone, chain: Chain, name: str):
    """On the wire, with nothing cached: page, styles, scripts, the part about the member, the signature.

    The phone around it is the test's own, and WeCom's bridge is stubbed only here: neither is part of the page.
    """
    devtools = phone.page.context.new_cdp_session(phone.page)
    devtools.send(
        "Target.setAutoAttach", {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": True}
    )
    devtools.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}
    devtools.on("Network.responseReceived", lambda it: urls.update({it["requestId"]: it["response"]["url"]}))
    devtools.on(
        "Network.loadingFinished", lambda it: sizes.update({it["requestId"]: it["encodedDataLength"]})
    )
    show(phone, name)
    phone.page.wait_for_timeout(200)
    counted = {urls[request]: size for request, size in sizes.items() if not NOT_OURS.search(urls[request])}
    assert sum(counted.values()) > 5_000, "nothing was counted"
    assert sum(counted.values()) <= MOST_BYTES, counted


@pytest.mark.parametrize("name", CONSOLE_PAGES)
def test_console_pages_fit_and_axe_finds_nothing(page: Page, console_url: str, chain: Chain, name: str):
    sign_in(page, console_url)
    CONSOLE_PAGES[name](page)
    for scheme, width in product(SCHEMES, (*PHONES, 1280)):
        look(page, width, scheme)
        place = f"{name} at {width} px, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        if width in PHONES:
            assert page.evaluate(LOST_CELLS) == [], place
        assert complaints_of_axe(page) == "", place


def test_the_quarantine_fits_with_its_original_texts_open(page: Page, console_url: str, chain: Chain):
    hidden = (
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).length"
    )
    sign_in(page, console_url)
    CONSOLE_PAGES["quarantine"](page)
    page.get_by_text("原文").first.click()
    for width in (320, 390, 560, 641, 861, 1280):
        look(page, width, "light")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(hidden) == 0, width


@pytest.mark.parametrize("path", ["", "no-such-page"])
def test_the_welcome_and_the_error_page_are_clean(page: Page, console_url: str, chain: Chain, path: str):
    page.goto(console_url.replace("console/", path))
    assert complaints_of_axe(page) == ""


def test_a_fault_would_be_noticed(phone: FakePhone, chain: Chain):
    frame = show(phone, "worklist")
    frame.evaluate("document.querySelector('h1').outerHTML = '<h1><button></button></h1>'")
    assert "button-name" in complaints_of_axe(frame)
    assert frame.evaluate(SMALL_TARGETS, 32) != []
