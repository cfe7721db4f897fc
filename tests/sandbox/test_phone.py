"""What a phone's page asks for, and the fast-forward (contract of the sandbox with its own page)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.sandbox.factory import create_sandbox
from app.sandbox.hosts import label_of, userid_of
from tests.sandbox.corp import DAY, HOUR, SECOND, answer_of

PHONE = {"Host": "lina.localhost:8001"}


def feed(client, **args):
    return answer_of(client.get("/phone/feed", query_string=args, headers=PHONE))


def test_a_phone_is_its_members_host():
    assert (label_of("LiNa"), userid_of("lina.localhost:8001")) == ("lina", "lina")
    for odd in ("a.b@c", "x--plain", "-", "_", "wang_", "张"):
        assert userid_of(f"{label_of(odd)}.localhost") == odd
    assert userid_of("localhost:8001") is None
    assert userid_of("lina.example:8001") is None
    assert userid_of("x--0.localhost") is None


def test_the_first_page_lists_who_is_here_and_finds(seeded):
    page = seeded.get("/", headers={"Host": "localhost:8001"}).text
    assert "http://lina.localhost:8001/phone" in page
    assert "钱走" not in page
    assert "http://localhost:8000/console/" in page
    found = answer_of(seeded.get("/people?q=总部"))["people"]
    assert [(person["userid"], person["label"], person["unread"]) for person in found] == [
        ("idle", "idle", 0)
    ]


def test_a_phone_page_names_its_toolbar_and_runs_nothing_inline(seeded):
    response = seeded.get("/phone", headers=PHONE)
    assert 'data-toolbar-url="http://lina.localhost:8000/h5/"' in response.text
    assert "<style" not in response.text
    assert "style=" not in response.text
    assert "onclick" not in response.text
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-src http://localhost:8000 http://127.0.0.1:8000 http://*.localhost:8000" in policy


def test_other_hosts_lead_to_a_phone_or_to_choosing(seeded):
    assert seeded.get("/", headers=PHONE).location == "/phone"
    assert (
        seeded.get("/phone", headers={"Host": "nobody.localhost:8001"}).location == "http://localhost:8001/"
    )
    assert seeded.get("/phone/feed", headers={"Host": "nobody.localhost:8001"}).status_code == 404


def test_a_feed_has_what_is_new_and_unread(api):
    api.send(text={"content": "一"})
    first = feed(api.client)
    assert (first["unread"], [message["body"]["content"] for message in first["messages"]]) == (1, ["一"])
    api.send(text={"content": "二"})
    later = feed(api.client, after=first["messages"][-1]["id"])
    assert [message["body"]["content"] for message in later["messages"]] == ["二"]
    api.client.post("/phone/read", headers=PHONE)
    assert feed(api.client)["unread"] == 0


def test_a_dropped_message_is_not_on_the_phone(api):
    for _ in range(31):
        api.send()
    assert feed(api.client)["unread"] == 30


def test_a_chat_is_opened_said_into_and_read(seeded):
    assert answer_of(seeded.get("/phone/chats/wmA", headers=PHONE))["name"] == "林晓雯"
    said = {"from": "customer", "msgtype": "text", "text": {"content": "在吗"}}
    seeded.post("/phone/chats/wmA", json=said, headers=PHONE)
    answered = {"msgtype": "news", "news": {"link": "http://localhost:8000/m", "title": "新品"}}
    assert answer_of(seeded.post("/phone/chats/wmA", json=answered, headers=PHONE))["from"] == "associate"
    new = feed(seeded, chat="wmA")
    assert [message["from"] for message in new["chat"]] == ["customer", "associate"]
    [chat] = new["chats"]
    assert (chat["name"], chat["unread"], chat["last"]) == ("林晓雯", 1, "[链接] 新品")
    assert feed(seeded, chat="wmA", chat_after=new["chat"][-1]["id"])["chat"] == []
    seeded.post("/phone/chats/wmA/read", headers=PHONE)
    assert feed(seeded)["chats"][0]["unread"] == 0


def test_someone_elses_customer_is_refused_in_chinese(seeded):
    assert seeded.get("/phone/chats/wmC", headers=PHONE).status_code == 404
    said = {"msgtype": "text", "text": {"content": "x"}}
    response = seeded.post("/phone/chats/wmC", json=said, headers=PHONE)
    assert (response.status_code, response.json) == (404, {"error": "对方不是你的客户"})
    assert "消息不对" in seeded.post("/phone/chats/wmA", json={}, headers=PHONE).json["error"]


def test_contacts_are_found_by_name_and_remark(seeded):
    def names(**args: Any) -> list[str]:
        answer = answer_of(seeded.get("/phone/contacts", query_string=args, headers=PHONE))
        return [contact["name"] for contact in answer["contacts"]]

    assert set(names()) == {"林晓雯", "陈先生"}
    assert names(q="晓雯") == ["林晓雯"]
    assert names(offset=2) == []


def test_without_an_app_the_sandbox_moves_alone(client):
    before = answer_of(client.get("/time"))["now_ms"]
    answer = client.post("/travel", json={"seconds": 1800})
    assert (answer.status_code, answer.json["now_ms"] - before) == (202, 1_800_000)
    assert answer_of(client.get("/travel"))["arrived"]
    refused = client.post("/travel", json={"to": "next_due"})
    assert refused.status_code == 502
    assert "没有连接店伴" in refused.json["error"]


@pytest.mark.parametrize(
    "wish", [{}, {"seconds": 0}, {"seconds": -5}, {"seconds": "60"}, {"seconds": 367 * 86_400}]
)
def test_a_wrong_wish_is_refused(client, wish):
    assert "只能快进" in client.post("/travel", json=wish).json["error"]


class App:
    """The app's side of a journey: answers what the test says, remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b"{}"
        self.asked: list[tuple[str, str | None, Any]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.say(202 if app.status == 200 else app.status, body)

            def do_GET(self) -> None:
                self.say(app.status, None)

            def say(self, status: int, body: Any) -> None:
                app.asked.append((self.command, self.headers["X-Travel-Key"], body))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(app.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/sandbox-clock"

    def says(self, **answer: Any) -> None:
        self.answer = json.dumps(answer).encode()


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.server.shutdown()
    app.server.server_close()


@pytest.fixture
def led(settings, machine, app):
    """A client of a sandbox that asks the app to travel."""
    sandbox = create_sandbox(replace(settings, travel_url=app.url, travel_key="k3y"), machine)
    yield sandbox.test_client()
    sandbox.extensions["sandbox"].store.close()


def test_a_journey_is_asked_of_the_app_and_its_offset_adopted(led, app):
    app.says(now="x", offset_us=HOUR, target_at="2025-10-10T08:53:20+00:00", arrived=False)
    begun = led.post("/travel", json={"seconds": 86_400})
    assert begun.status_code == 202
    assert app.asked == [("POST", "k3y", {"seconds": 86_400}), ("GET", "k3y", None)]
    assert (begun.json["arrived"], begun.json["target_ms"]) == (False, 1_760_086_400_000)
    app.says(offset_us=DAY, target_at=None, arrived=True)
    there = answer_of(led.get("/travel"))
    assert (there["arrived"], there["target_ms"], there["now_ms"]) == (
        True,
        None,
        (1_760_000_000 * SECOND + DAY) // 1000,
    )
    assert answer_of(led.get("/sandbox/state"))["offset_us"] == DAY


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (403, b"", "钥匙不对"),
        (404, b"", "不在沙箱模式"),
        (409, '{"detail": "没有下一件"}'.encode(), "没有下一件"),
        (500, b"<html>", "店伴出错了（500）"),
        (200, b"<html>", "不是 JSON"),
        (200, b"[]", "不是 JSON 对象"),
        (200, b'{"offset_us": "soon"}', "看不懂"),
    ],
)
def test_what_the_app_answers_wrongly_is_said_in_chinese(led, app, status, answer, said):
    app.status, app.answer = status, answer
    response = led.post("/travel", json={"to": "next_due"})
    assert response.status_code == 502
    assert said in response.json["error"]


def test_an_app_that_is_away_is_said_so(led, app):
    app.server.shutdown()
    app.server.server_close()
    assert "店伴没有响应" in led.post("/travel", json={"seconds": 60}).json["error"]
