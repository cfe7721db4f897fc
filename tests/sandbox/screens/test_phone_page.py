"""A member's phone in Chromium: the bridge, the screens, the fast-forward, accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.sandbox.stage import ask, assert_accessible, framed, open_chat

pytestmark = pytest.mark.browser

CARD = {
    "card_type": "text_notice",
    "source": {"desc": "店伴"},
    "main_title": {"title": "林晓雯", "desc": "买了西装"},
    "emphasis_content": {"title": "¥3,280", "desc": "本次消费"},
    "horizontal_content_list": [{"keyname": "门店", "value": "万象城"}],
    "card_action": {"type": 1, "url": "http://localhost:8000/h5/worklist"},
}


def test_a_chat_frames_the_toolbar_which_must_sign_before_it_may_ask(page, stage):
    open_chat(page, stage)
    assert ask(page, "getContext") == {"err_msg": "getContext:ok", "entry": "single_chat_tools"}
    assert ask(page, "getCurExternalContact")["err_msg"] == "getCurExternalContact:fail no permission"
    wrong = stage.signed(stage.toolbar, "corp")
    assert ask(page, "agentConfig", wrong)["err_msg"] == "agentConfig:fail invalid signature"
    assert ask(page, "agentConfig", stage.signed(stage.toolbar))["err_msg"] == "agentConfig:ok"
    assert ask(page, "getCurExternalContact")["userId"] == "wmA"
    assert ask(page, "chooseImage")["err_msg"] == "chooseImage:fail not supported"


def test_what_the_toolbar_sends_stands_in_the_chat(page, stage):
    open_chat(page, stage)
    ask(page, "agentConfig", stage.signed(stage.toolbar))
    sent = ask(page, "sendChatMessage", {"msgtype": "text", "text": {"content": "西装到了"}})
    assert sent["err_msg"] == "sendChatMessage:ok"
    expect(page.locator(".said.mine .bubble")).to_contain_text("西装到了")
    empty = ask(page, "sendChatMessage", {"msgtype": "text", "text": {"content": ""}})
    assert empty["err_msg"].startswith("sendChatMessage:fail ")


def test_who_was_deleted_sees_a_red_mark_though_the_page_is_told_ok(page, stage):
    stage.client.post("/phone/customers/wmA/leave", json={}, headers={"Host": "lina.localhost"})
    open_chat(page, stage)
    ask(page, "agentConfig", stage.signed(stage.toolbar))
    sent = ask(page, "sendChatMessage", {"msgtype": "text", "text": {"content": "西装到了"}})
    assert sent["err_msg"] == "sendChatMessage:ok"
    expect(page.locator(".said.mine", has_text="西装到了").get_by_text("未送达")).to_be_attached()
    expect(page.get_by_text("对方已开启好友验证")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize(("place", "title"), [("chat", "聊天"), ("customer", "客户资料")])
def test_a_link_to_a_customer_no_longer_theirs_says_so_and_leads_back(page, stage, place, title):
    open_chat(page, stage)
    page.goto(f"{stage.phone}#{place}/wmC")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    expect(page.get_by_text("对方不是你的客户")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    page.get_by_role("link", name="返回").click()
    expect(page.get_by_role("heading", name="消息")).to_be_visible()


@pytest.mark.parametrize(("host", "path"), [("localhost", "/"), ("phones.localhost", "/phones?ids=lina,wmA")])
def test_the_date_leaves_the_logo_alone(page, stage, host, path):
    for width in (300, 320, 360, 420):
        page.set_viewport_size({"width": width, "height": 700})
        page.goto(f"http://{host}:{stage.port}{path}")
        expect(page.locator("[data-now]")).to_contain_text("2025年10月9日")
        logo, date = page.locator(".brand img").bounding_box(), page.locator("[data-now]").bounding_box()
        assert logo["x"] + logo["width"] <= date["x"], width
        assert logo["width"] == 28, width
        console = page.get_by_role("link", name="总部后台").bounding_box()
        assert date["x"] + date["width"] <= console["x"], width
        assert console["x"] + console["width"] <= width


def test_the_customer_answers_without_a_reload(page, stage):
    open_chat(page, stage)
    page.get_by_label("说点什么").fill("周六来")
    page.get_by_role("button", name="客户说").click()
    expect(page.locator(".said:not(.mine) .bubble")).to_contain_text("周六来")


def test_a_pushed_message_opens_its_page_which_may_open_a_chat(page, stage):
    page.goto(stage.phone)
    expect(page.get_by_text("还没有消息", exact=False)).to_be_visible()
    url = f"http://localhost:{stage.app_port}/h5/worklist?from=push"
    stage.api.send(
        msgtype="textcard", textcard={"title": "3 位会员要跟进", "description": "今天到期", "url": url}
    )
    expect(page.locator("[data-banner] a")).to_contain_text("3 位会员要跟进")
    page.locator("[data-banner] a").click()
    page.get_by_role("button", name="详情").click()
    own = f"http://lina.localhost:{stage.app_port}/h5/worklist?from=push"
    expect(page.locator("iframe")).to_have_attribute("src", own)
    assert ask(page, "getContext")["entry"] == "normal"
    ask(page, "agentConfig", stage.signed(own))
    assert "without context" in ask(page, "getCurExternalContact")["err_msg"]
    assert "fail" in ask(page, "openEnterpriseChat", {"externalUserIds": "wmC"})["err_msg"]
    assert ask(page, "openEnterpriseChat", {"externalUserIds": "wmB"})["err_msg"] == "openEnterpriseChat:ok"
    expect(page.get_by_role("heading", name="陈先生")).to_be_visible()
    expect(page.locator("iframe")).to_have_attribute("src", stage.toolbar)
    assert stage.client.get("/people?q=lina").json["people"][0]["unread"] == 0


def test_leaving_a_chat_closes_its_toolbar(page, stage):
    open_chat(page, stage)
    page.get_by_role("link", name="返回").click()
    expect(page.locator("iframe")).to_have_count(0)


def test_a_foreign_frame_is_not_answered(page, stage):
    """A frame that is not the phone's webview gets nothing, even from the app's origin."""
    open_chat(page, stage)
    heard = framed(page).evaluate(
        """() => new Promise(done => {
            const other = document.createElement('iframe');
            other.srcdoc = '<script>parent.parent.postMessage({wecom: {id: 1, api: "getContext"}}, "*");'
                + 'addEventListener("message", () => parent.postMessage("heard", "*"));</' + 'script>';
            addEventListener('message', event => { if (event.data === 'heard') done(true); });
            other.onload = () => setTimeout(() => done(false), 300);
            document.body.append(other);
        })"""
    )
    assert heard is False


def test_time_moves_and_an_error_is_said(page, stage):
    page.goto(stage.phone)
    expect(page.locator("[data-now]")).to_have_text("2025年10月9日 周四 16:53")
    page.get_by_role("button", name="快进 30 分钟").click()
    expect(page.locator("[data-said]")).to_have_text("已到 2025年10月9日 周四 17:23")
    page.get_by_role("button", name="快进 1 天").click()
    expect(page.locator("[data-now]")).to_have_text("2025年10月10日 周五 17:23")
    page.get_by_role("button", name="到下一件").click()
    expect(page.locator("[data-said]")).to_contain_text("不知道下一件是什么时候")


def test_choosing_finds_a_person(page, stage):
    page.goto(f"http://localhost:{stage.port}/")
    page.get_by_label("按姓名、账号或部门查找").fill("王")
    expect(page.locator(".card")).to_have_count(1)
    page.locator(".card").click()
    expect(page).to_have_url(f"http://wangwei.localhost:{stage.port}/phone")


@pytest.mark.parametrize("place", ["/", "/phone", "/phone#contacts", "/phone#app", "/phone#chat/wmA"])
def test_axe_finds_nothing_light_and_dark_narrow_and_wide(page, stage, place):
    stage.api.send(msgtype="template_card", template_card=CARD)
    for sender in ("customer", "associate"):
        said = {"from": sender, "msgtype": "text", "text": {"content": "您好"}}
        stage.client.post("/sandbox/chats/lina/wmA", json=said)
    host = "localhost" if place == "/" else "lina.localhost"
    page.goto(f"http://{host}:{stage.port}{place}")
    expect(page.locator(".card, .row, .app-card, .bubble").first).to_be_visible()
    assert_accessible(page)
