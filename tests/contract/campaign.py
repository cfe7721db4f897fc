"""A corner of the sandbox's corp that one test has to itself: members, customers, and what they do on their phones."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from tests.wecom.local_sandbox import LocalSandbox

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Campaign:
    """Begins with no orders, moments, handovers, groups, lives or bills, and with WeCom's usual rules."""

    def __init__(self, corp: LocalSandbox) -> None:
        self.corp = corp
        corp.control("DELETE", "campaign")
        self._seen = self._last_event()

    def person(self, **changes: Any) -> str:
        """A new member; the userid is in lower case."""
        person = {"userid": f"s{token_hex(6)}", "name": "导购", "department": "测试店", **changes}
        self.corp.control("PUT", "people", [person])
        return str(person["userid"])

    def leave(self, userid: str) -> None:
        """The member leaves the corp."""
        self.person(userid=userid, status=5)

    def customer(self, *userids: str, **changes: Any) -> str:
        """A new customer of these members."""
        external_userid = f"wm{token_hex(8)}"
        follow = [{"userid": userid} for userid in userids]
        self.corp.control(
            "PUT",
            "contacts",
            [{"external_userid": external_userid, "name": "客户", "follow": follow} | changes],
        )
        return external_userid

    def say(self, userid: str, external_userid: str, text: str = "您好", sender: str = "associate") -> None:
        """Somebody says something in their chat."""
        sent = {"from": sender, "msgtype": "text", "text": {"content": text}}
        self.corp.control("POST", f"chats/{userid}/{external_userid}", sent)

    def chat(self, userid: str, external_userid: str) -> list[dict[str, Any]]:
        """What was said, oldest first."""
        messages: list[dict[str, Any]] = self.corp.control("GET", f"chats/{userid}/{external_userid}")[
            "messages"
        ]
        return messages

    def rules(self, **rules: Any) -> None:
        """Other rules than usual."""
        self.corp.control("PUT", "campaign/rules", rules)

    def act(self, path: str, **sent: Any) -> dict[str, Any]:
        """What somebody does below /sandbox/campaign/."""
        return self.corp.control("POST", f"campaign/{path}", sent)

    def pending(self, userid: str) -> dict[str, Any]:
        """What waits on the member's phone."""
        return self.corp.control("GET", f"campaign/pending/{userid}")

    def events(self) -> list[dict[str, Any]]:
        """The events since the last look, without what every event has."""
        found = self.corp.control("GET", f"callbacks?after={self._seen}")["callbacks"]
        self._seen = found[-1]["id"] if found else self._seen
        common = {"FromUserName", "CreateTime", "MsgType"}
        return [{name: value for name, value in one["fields"].items() if name not in common} for one in found]

    def _last_event(self) -> int:
        last = 0
        while found := self.corp.control("GET", f"callbacks?after={last}")["callbacks"]:
            last = found[-1]["id"]
        return last
