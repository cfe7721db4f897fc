"""The phone page in Chromium: the bridge, the screens, the fast-forward, accessibility."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask, Response
from playwright.sync_api import Frame, Page, expect
from werkzeug.serving import BaseWSGIServer, make_server

from app.sandbox.factory import create_sandbox
from app.sandbox.tickets import signature
from tests.sandbox.corp import AGENT, CONTACTS, CORP, PEOPLE, Api

pytestmark = pytest.mark.browser

LOCAL = re.compile(r"about:|http://([a-z]+\.)?localhost:\d+/")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}

CARD = {
    "card_type": "text_notice",
    "source": {"desc": "店伴"},
    "main_title": {"title": "林晓雯", "desc": "买了西装"},
    "emphasis_content": {"title": "¥3,280", "desc": "本次消费"},
    "horizontal_content_list": [{"keyname": "门店", "value": "万象城"}],
    "card_action": {"type": 1, "url": "http://localhost:8000/h5/worklist"},
}

# A page of ours in the frame: `ask(api, params)` puts the answer, as the bridge gives it, into #said.
FRAMED = """<!doctype html><html lang="zh-CN"><title>工具栏</title><body><p id="said"></p><script>
let last = 0; const waiting = {};
const call = (api, params) => new Promise(done => {
  waiting[++last] = done; parent.postMessage({wecom: {id: last, api, params, url: location.href}}, '*'); });
addEventListener('message', event => {
  const reply = event.data.wecomReply; if (reply) waiting[reply.id](reply.result); });
window.ask = async (api, params) => JSON.stringify(await call(api, params));
document.body.dataset.ready = 'yes';
</script></body></html>"""


class Stage:
    """A live sandbox and, on another port, pages to be framed."""

    def __init__(self, settings: Any, machine: Any) -> None:
        self.pages = Flask("pages")
        self.pages.add_url_rule("/h5/", view_func=lambda: Response(FRAMED), endpoint="toolbar")
        self.pages.add_url_rule("/h5/worklist", view_func=lambda: Response(FRAMED), endpoint="worklist")
        self.servers: list[tuple[BaseWSGIServer, threading.Thread]] = []
        self.app_port = self._serve(self.pages)
        toolbar_url = f"http://{{userid}}.localhost:{self.app_port}/h5/"
        self.sandbox = create_sandbox(replace(settings, toolbar_url=toolbar_url), machine)
        self.port = self._serve(self.sandbox)
        self.client = self.sandbox.test_client()
        self.client.put("/sandbox/people", json=PEOPLE)
        self.client.put("/sandbox/contacts", json=CONTACTS)
        self.api = Api(self.client)

    @property
    def phone(self) -> str:
        return f"http://lina.localhost:{self.port}/phone"

    @property
    def toolbar(self) -> str:
        return f"http://lina.localhost:{self.app_port}/h5/"

    def signed(self, url: str, kind: str = "agent") -> dict[str, Any]:
        """What a page signs for agentConfig; kind corp takes the wrong ticket."""
        path, args = ("ticket/get", {"type": "agent_config"}) if kind == "agent" else ("get_jsapi_ticket", {})
        ticket = self.api.get(path, **args)["ticket"]
        made = signature(ticket, "n", "1760000000", url)
        return {
            "corpid": CORP,
            "agentid": str(AGENT),
            "timestamp": 1760000000,
            "nonceStr": "n",
            "signature": made,
            "jsApiList": ["getCurExternalContact", "sendChatMessage", "openEnterpriseChat"],
        }

    def _serve(self, app: Flask) -> int:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        self.servers.append((server, thread))
        return int(server.server_port)

    def close(self) -> None:
        for server, thread in self.servers:
            server.shutdown()
            thread.join()
            server.server_close()
        self.sandbox.extensions["sandbox"].store.close()


@pytest.fixture(scope="session")
def base_url() -> str:
    """None: a phone is a host of its own, so every address here is whole."""
    return ""


@pytest.fixture
def stage(settings, machine) -> Iterator[Stage]:
    stage = Stage(settings, machine)
    yield stage
    stage.close()


@pytest.fixture
def page(page: Page, stage: Stage) -> Iterator[Page]:
    """A page that fails the test on a script error and on any request that leaves this machine."""
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if not LOCAL.match(request.url) else None)
    yield page
    page.goto("about:blank")
    assert wrong == []


def framed(page: Page) -> Frame:
    """The framed page, when its script has run."""
    expect(page.frame_locator("iframe").locator("body[data-ready]")).to_be_attached()
    return page.frames[-1]


def ask(page: Page, api: str, params: Any = None) -> dict[str, Any]:
    """Call the bridge from inside the frame."""
    frame = framed(page)
    answer: dict[str, Any] = json.loads(
        frame.evaluate("([api, params]) => ask(api, params)", [api, params or {}])
    )
    return answer


def open_chat(page: Page, stage: Stage, external_userid: str = "wmA") -> None:
    page.goto(f"{stage.phone}#chat/{external_userid}")
    expect(page.locator("iframe")).to_be_attached()


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
    for scheme, width in (("light", 360), ("dark", 360), ("light", 1280), ("dark", 1280)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 860})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
