"""A phone of the test's own: it frames a page as the sandbox's phone does and answers WeCom's native bridge as told."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Frame, Page, Route

PHONE = """<!doctype html><html lang="zh-CN"><title>phone</title><meta name="viewport" content="width=device-width">
<style>html, body { margin: 0; height: 100% } iframe { border: 0; width: 100%; height: 100%; display: block }</style>
<script>
// entry, contact: where the chat is. answers: "ok", "silent", or an err_msg's tail, by api. slow: ms by api.
window.phone = PHONE_STATE;
window.calls = [];
addEventListener("message", event => {
  const asked = event.data && event.data.wecom;
  if (!asked) return;
  window.calls.push({ api: asked.api, params: asked.params });
  const answer = phone.answers[asked.api] || "ok";
  if (answer === "silent") return;
  const extra = { getContext: { entry: phone.entry }, getCurExternalContact: { userId: phone.contact } }[asked.api];
  const result = { err_msg: `${asked.api}:${answer}`, ...(answer === "ok" ? extra : {}) };
  const reply = () => event.source.postMessage({ wecomReply: { id: asked.id, result } }, event.origin);
  setTimeout(reply, phone.slow[asked.api] || 0);
});
</script><iframe src="PHONE_URL" allow="clipboard-read *; clipboard-write *" title="page"></iframe></html>"""


class FakePhone:
    """Opens a page of ours; `frame` is that page."""

    def __init__(self, page: Page, sandbox_url: str, web_url: str, userid: str = "lina") -> None:
        self.page = page
        self._origin = sandbox_url.replace("127.0.0.1", f"{userid}.localhost")
        self._web = web_url.replace("127.0.0.1", f"{userid}.localhost")

    def open(
        self,
        path: str = "/h5/",
        *,
        contact: str = "wmXiaowen",
        entry: str = "single_chat_tools",
        answers: dict[str, str] | None = None,
        slow: dict[str, int] | None = None,
    ) -> Frame:
        state = {"entry": entry, "contact": contact, "answers": answers or {}, "slow": slow or {}}
        html = PHONE.replace("PHONE_STATE", json.dumps(state)).replace("PHONE_URL", self._web + path)

        def serve(route: Route) -> None:
            route.fulfill(content_type="text/html", body=html)

        self.page.route("**/own-phone", serve)
        self.page.goto(f"{self._origin}/own-phone")
        return self.frame

    @property
    def frame(self) -> Frame:
        return self.page.frames[1]

    def ready(self) -> Frame:
        """The page once it shows what it has to show."""
        self.frame.wait_for_selector("html[data-ready]", timeout=20_000)
        return self.frame

    def change(self, **state: Any) -> None:
        """From now on the phone answers otherwise."""
        self.page.evaluate("state => Object.assign(window.phone, state)", state)

    def calls(self, api: str) -> list[dict[str, Any]]:
        """What the page asked of WeCom by this name."""
        made: list[dict[str, Any]] = self.page.evaluate("window.calls")
        return [call["params"] for call in made if call["api"] == api]
