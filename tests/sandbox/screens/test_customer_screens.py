"""A customer's phone in Chromium, and several phones side by side."""

from __future__ import annotations

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.sandbox.corp import answer_of
from tests.sandbox.screens.errands import order_group_send, order_moment, told
from tests.sandbox.stage import assert_accessible

pytestmark = pytest.mark.browser


def test_a_customer_scans_a_page_and_it_opens_beside(page, stage):
    page.goto(f"{stage.customer('wmA')}#scan")
    page.get_by_label("二维码的内容").fill(f"http://localhost:{stage.app_port}/join/s12")
    page.get_by_role("button", name="扫这个码").click()
    own = stage.customer("wmA").replace(f":{stage.port}/customer", f":{stage.app_port}/join/s12")
    expect(page.locator("iframe")).to_have_attribute("src", own)


def test_a_page_scanned_on_a_members_phone_opens_on_the_customers(page, stage):
    page.goto(f"{stage.phone}#scan")
    page.get_by_role("button", name="晓雯").click()
    page.get_by_label("二维码的内容").fill(f"http://localhost:{stage.app_port}/join/s12")
    page.get_by_role("button", name="扫这个码").click()
    page.get_by_role("link", name="在顾客的手机上打开").click()
    expect(page).to_have_title("顾客晓雯的手机 · 企业微信沙箱")
    own = stage.customer("wmA").replace(f":{stage.port}/customer", f":{stage.app_port}/join/s12")
    expect(page.locator("iframe")).to_have_attribute("src", own)


def test_a_customer_scans_adds_talks_and_leaves(page, stage):
    way = stage.contact_way(user=["wangwei"])
    page.goto(f"{stage.customer('wmC')}#scan")
    page.get_by_label("二维码的内容").fill(f"http://localhost:{stage.port}/qr/{way}")
    page.get_by_role("button", name="扫这个码").click()
    page.get_by_role("link", name="打开聊天").click()
    page.get_by_label("说点什么").fill("想看大衣")
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".said.mine .bubble")).to_contain_text("想看大衣")
    page.get_by_role("link", name="导购资料").click()
    page.get_by_role("button", name="删除联系人").click()
    page.get_by_role("button", name="再点一次就删除").click()
    expect(page.get_by_text("还没有加过导购")).to_be_visible()
    assert [event["ChangeType"] for event in told(stage)] == ["add_external_contact", "del_follow_user"]


def test_a_customer_refuses_another_member(page, stage):
    handover = {"handover_userid": "lina", "takeover_userid": "wangwei", "external_userid": ["wmA"]}
    stage.api.post("externalcontact/transfer_customer", handover)
    page.goto(stage.customer("wmA"))
    expect(page.get_by_text("王伟 将为你服务")).to_be_visible()
    page.get_by_role("button", name="不接受王伟").click()
    expect(page.get_by_text("王伟 将为你服务")).to_have_count(0)
    assert [event.get("FailReason") for event in told(stage)] == ["customer_refused"]


def framed_phone(page: Page, name: str) -> FrameLocator:
    return page.frame_locator(f"iframe[title='{name}的手机']")


def test_phones_are_chosen_and_stand_side_by_side(page, stage):
    page.goto(f"http://localhost:{stage.port}/")
    for name in ("李娜", "晓雯"):
        page.get_by_label(f"并排打开{name}的手机").check()
    page.get_by_role("button", name="并排打开（2 部）").click()
    member, customer = framed_phone(page, "李娜"), framed_phone(page, "顾客 晓雯")
    customer.get_by_role("link", name="李娜").click()
    customer.get_by_label("说点什么").fill("西装改好了吗")
    customer.get_by_role("button", name="发送").click()
    expect(member.locator("a.row", has_text="林晓雯")).to_contain_text("西装改好了吗")
    member.locator("a.row", has_text="林晓雯").click()
    expect(member.locator(".bubble")).to_contain_text("西装改好了吗")


def test_a_toolbar_side_by_side_keeps_its_session(page, stage):
    """A browser gives SameSite=Lax cookies to a framed page only while every page around it is of its site."""
    visited = f"http://localhost:{stage.app_port}/h5/session"
    stage.api.send(msgtype="textcard", textcard={"title": "清单", "description": "今天", "url": visited})
    page.goto(f"http://localhost:{stage.port}/phones?ids=lina,wmA")
    member = framed_phone(page, "李娜")
    member.locator("a.row").first.click()
    member.get_by_role("button", name="详情").click()
    expect(member.frame_locator("iframe").locator("#said")).to_have_text("new")
    member.get_by_label("重新打开网页").click()
    expect(member.frame_locator("iframe").locator("#said")).to_have_text("again")


def test_a_fifth_phone_cannot_be_chosen(page, stage):
    page.goto(f"http://localhost:{stage.port}/")
    for name in ("李娜", "王伟", "赵闲", "晓雯"):
        page.get_by_label(f"并排打开{name}的手机").check()
    expect(page.get_by_role("button", name="并排打开（4 部，最多四部）")).to_be_visible()
    page.get_by_label("并排打开陈先生的手机").click()
    expect(page.get_by_label("并排打开陈先生的手机")).not_to_be_checked()


def test_the_chooser_makes_a_phone_for_a_new_customer(page, stage):
    page.goto(f"http://localhost:{stage.port}/")
    page.get_by_label("新顾客的名字").fill("孙悦")
    page.get_by_role("button", name="新的手机").click()
    expect(page.get_by_text("还没有加过导购")).to_be_visible()
    expect(page).to_have_title("顾客孙悦的手机 · 企业微信沙箱")


@pytest.mark.parametrize("screen", ["messages", "moments", "scan", "add", "chat/LiNa", "member/LiNa"])
def test_axe_finds_nothing_on_a_customers_screens(page, stage, screen):
    order_group_send(stage)
    order_moment(stage)
    headers = {"Host": "lina.localhost"}
    for kind, key in (("sends", "msgid"), ("moments", "moment_id")):
        [waiting] = answer_of(stage.client.get(f"/phone/{kind}", headers=headers))[kind]
        answer_of(stage.client.post(f"/phone/{kind}/{waiting[key]}", json={}, headers=headers))
    handover = {"handover_userid": "lina", "takeover_userid": "wangwei", "external_userid": ["wmA"]}
    stage.api.post("externalcontact/transfer_customer", handover)
    stage.contact_way(state="poster")
    page.goto(f"{stage.customer('wmA')}#{screen}")
    expect(page.locator(".row, .panel, .way, .bubble").last).to_be_visible()
    assert_accessible(page)


def test_axe_finds_nothing_side_by_side(page, stage):
    page.goto(f"http://localhost:{stage.port}/phones?ids=lina,wmA")
    expect(framed_phone(page, "李娜").locator(".row").first).to_be_visible()
    expect(framed_phone(page, "顾客 晓雯").locator(".row").first).to_be_visible()
    assert_accessible(page)
