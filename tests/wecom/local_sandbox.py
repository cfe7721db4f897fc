"""The sandbox as a process of its own on a free port, and what a test asks of it beyond WeCom's API."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from app.wecom.app import WeComApp
from app.wecom.client import CorpClient
from app.wecom.port import Credentials
from app.wecom.sandbox_control import SandboxControl
from app.wecom.token_cache import ProcessCache, TokenCache
from tests.servers.process import ServerProcess, free_port

CONTACTS_SECRET = "contacts-sync-secret-77aa"  # 通讯录同步
OURS = Credentials("ww0123456789", 1000002, "our-secret-f3b1c9")
PEOPLE = [
    {"userid": "LiNa", "name": "李娜", "department": "万象城店", "position": "导购"},
    {"userid": "wangwei", "name": "王伟", "department": "万象城店", "position": "店长"},
    {"userid": "idle", "name": "赵闲", "department": "总部", "position": "运营"},
]
BOUND_AT_S = 1_700_000_000
CONTACTS = [
    {
        "external_userid": "wmA",
        "name": "林晓雯",
        "follow": [{"userid": "lina", "remark": "晓雯姐", "createtime": BOUND_AT_S}],
    },
    {"external_userid": "wmB", "name": "陈先生", "follow": [{"userid": "lina"}, {"userid": "wangwei"}]},
]


class LocalSandbox:
    """One sandbox; `start` returns when it answers."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Connection"] = "close"  # a kept one may end under a request
        self._process: ServerProcess | None = None

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "SANDBOX_STATE": str(self._folder / "state.sqlite3"),
            "SANDBOX_CORP_ID": OURS.corp_id,
            "SANDBOX_AGENT_ID": str(OURS.agent_id),
            "SANDBOX_SECRET": OURS.secret,
            "SANDBOX_CONTACTS_SYNC_SECRET": CONTACTS_SECRET,
            "SANDBOX_TOOLBAR_URL": "http://{userid}.localhost:8000/h5/",
        }
        command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi"]
        command += ["--port", str(self.port), "--blocking-threads", "16", "app.sandbox.wsgi:application"]
        self._process = ServerProcess(command, self._folder / "log", environment)
        self._process.wait_until(self._answers)
        self.seed()

    def seed(self) -> None:
        """The members and customers the tests know, as they were; others stay."""
        SandboxControl(self.url).put_people(PEOPLE)
        SandboxControl(self.url).put_contacts(CONTACTS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def fresh(self) -> None:
        """As if nobody had called: no faults, no tokens, rules and clock as they were, everybody in place."""
        self.forget()
        self.control("DELETE", "limits")
        self.control("DELETE", "faults/script")
        self.control("PUT", "rules", {})
        self.control("POST", "clock", {"offset_us": 0})
        self.seed()

    def control(self, method: str, path: str, sent: Any = None) -> dict[str, Any]:
        """One call of the control API below /sandbox/; raises `requests.HTTPError` where it is refused."""
        response = self._http.request(method, f"{self.url}/sandbox/{path}", json=sent)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def travel(self, ahead: timedelta) -> None:
        """Make the sandbox's clock run this far ahead of the machine's."""
        self.control("POST", "clock", {"offset_us": ahead // timedelta(microseconds=1)})

    def set_rules(self, **rules: Any) -> None:
        """What the administrator set (rules.Rules); what is not named is as usual."""
        self.control("PUT", "rules", rules)

    def forget(self) -> None:
        """No faults, no tokens: as if nobody had called."""
        self._http.delete(f"{self.url}/sandbox/faults").raise_for_status()
        self._http.delete(f"{self.url}/sandbox/tokens").raise_for_status()

    def calls(self) -> dict[str, int]:
        """Calls per path since the start."""
        found: dict[str, int] = self.state()["calls"]
        return found

    def state(self) -> dict[str, Any]:
        """Counts of everything, and the clock."""
        found: dict[str, Any] = self._http.get(f"{self.url}/sandbox/state").json()
        return found

    def plant(self, path: str, kind: str, times: int | None = 1, value: float | None = None) -> None:
        fault: dict[str, Any] = {"path": path, "kind": kind, "times": times}
        if value is not None:
            fault["value"] = value
        self._http.post(f"{self.url}/sandbox/faults", json=[fault]).raise_for_status()

    def raw(self, path: str, **params: str) -> dict[str, Any]:
        """A GET of WeCom's API with nothing but these parameters."""
        answer: dict[str, Any] = self._http.get(f"{self.url}/cgi-bin/{path}", params=params).json()
        return answer

    def media_file(self, media_id: str) -> Path:
        """Where the sandbox keeps the bytes of a media id."""
        return self._folder / "state.media" / media_id

    def revoke_tokens(self) -> None:
        self._http.delete(f"{self.url}/sandbox/tokens").raise_for_status()

    def messages(self, userid: str) -> list[dict[str, Any]]:
        answer = self._http.get(f"{self.url}/sandbox/messages?limit=100000&userid={userid}")
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def scan(self, login_url: str, userid: str) -> str:
        """Follow a login page as this person; the address it sends back to."""
        answer = self._http.get(f"{login_url.partition('#')[0]}&as={userid}", allow_redirects=False)
        return answer.headers["Location"]

    def get_page(self, url: str, query: dict[str, str]) -> requests.Response:
        """What a browser gets, redirects not followed."""
        return self._http.get(url, params=query, allow_redirects=False)

    def verify_signature(self, kind: str, url: str, timestamp: int, nonce: str, signature: str) -> int:
        sent = {"kind": kind, "url": url, "timestamp": timestamp, "nonceStr": nonce, "signature": signature}
        return int(self._http.post(f"{self.url}/sandbox/verify-signature", json=sent).json()["errcode"])

    def app(
        self, credentials: Credentials = OURS, cache: TokenCache | None = None, **options: Any
    ) -> WeComApp:
        """A port that has called nothing yet and waits but a moment between tries."""
        return WeComApp(self.client(credentials, cache, **options))

    def client(
        self, credentials: Credentials = OURS, cache: TokenCache | None = None, **options: Any
    ) -> CorpClient:
        options = {"sleep": lambda _seconds: None, **options}
        return CorpClient(credentials, self.url, cache or ProcessCache(), **options)

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self.url}/sandbox/state", timeout=1).status_code == 200
        except requests.RequestException:
            return False


class Counted:
    """How many calls each path got since this was made."""

    def __init__(self, sandbox: LocalSandbox) -> None:
        self._sandbox, self._before = sandbox, sandbox.calls()

    def __getitem__(self, path: str) -> int:
        return self._sandbox.calls().get(path, 0) - self._before.get(path, 0)
