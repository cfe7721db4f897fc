"""The corp the sandbox's tests play with: its apps, members and customers, and the app's side of the API."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

CORP = "ww0123456789"
AGENT, SECRET = 1000002, "s3cret-of-ours"
OTHER_AGENT, OTHER_SECRET = 1000003, "s3cret-of-others"
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000

PEOPLE = [
    {"userid": "LiNa", "name": "李娜", "department": "万象城店", "position": "导购"},
    {"userid": "wangwei", "name": "王伟", "department": "万象城店", "position": "店长"},
    {"userid": "idle", "name": "赵闲", "department": "总部", "position": "运营"},
    {"userid": "gone", "name": "钱走", "department": "总部", "status": 5},
]
CONTACTS: list[dict[str, Any]] = [
    {"external_userid": "wmA", "name": "晓雯", "follow": [{"userid": "lina", "remark": "林晓雯"}]},
    {
        "external_userid": "wmB",
        "name": "陈先生",
        "unionid": "oUnion",
        "follow": [{"userid": "lina"}, {"userid": "wangwei"}],
    },
    {"external_userid": "wmC", "name": "没人跟进", "follow": []},
]


class Machine:
    """The machine's clock as the sandbox reads it; only the test moves it."""

    def __init__(self) -> None:
        self.now = 1_760_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Api:
    """The app's side of the API, with a token of its own."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = self.fresh_token()

    def fresh_token(self, secret: str = SECRET) -> str:
        asked = {"corpid": CORP, "corpsecret": secret}
        return str(answer_of(self.client.get("/cgi-bin/gettoken", query_string=asked))["access_token"])

    def get(self, path: str, **args: Any) -> dict[str, Any]:
        query = {"access_token": self.token, **args}
        return answer_of(self.client.get(f"/cgi-bin/{path}", query_string=query))

    def post(self, path: str, body: Any, **args: Any) -> dict[str, Any]:
        query = {"access_token": self.token, **args}
        return answer_of(self.client.post(f"/cgi-bin/{path}", query_string=query, json=body))

    def send(self, touser: str = "lina", **changes: Any) -> dict[str, Any]:
        """message/send of a text; a change to None leaves the field out."""
        body = {"touser": touser, "agentid": AGENT, "msgtype": "text", "text": {"content": "您好"}, **changes}
        return self.post("message/send", {name: value for name, value in body.items() if value is not None})

    def received(self, userid: str, state: str = "delivered") -> list[dict[str, Any]]:
        """What reached (or, with state dropped, did not reach) this member's phone, oldest first."""
        listed = self.client.get("/sandbox/messages", query_string={"userid": userid})
        return [message for message in answer_of(listed)["messages"] if message["state"] == state]


def answer_of(response: Any) -> dict[str, Any]:
    """The JSON object of a 200 answer."""
    assert response.status_code == 200, response.text
    assert isinstance(response.json, dict)
    return response.json
