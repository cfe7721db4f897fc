"""The app's side of callbacks, on this machine: reads them with wechatpy's crypto, answers as the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import xmltodict
from wechatpy.work.crypto import WeChatCrypto

from tests.sandbox.corp import CORP

TOKEN = "QDG6eK"
AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
PATIENCE_S = 60.0


class Receiver:
    """Keeps every event it could read, accepted or not; `statuses` are answered in turn, then 200."""

    def __init__(self, corp_id: str = CORP) -> None:
        self.crypto = WeChatCrypto(TOKEN, AES_KEY, corp_id)
        self.events: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.wrappers: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.reply = b""
        self.echo: Callable[[str], bytes] = str.encode
        self.before_answer: Callable[[dict[str, Any]], None] = lambda event: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/callbacks/wecom"

    @property
    def address(self) -> dict[str, str]:
        return {"url": self.url, "token": TOKEN, "aes_key": AES_KEY}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def await_events(self, number: int) -> list[dict[str, Any]]:
        """Until that many came."""
        wait_until(lambda: len(self.events) >= number)
        return self.events

    def read(self, query: dict[str, str], body: bytes) -> int:
        """Open one event; the status to answer."""
        self.queries.append(query)
        self.wrappers.append(xmltodict.parse(body)["xml"])
        signed = (query["msg_signature"], query["timestamp"], query["nonce"])
        event = xmltodict.parse(self.crypto.decrypt_message(body, *signed))["xml"]
        self.before_answer(event)
        self.events.append(event)
        return self.statuses.pop(0) if self.statuses else 200

    def check(self, query: dict[str, str]) -> bytes:
        """The answer to the URL check."""
        signed = (query["msg_signature"], query["timestamp"], query["nonce"])
        return self.echo(self.crypto.check_signature(*signed, query["echostr"]))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(200, receiver.check(self.query()))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.say(receiver.read(self.query(), body), receiver.reply)

            def query(self) -> dict[str, str]:
                return dict(parse_qsl(urlsplit(self.path).query))

            def say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                # Whoever asked may have gone meanwhile: that is what some tests are about.
                with suppress(ConnectionError):
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def wait_until(true: Callable[[], bool]) -> None:
    """Until it holds; fails when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)
