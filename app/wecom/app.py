"""The port as one app of the corp offers it: WeCom's answers turned into the port's dataclasses."""

from __future__ import annotations

from typing import Any

from app.wecom.apis.addresses import AddressesAPI
from app.wecom.apis.contacts import ContactsAPI
from app.wecom.apis.tags import TagsAPI
from app.wecom.client import Answer, CorpClient
from app.wecom.errors import WeComRetryable
from app.wecom.port import Account, Credentials, Login, SentMessage
from app.wecom.token_cache import ProcessCache, RedisCache, TokenCache

ACTIVE = 1


class WeComApp:
    """Implements `WeComPort`; one per process, for all its threads."""

    def __init__(self, client: CorpClient) -> None:
        self._client = client

    @property
    def addresses(self) -> AddressesAPI:
        """Where WeCom's API answers and its callbacks come from."""
        return self._client.addresses

    @property
    def contacts(self) -> ContactsAPI:
        """External contacts and their bindings."""
        return self._client.contacts

    @property
    def tags(self) -> TagsAPI:
        """The corp's customer tags and who carries them."""
        return self._client.tags

    def send_app_message(self, body: str) -> SentMessage:
        """Send a body that `bodies` rendered, byte for byte."""
        answer = self._client.post("message/send", data=body.encode())
        invalid = _text(answer, "invaliduser").split("|")
        return SentMessage(_text(answer, "msgid"), frozenset(name.lower() for name in invalid if name))

    def login_of(self, code: str) -> Login:
        """Whose OAuth code this is; a code is good once, within five minutes."""
        answer = self._client.get("auth/getuserinfo", params={"code": code})
        userid = _text(answer, "userid").lower() or None
        return Login(userid, _text(answer, "openid") or None, _text(answer, "external_userid") or None)

    def corp_ticket(self) -> str:
        """The ticket that signs wx.config."""
        return self._client.ticket("corp")

    def agent_ticket(self) -> str:
        """The ticket that signs wx.agentConfig, of this app alone."""
        return self._client.ticket("agent")

    def account(self, wecom_userid: str) -> Account:
        """An account of the corp that this app may see."""
        answer = self._client.get("user/get", params={"userid": wecom_userid})
        return Account(
            wecom_userid=_needed("user/get", answer, "userid").lower(),
            name=_text(answer, "name"),
            position=_text(answer, "position"),
            department_ids=tuple(answer.get("department") or ()),
            main_department_id=answer.get("main_department"),
            is_active=answer.get("status") == ACTIVE,
        )


def open_app(credentials: Credentials, api_url: str, redis_url: str = "") -> WeComApp:
    """The port of this process: tokens shared through Redis where there is one. Nothing is called yet."""
    cache: TokenCache = RedisCache(redis_url) if redis_url else ProcessCache()
    return WeComApp(CorpClient(credentials, api_url, cache))


def _text(answer: Answer, name: str) -> str:
    value: Any = answer.get(name)
    return value if isinstance(value, str) else ""


def _needed(path: str, answer: Answer, name: str) -> str:
    value = _text(answer, name)
    if not value:
        raise WeComRetryable(path, f"the answer has no {name}")
    return value
