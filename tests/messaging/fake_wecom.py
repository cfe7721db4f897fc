"""A WeCom that remembers what it was sent and answers what the test put down."""

from __future__ import annotations

from collections import deque
from threading import Lock

from app.wecom.port import Account, Contact, Login, SentMessage


class FakeWeCom:
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

    def login_of(self, code: str) -> Login:
        raise NotImplementedError

    def corp_ticket(self) -> str:
        raise NotImplementedError

    def agent_ticket(self) -> str:
        raise NotImplementedError

    def account(self, wecom_userid: str) -> Account:
        raise NotImplementedError

    def contact(self, external_userid: str) -> Contact:
        raise NotImplementedError

    def contact_ids(self, wecom_userid: str) -> tuple[str, ...]:
        raise NotImplementedError
