"""What customers and associates do with each other in the sandbox while a contract test looks on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from tests.wecom.local_sandbox import LocalSandbox


class Customers:
    """The phones of one sandbox; every customer made here is new."""

    def __init__(self, corp: LocalSandbox) -> None:
        self.corp = corp
        listed = corp.control("GET", "callbacks?limit=1000000")["callbacks"]
        self._seen = listed[-1]["id"] if listed else 0

    def add(self, userid: str, **more: Any) -> dict[str, Any]:
        """A new customer of this member: outcome, external_userid, welcome_code."""
        return self._did("add", {"userid": userid, "customer": f"新客{uuid4().hex[:6]}", **more})

    def scan(self, code: str, customer: str = "", **more: Any) -> dict[str, Any]:
        """A customer, a new one unless named, scans this code."""
        return self._did("scan", {"code": code, "customer": customer or f"扫码{uuid4().hex[:6]}", **more})

    def do(self, what: str, userid: str, external_userid: str, **more: Any) -> dict[str, Any]:
        """accept, delete-by-associate, delete-by-customer, remark or mark."""
        return self._did(what, {"userid": userid, "external_userid": external_userid, **more})

    def events(self) -> list[dict[str, Any]]:
        """What WeCom told since these phones were taken up."""
        listed = self.corp.control("GET", f"callbacks?limit=1000000&after={self._seen}")["callbacks"]
        return [event["fields"] for event in listed]

    def changes(self) -> list[str]:
        """The ChangeType of each event since then."""
        return [event["ChangeType"] for event in self.events()]

    def chat(self, userid: str, external_userid: str) -> list[dict[str, Any]]:
        """What was said between the two."""
        found: list[dict[str, Any]] = self.corp.control("GET", f"chats/{userid}/{external_userid}")[
            "messages"
        ]
        return found

    def say(self, userid: str, external_userid: str, content: str) -> None:
        """The customer writes."""
        said = {"msgtype": "text", "text": {"content": content}}
        self.corp.control("POST", f"chats/{userid}/{external_userid}", said)

    def tags(self, *names: str, group: str = "") -> dict[str, Any]:
        """Tags made in the console: their ids and the group's."""
        wanted = {"group": group or f"标签组{uuid4().hex[:6]}", "names": names}
        return self._did("tags", wanted)

    @contextmanager
    def rules(self, **rules: Any) -> Iterator[None]:
        """What the console set about customers, for a while."""
        self.corp.control("PUT", "graph/rules", rules)
        try:
            yield
        finally:
            self.corp.control("PUT", "graph/rules", {})

    @contextmanager
    def member(self, userid: str, **switches: bool) -> Iterator[None]:
        """What the console set for one member, for a while."""
        self.corp.control("PUT", f"graph/members/{userid}", switches)
        try:
            yield
        finally:
            self.corp.control("PUT", f"graph/members/{userid}", {})

    def _did(self, what: str, sent: dict[str, Any]) -> dict[str, Any]:
        return self.corp.control("POST", f"graph/{what}", sent)
