"""The one client of WeCom's HTTP API: wechatpy's, with what it lacks for many processes and bad days.

wechatpy hard-codes the host of gettoken, has no time-out there, refreshes without a lock and without end, shares
cache keys between apps, and lets answers through that are no JSON. Everything it sends passes `_request` here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from wechatpy.work import WeChatClient

from app.wecom.apis.addresses import AddressesAPI
from app.wecom.apis.contacts import ContactsAPI
from app.wecom.apis.departments import DepartmentsAPI
from app.wecom.apis.people import PeopleAPI
from app.wecom.apis.tags import TagsAPI
from app.wecom.errors import (
    BUSY,
    STALE_TOKEN,
    WeComError,
    WeComMisconfigured,
    WeComRetryable,
    redacted,
    refusal,
)
from app.wecom.port import Credentials
from app.wecom.token_cache import Renewable, TokenCache

Answer = dict[str, Any]

CONNECT_S = 3.0
READ_S = 6.0
TRIES = 3  # of one request that WeCom is too busy for (facts 6: -1 at most three times)
PATIENCE_S = 8.0  # no further try is begun after this
# A call is at most: the last try begun just in time, then a token fetched the same way, then the call again.
LONGEST_CALL_S = 3 * (PATIENCE_S + CONNECT_S + READ_S)
POOL = 32


class CorpClient(WeChatClient):  # type: ignore[misc]  # wechatpy has no types
    """The client of one app. Safe for all threads of a process.

    Per call: at most one renewal of the token, at most `TRIES` tries (twice that around a renewal), time-outs
    on everything. Raises `WeComError` of errors.py only. No URL with a secret reaches a log or an exception.
    """

    # One line per subject; wechatpy makes each anew with the client. app.py and port.py name them too.
    addresses = AddressesAPI()
    contacts = ContactsAPI()
    departments = DepartmentsAPI()
    people = PeopleAPI()
    tags = TagsAPI()

    def __init__(
        self,
        credentials: Credentials,
        api_url: str,
        cache: TokenCache,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            credentials.corp_id, credentials.secret, timeout=(CONNECT_S, READ_S), auto_retry=False
        )
        self.API_BASE_URL = f"{api_url.rstrip('/')}/cgi-bin/"
        self._credentials = credentials
        self._sleep = sleep
        self._monotonic = monotonic
        self._http.trust_env = False  # no proxy, no .netrc by surprise
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=POOL)
        self._http.mount("http://", adapter)
        self._http.mount("https://", adapter)
        self._token = Renewable(cache, self._key("token", credentials.secret), self._buy_token, monotonic)
        self._tickets = {
            "corp": Renewable(cache, self._key("corp_ticket"), self._fetch_corp_ticket, monotonic),
            "agent": Renewable(
                cache,
                self._key("agent_ticket", str(credentials.agent_id)),
                self._fetch_agent_ticket,
                monotonic,
            ),
        }

    @property
    def access_token(self) -> str:
        """A token that is good for some minutes at least, as far as we know."""
        return self._token.value()

    def fetch_access_token(self) -> Answer:
        """wechatpy's name for a renewal; its own goes to a fixed host."""
        return {"access_token": self._token.renew(self._token.value())}

    def ticket(self, kind: str) -> str:
        """The ticket of the "corp" or of this "agent"."""
        return self._tickets[kind].value()

    def _key(self, what: str, *distinct: str) -> str:
        """A cache key that no other corp, app, secret or server shares."""
        known = "\0".join((self.API_BASE_URL, self._credentials.corp_id, *distinct))
        return f"wecom:{what}:{self._credentials.corp_id}:{hashlib.sha256(known.encode()).hexdigest()[:32]}"

    def _buy_token(self) -> tuple[str, int]:
        params = {"corpid": self._credentials.corp_id, "corpsecret": self._credentials.secret}
        return _lent(
            "gettoken", self._checked("gettoken", self._patiently("GET", "gettoken", params)), "access_token"
        )

    def _fetch_corp_ticket(self) -> tuple[str, int]:
        return _lent("get_jsapi_ticket", self.get("get_jsapi_ticket"), "ticket")

    def _fetch_agent_ticket(self) -> tuple[str, int]:
        return _lent("ticket/get", self.get("ticket/get", params={"type": "agent_config"}), "ticket")

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """wechatpy's gate. Only paths below our own base URL; the answer's errcode is 0."""
        path = url_or_endpoint.removeprefix(self.API_BASE_URL)
        process = kwargs.pop("result_processor", None)
        params = dict(kwargs.pop("params", None) or {})
        body = _encoded(kwargs.pop("data", None))
        token = self.access_token
        answer = self._patiently(method, path, {**params, "access_token": token}, body)
        if answer["errcode"] in STALE_TOKEN:
            token = self._token.renew(token)
            answer = self._patiently(method, path, {**params, "access_token": token}, body)
        checked = self._checked(path, answer)
        return process(checked) if process else checked

    def _checked(self, path: str, answer: Answer) -> Answer:
        if answer["errcode"]:
            raise refusal(path, answer["errcode"], str(answer.get("errmsg", "")))
        return answer

    def _patiently(
        self, method: str, path: str, params: Mapping[str, Any], body: bytes | None = None
    ) -> Answer:
        """Ask up to `TRIES` times while WeCom is busy; a lost connection counts as busy where nothing can double."""
        began_at = self._monotonic()
        for attempt in range(1, TRIES + 1):
            answer, failure = self._once(method, path, params, body)
            again = attempt < TRIES and self._monotonic() - began_at < PATIENCE_S
            if failure is None:
                if answer["errcode"] not in BUSY or not again:
                    return answer
            elif not again or not isinstance(failure, _Busy):
                raise failure
            self._sleep(random.uniform(0.5, 1.0) * 0.2 * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def _once(
        self, method: str, path: str, params: Mapping[str, Any], body: bytes | None
    ) -> tuple[Answer, WeComError | None]:
        """One exchange. The failure is returned, not raised, so that it carries no exception with a URL in it."""
        headers = {"Content-Type": "application/json; charset=utf-8"} if body is not None else None
        try:
            response = self._http.request(
                method.upper(), self.API_BASE_URL + path, params=params, data=body, headers=headers,
                timeout=self.timeout, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            return {}, _not_answered(method, path, error)
        return _read(path, response)


class _Busy(WeComRetryable):
    """Worth another try within the same call."""


def _encoded(data: Any) -> bytes | None:
    """Real UTF-8: bodies of nothing but escapes were refused (facts 2, JSON)."""
    return json.dumps(data, ensure_ascii=False).encode() if isinstance(data, dict) else data


def _not_answered(method: str, path: str, error: requests.RequestException) -> WeComError:
    reason = type(error).__name__
    if isinstance(error, requests.ConnectTimeout):
        return WeComRetryable(path, reason)
    if method.upper() == "GET" and not isinstance(error, requests.Timeout):
        return _Busy(path, reason, sent=True)
    return WeComRetryable(path, reason, sent=True)


def _read(path: str, response: requests.Response) -> tuple[Answer, WeComError | None]:
    status = response.status_code
    if status >= 500 or status in (408, 429):
        return {}, _Busy(path, f"HTTP {status}", sent=True)
    if status != 200:
        return {}, WeComMisconfigured(path, status, f"HTTP {status}")
    try:
        answer = json.loads(response.content)
        return {**answer, "errcode": int(answer.get("errcode") or 0)}, None
    except (ValueError, TypeError, AttributeError):
        return {}, WeComRetryable(path, "the answer is not a JSON object", sent=True)


def _lent(path: str, answer: Answer, name: str) -> tuple[str, int]:
    value, lives_s = answer.get(name), answer.get("expires_in", 7200)
    if not isinstance(value, str) or not value or not isinstance(lives_s, int):
        raise WeComRetryable(path, f"the answer has no {name}")
    return value, lives_s


class _Redacting(logging.Filter):
    """urllib3 logs whole URLs at DEBUG: without the values of what is secret in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacting())
