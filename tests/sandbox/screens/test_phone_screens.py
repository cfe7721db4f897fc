"""A member's other screens in Chromium: cards, the workbench, scanning, adding and deleting."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.sandbox.corp import AGENT, answer_of
from tests.sandbox.receiver import wait_until
from tests.sandbox.screens.errands import order_group_send, order_moment, told
from tests.sandbox.stage import Stage, assert_accessible

pytestmark = pytest.mark.browser

MENU = {"desc": "不想收到", "action_list": [{"text": "今天不再提醒", "key": "mute"}]}
NEWS = {
    "card_type": "news_notice",
    "task_id": "t0",
    "main_title": {"title": "新品到店"},
    "card_image": {"url": "https://example.com/coat.png", "aspect_ratio": 1.8},
    "vertical_content_list": [{"title": "羊绒大衣", "desc": "三色"}],
    "card_action": {"type": 1, "url": "http://localhost:8000/h5/"},
    "action_menu": MENU,
}
BUTTONS = {
    "card_type": "button_interaction",
    "task_id": "t1",
    "main_title": {"title": "今天到店吗"},
    "button_selection": {
        "question_key": "when",
        "title": "什么时候",
        "option_list": [{"id": "am", "text": "上午"}, {"id": "pm", "text": "下午"}],
    },
    "button_list": [{"text": "来了", "key": "yes"}, {"text": "没来", "key": "no", "style": 2}],
}
VOTE = {
    "card_type": "vote_interaction",
    "task_id": "t2",
    "main_title": {"title": "周末谁值班"},
    "checkbox": {
        "question_key": "who",
        "mode": 1,
        "option_list": [{"id": "a", "text": "李娜"}, {"id": "b", "text": "王伟"}],
    },
    "submit_button": {"text": "就这样", "key": "go"},
}
SELECTS = {
    "card_type": "multiple_interaction",
    "task_id": "t3",
    "main_title": {"title": "回访结果"},
    "select_list": [
        {
            "question_key": "mood",
            "title": "满意吗",
            "option_list": [{"id": "1", "text": "满意"}, {"id": "2", "text": "一般"}],
        }
    ],
    "submit_button": {"text": "提交", "key": "go"},
}


def send_card(stage: Stage, card: dict[str, Any]) -> None:
    stage.client.put("/sandbox/rules", json={"callback_url_set": True})
    assert stage.api.send(msgtype="template_card", template_card=card)["errcode"] == 0


def test_a_button_is_pressed_and_the_card_changes_where_it_stands(page, stage):
    send_card(stage, BUTTONS)
    page.goto(f"{stage.phone}#app")
    page.get_by_label("什么时候").select_option("pm")
    page.get_by_role("button", name="来了").click()
    expect(page.locator(".card-said")).to_have_text("已提交")
    [event] = told(stage)
    assert (event["Event"], event["EventKey"]) == ("template_card_event", "yes")
    assert event["SelectedItems"]["SelectedItem"] == [
        {"QuestionKey": "when", "OptionIds": {"OptionId": ["pm"]}}
    ]
    update = {"userids": ["lina"], "agentid": AGENT, "response_code": event["ResponseCode"]}
    update |= {"button": {"replace_name": "已记下：下午到店"}}
    assert stage.api.post("message/update_template_card", update)["errcode"] == 0
    expect(page.locator(".card-done")).to_have_text("已记下：下午到店")
    expect(page.get_by_role("button", name="来了")).to_have_count(0)
    expect(page.get_by_role("heading", name="今天到店吗")).to_have_count(1)


def test_votes_and_selections_are_told(page, stage):
    send_card(stage, VOTE)
    send_card(stage, SELECTS)
    page.goto(f"{stage.phone}#app")
    for name in ("李娜", "王伟"):
        page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="就这样").click()
    expect(page.locator("[data-card=vote_interaction] .card-said")).to_have_text("已提交")
    page.get_by_label("满意吗").select_option("2")
    page.get_by_role("button", name="提交").click()
    expect(page.locator("[data-card=multiple_interaction] .card-said")).to_have_text("已提交")
    chosen = [event["SelectedItems"]["SelectedItem"][0]["OptionIds"]["OptionId"] for event in told(stage)]
    assert chosen == [["a", "b"], ["2"]]


def test_a_menu_in_the_corner_tells_its_key(page, stage):
    send_card(stage, NEWS)
    page.goto(f"{stage.phone}#app")
    expect(page.get_by_role("img", name="卡片图片")).to_be_visible()
    page.get_by_label("更多操作").click()
    page.get_by_role("button", name="今天不再提醒").click()
    expect(page.locator(".card-menu .menu")).to_be_hidden()
    pressed = ("template_card_menu_event", "mute")
    wait_until(lambda: [(event["Event"], event["EventKey"]) for event in told(stage)] == [pressed])


def test_a_recalled_message_says_so(page, stage):
    sent = stage.api.send(text={"content": "发错了"})
    page.goto(f"{stage.phone}#app")
    expect(page.get_by_text("发错了")).to_be_visible()
    stage.api.post("message/recall", {"msgid": sent["msgid"]})
    expect(page.get_by_text("应用撤回了一条消息")).to_be_visible()
    expect(page.get_by_text("发错了")).to_have_count(0)


def test_a_new_person_scans_and_the_welcome_arrives(page, stage):
    stage.contact_way(remark="海报", state="poster")
    page.goto(f"{stage.phone}#scan")
    expect(page.locator(".way img")).not_to_have_js_property("naturalWidth", 0)
    page.get_by_role("button", name="扫海报").click()
    expect(page.locator(".status").first).to_have_text("请先填写顾客的名字，或选一位")
    page.get_by_label("顾客", exact=True).fill("孙悦")
    expect(page.get_by_role("button", name="新顾客 孙悦")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="扫海报").click()
    expect(page.locator(".status").first).to_have_text("已添加李娜，可以聊天了")
    [event] = told(stage)
    assert event["State"] == "poster"
    page.get_by_role("link", name="打开聊天").click()
    expect(page.get_by_role("heading", name="孙悦")).to_be_visible()
    welcome = {"welcome_code": event["WelcomeCode"], "text": {"content": "您好，我是李娜"}}
    assert stage.api.post("externalcontact/send_welcome_msg", welcome)["errcode"] == 0
    expect(page.locator(".said.mine .bubble")).to_contain_text("您好，我是李娜")


def test_a_code_far_down_the_list_says_in_its_own_row_what_happened(page, stage):
    for number in range(12):
        stage.contact_way(remark=f"海报{number:02}")
    page.goto(f"{stage.phone}#scan")
    page.get_by_role("button", name="晓雯").click()
    for name in ("海报00", "海报11"):
        pressed = page.locator(".way", has_text=name)
        pressed.get_by_role("button", name=f"扫{name}").click()
        expect(pressed.get_by_role("status")).to_have_text("和李娜已经是好友，什么也没有发生")
        expect(pressed.get_by_role("link", name="打开聊天")).to_be_in_viewport(ratio=1)
        expect(page.locator(".outcome")).to_have_count(1)
    assert_accessible(page)
    page.get_by_role("link", name="打开聊天").click()
    expect(page.get_by_role("heading", name="晓雯")).to_be_visible()


def test_a_known_customer_is_picked_and_half_added_then_accepted(page, stage):
    stage.contact_way(user=["wangwei"], remark="门店")
    page.goto(f"{stage.phone}#scan")
    page.get_by_role("button", name="晓雯").click()
    page.get_by_label("对方还没有通过").check()
    page.get_by_role("button", name="扫门店").click()
    expect(page.locator(".status").first).to_have_text("已添加王伟，等对方通过")
    page.goto(stage.phone.replace("lina", "wangwei") + "#newcomers")
    expect(page.get_by_text("已添加你，等你通过")).to_be_visible()
    expect(page.locator("[data-count=contacts]")).to_contain_text("1")
    page.get_by_role("button", name="通过晓雯").click()
    expect(page.get_by_role("heading", name="晓雯")).to_be_visible()
    kinds = ["add_half_external_contact", "add_external_contact"]
    assert [event["ChangeType"] for event in told(stage)] == kinds


def test_a_customer_is_added_and_deleted_only_when_one_is_sure(page, stage):
    page.goto(f"{stage.phone}#add")
    page.get_by_role("button", name="没人跟进").click()
    page.get_by_role("button", name="添加", exact=True).click()
    expect(page.get_by_role("heading", name="没人跟进")).to_be_visible()
    page.get_by_role("link", name="客户资料").click()
    page.get_by_role("button", name="删除客户").click()
    expect(page.get_by_role("button", name="再点一次就删除")).to_be_visible()
    assert [event["ChangeType"] for event in told(stage)] == ["add_external_contact"]
    page.get_by_role("button", name="再点一次就删除").click()
    expect(page.get_by_role("heading", name="客户", exact=True)).to_be_visible()
    expect(page.locator("a.row", has_text="林晓雯")).to_be_visible()
    expect(page.locator("a.row", has_text="没人跟进")).to_have_count(0)


def test_a_group_send_goes_to_those_left_checked(page, stage):
    order_group_send(stage)
    page.goto(f"{stage.phone}#work")
    page.get_by_role("link", name="群发助手").click()
    page.get_by_label("陈先生").uncheck()
    page.get_by_role("button", name="确认发送").click()
    expect(page.get_by_text("已发给 1 位客户")).to_be_visible()
    expect(page.locator("[data-count=work]")).to_be_hidden()
    page.goto(stage.customer("wmA"))
    page.get_by_role("link", name="李娜").click()
    expect(page.locator(".bubble").first).to_contain_text("周六会员日")
    page.get_by_role("button", name="会员日").click()
    own = stage.customer("wmA").replace(f":{stage.port}/customer", f":{stage.app_port}/join/s12")
    expect(page.locator("iframe")).to_have_attribute("src", own)


def test_a_send_can_wait(page, stage):
    order_group_send(stage)
    page.goto(f"{stage.phone}#sends")
    page.get_by_role("link", name="暂不发送").click()
    expect(page.get_by_role("heading", name="工作台")).to_be_visible()
    expect(page.locator("[data-count=work]")).to_contain_text("1")


def test_a_moment_is_published_seen_and_liked(page, stage):
    order_moment(stage)
    page.goto(f"{stage.phone}#moments")
    page.get_by_role("button", name="发表", exact=True).click()
    expect(page.get_by_text("已发表")).to_be_visible()
    page.goto(f"{stage.customer('wmA')}#moments")
    expect(page.get_by_text("新品上架")).to_be_visible()
    page.get_by_role("button", name="赞").click()
    expect(page.get_by_text("已赞")).to_be_visible()


@pytest.mark.parametrize(
    "screen", ["app", "work", "sends", "moments", "newcomers", "scan", "add", "customer/wmA"]
)
def test_axe_finds_nothing_on_a_members_screens(page, stage, screen):
    for card in (NEWS, BUTTONS, VOTE, SELECTS):
        send_card(stage, card)
    stage.api.post("message/recall", {"msgid": stage.api.send(text={"content": "发错了"})["msgid"]})
    order_group_send(stage)
    order_moment(stage)
    way = stage.contact_way(state="poster")
    scan = {"customer": "wmC", "code": way, "half": True}
    answer_of(stage.client.post("/phone/scan", json=scan, headers={"Host": "lina.localhost"}))
    page.goto(f"{stage.phone}#{screen}")
    expect(page.locator(".app-card, .panel, .way, .row").last).to_be_visible()
    assert_accessible(page)
