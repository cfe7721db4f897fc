"""A live sandbox with phones to look at, and a page of ours on another port to be framed by them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from flask import Flask, Response, request
from playwright.sync_api import Frame, Page, expect

from app.sandbox.factory import create_sandbox
from app.sandbox.hosts import customer_label_of
from app.sandbox.tickets import signature
from tests.axe import WCAG, complaints_of_axe
from tests.sandbox.corp import AGENT, CONTACTS, CORP, PEOPLE, Api
from tests.servers.threads import ThreadServer

LOCAL = re.compile(r"about:|http://([a-z0-9-]+\.)*localhost:\d+/")

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


def remember_visits() -> Response:
    """Says whether the browser brought back the cookie of its last visit, as a signed-in session does."""
    response = Response(FRAMED.replace('id="said">', f'id="said">{request.cookies.get("visited", "new")}'))
    response.set_cookie("visited", "again", samesite="Lax", httponly=True)
    return response


class Stage:
    """A live sandbox and, on another port, pages to be framed."""

    def __init__(self, settings: Any, machine: Any) -> None:
        self.pages = Flask("pages")
        self.pages.add_url_rule("/h5/", view_func=lambda: Response(FRAMED), endpoint="toolbar")
        self.pages.add_url_rule("/h5/worklist", view_func=lambda: Response(FRAMED), endpoint="worklist")
        self.pages.add_url_rule("/h5/session", view_func=remember_visits, endpoint="session")
        self.pages.add_url_rule("/join/s12", view_func=lambda: Response(FRAMED), endpoint="join")
        self.servers: list[ThreadServer] = []
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

    def customer(self, external_userid: str) -> str:
        """Where this customer's phone is."""
        return f"http://{customer_label_of(external_userid)}.localhost:{self.port}/customer"

    def contact_way(self, **fields: Any) -> str:
        """A contact way of the app; its config_id."""
        made = self.api.post(
            "externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": ["lina"], **fields}
        )
        return str(made["config_id"])

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
        self.servers.append(ThreadServer(app))
        return self.servers[-1].port

    def close(self) -> None:
        for server in self.servers:
            server.stop()
        self.sandbox.extensions["sandbox_callbacks"].close()
        self.sandbox.extensions["sandbox"].store.close()


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


def assert_accessible(page: Page) -> None:
    """Axe finds nothing, and nothing is wider than the page: light and dark, narrow and wide."""
    for scheme, width in (("light", 300), ("dark", 360), ("light", 1280), ("dark", 1280)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 860})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints_of_axe(page, WCAG) == ""
