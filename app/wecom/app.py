"""The port as one app of the corp offers it: WeCom's answers turned into the port's dataclasses."""

from __future__ import annotations

from typing import Any

from app.wecom.apis.addresses import AddressesAPI
from app.wecom.client import Answer, CorpClient
from app.wecom.errors import WeComRejected, WeComRetryable
from app.wecom.port import Account, Binding, Contact, Credentials, Login, SentMessage
from app.wecom.token_cache import ProcessCache, RedisCache, TokenCache

ACTIVE = 1
WECHAT = 1
NO_CONTACTS = 84061  # of externalcontact/list: this account has none (facts 3.4)
MOST_PAGES = 100


class WeComApp:
    """Implements `WeComPort`; one per process, for all its threads."""

    def __init__(self, client: CorpClient) -> None:
        self._client = client

    @property
    def addresses(self) -> AddressesAPI:
        """Where WeCom's API answers and its callbacks come from."""
        return self._client.addresses

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

    def contact(self, external_userid: str) -> Contact:
        """An external contact with all bindings, however many pages those are."""
        path, cursor = "externalcontact/get", ""
        bindings: list[Binding] = []
        for _ in range(MOST_PAGES):
            answer = self._client.get(path, params={"external_userid": external_userid, "cursor": cursor})
            bindings += [_binding(path, follow) for follow in answer.get("follow_user") or ()]
            cursor = _text(answer, "next_cursor")
            if not cursor:
                return _contact(path, answer.get("external_contact") or {}, bindings)
        raise WeComRetryable(path, f"more than {MOST_PAGES} pages")

    def contact_ids(self, wecom_userid: str) -> tuple[str, ...]:
        """The `external_userid` of everybody this account has as contact; empty where it has none."""
        try:
            answer = self._client.get("externalcontact/list", params={"userid": wecom_userid})
        except WeComRejected as error:
            if error.errcode == NO_CONTACTS:
                return ()
            raise
        return tuple(answer.get("external_userid") or ())


def open_app(credentials: Credentials, api_url: str, redis_url: str = "") -> WeComApp:
    """The port of this process: tokens shared through Redis where there is one. Nothing is called yet."""
    cache: TokenCache = RedisCache(redis_url) if redis_url else ProcessCache()
    return WeComApp(CorpClient(credentials, api_url, cache))


def _contact(path: str, found: Answer, bindings: list[Binding]) -> Contact:
    return Contact(
        external_userid=_needed(path, found, "external_userid"),
        name=_text(found, "name"),
        avatar=_text(found, "avatar"),
        unionid=_text(found, "unionid") or None,
        is_wechat=found.get("type") == WECHAT,
        bindings=tuple(bindings),
    )


def _binding(path: str, follow: Answer) -> Binding:
    return Binding(
        wecom_userid=_needed(path, follow, "userid").lower(),
        remark=_text(follow, "remark"),
        bound_at_s=int(follow.get("createtime") or 0),
        add_way=int(follow.get("add_way") or 0),
        state=_text(follow, "state"),
    )


def _text(answer: Answer, name: str) -> str:
    value: Any = answer.get(name)
    return value if isinstance(value, str) else ""


def _needed(path: str, answer: Answer, name: str) -> str:
    value = _text(answer, name)
    if not value:
        raise WeComRetryable(path, f"the answer has no {name}")
    return value
