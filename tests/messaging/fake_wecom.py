"""A WeCom that remembers what it was sent and answers what the test put down."""

from __future__ import annotations

from collections import deque
from threading import Lock

from app.wecom.port import SentMessage
from tests.wecom.unanswering import UnansweringWeCom


class FakeWeCom(UnansweringWeCom):
    """Implements `WeComPort`; answers in `answers` are used up first, errors among them are raised."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.answers: deque[SentMessage | Exception] = deque()
        self._lock = Lock()

    def send_app_message(self, body: str) -> SentMessage:
        with self._lock:
            self.bodies.append(body)
            answer = self.answers.popleft() if self.answers else self.taken()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def taken(self, *unknown: str) -> SentMessage:
        return SentMessage(f"msgid{len(self.bodies)}", frozenset(unknown))
