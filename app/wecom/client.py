"""The one client of WeCom's HTTP API: wechatpy's, with what it lacks for many processes and bad days.

wechatpy hard-codes the host of gettoken, has no time-out there, refreshes without a lock and without end, shares
cache keys between apps, and lets answers through that are no JSON. Everything it sends passes `_request` here.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from wechatpy.work import WeChatClient

from app.wecom.apis.addresses import AddressesAPI
from app.wecom.apis.contact_ways import ContactWaysAPI
from app.wecom.apis.contacts import ContactsAPI
from app.wecom.apis.departments import DepartmentsAPI
from app.wecom.apis.group_chats import GroupChatsAPI
from app.wecom.apis.group_sends import GroupSendsAPI
from app.wecom.apis.livings import LivingsAPI
from app.wecom.apis.logins import LoginsAPI
from app.wecom.apis.media import MediaAPI
from app.wecom.apis.messages import MessagesAPI
from app.wecom.apis.moments import MomentsAPI
from app.wecom.apis.pay import PayAPI
from app.wecom.apis.people import PeopleAPI
from app.wecom.apis.products import ProductsAPI
from app.wecom.apis.rosters import RostersAPI
from app.wecom.apis.statistics import StatisticsAPI
from app.wecom.apis.tags import TagsAPI
from app.wecom.apis.transfers import TransfersAPI
from app.wecom.apis.welcomes import WelcomesAPI
from app.wecom.breaker import Distrust, FrequencyBreaker
from app.wecom.errors import (
    BUSY,
    FREQUENCY_LIMIT,
    STALE_TOKEN,
    WeComError,
    WeComMisconfigured,
    WeComRetryable,
    refusal,
)
from app.wecom.port import Credentials
from app.wecom.replies import Answer, Busy, Call, Download, Read, not_answered, read_reply
from app.wecom.token_cache import LOCK_S, Renewable, TokenCache
from app.wecom.transport import Lost, Transport, form_body, json_body

CONNECT_S = 3.0
READ_S = 6.0
TRIES = 3  # of one request that WeCom is too busy for (facts 6: -1 at most three times)
TRY_S = CONNECT_S + READ_S  # one exchange, whole
PATIENCE_S = 8.0  # no further try is begun after this
# All tries of a call, with the old token and the new one, are over by then; so are those of a token's fetch.
ASKING_S = PATIENCE_S + TRY_S
# A call is at most: tries that just end when WeCom refuses the token, then the wait for whoever fetches one, then a
# fetch of our own. Asking for WeCom's addresses is not in it (timed.py), nor are downloads.
LONGEST_CALL_S = ASKING_S + LOCK_S + ASKING_S
DOWNLOAD_S = 60.0  # of a file, whole
DOWNLOAD_BYTES = 20 * 1024 * 1024  # larger ones WeCom gives in parts only (facts 3.13: 830002)


class CorpClient(WeChatClient):  # type: ignore[misc]  # wechatpy has no types
    """The client of one app. Safe for all threads of a process.

    Per call: at most one renewal of the token, at most `TRIES` tries (twice that around a renewal), time-outs
    on everything. Raises `WeComError` of errors.py only. No URL with a secret reaches a log or an exception.
    An API over its frequency limit and an app whose new token is refused are left alone (breaker.py).
    """

    # One line per subject; wechatpy makes each anew with the client. app.py and port.py name them too.
    addresses = AddressesAPI()
    group_chats = GroupChatsAPI()
    group_sends = GroupSendsAPI()
    livings = LivingsAPI()
    moments = MomentsAPI()
    pay = PayAPI()
    products = ProductsAPI()
    rosters = RostersAPI()
    statistics = StatisticsAPI()
    transfers = TransfersAPI()
    contacts = ContactsAPI()
    departments = DepartmentsAPI()
    logins = LoginsAPI()
    media = MediaAPI()
    messages = MessagesAPI()
    people = PeopleAPI()
    tags = TagsAPI()
    contact_ways = ContactWaysAPI()
    welcomes = WelcomesAPI()

    def __init__(
        self,
        credentials: Credentials,
        api_url: str,
        cache: TokenCache,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        limits: FrequencyBreaker | None = None,
    ) -> None:
        super().__init__(
            credentials.corp_id, credentials.secret, timeout=(CONNECT_S, READ_S), auto_retry=False
        )
        self.API_BASE_URL = f"{api_url.rstrip('/')}/cgi-bin/"
        self._credentials = credentials
        self._sleep = sleep
        self._monotonic = monotonic
        self._transport = Transport(self.API_BASE_URL)
        agent = str(credentials.agent_id)
        self._limits = limits or FrequencyBreaker(cache, self._key("blocked", agent))
        self._distrust = Distrust(monotonic)
        key = self._key("token", credentials.secret)
        self._token = Renewable(cache, key, self._buy_token, monotonic, refused_together=True)
        self._tickets = {
            "corp": Renewable(cache, self._key("corp_ticket"), self._fetch_corp_ticket, monotonic),
            "agent": Renewable(cache, self._key("agent_ticket", agent), self._fetch_agent_ticket, monotonic),
        }

    @property
    def agent_id(self) -> int:
        """The app's own id, which some calls name besides the token."""
        return self._credentials.agent_id

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

    def download(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        most_bytes: int = DOWNLOAD_BYTES,
        span: tuple[int, int] | None = None,
    ) -> Download:
        """A file, or the bytes of it from the first to the last of `span`. May take `DOWNLOAD_S` for each try.

        Raises `WeComRejected` where WeCom answers an error instead, `WeComRetryable` where the answer is no file
        or longer than `most_bytes`.
        """
        call = Call("GET", path, params, file=True, most_bytes=most_bytes, span=span)
        read = self._granted(call)
        assert read.file is not None
        return read.file

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        """wechatpy's gate. Only paths below our own base URL; the answer's errcode is 0."""
        path = url_or_endpoint.removeprefix(self.API_BASE_URL)
        process = kwargs.get("result_processor")
        data, files = kwargs.get("data"), kwargs.get("files")
        body = form_body(files, data) if files else json_body(data)
        answer = self._granted(Call(method.upper(), path, kwargs.get("params") or {}, body)).answer
        return process(answer) if process else answer

    def _granted(self, call: Call) -> Read:
        """The answer to a call with our token; where that is refused, once more with another one."""
        path, until = call.path, self._monotonic() + PATIENCE_S + _try_s(call)
        self._distrust.check(path)
        began_s = self._limits.check(path)
        token = self.access_token
        read = self._patiently(call, {"access_token": token}, until)
        if read.errcode in STALE_TOKEN:
            token = self._renewed(path, token)
            read = self._patiently(call, {"access_token": token}, until, sent=read.sent)
            if read.errcode in STALE_TOKEN:
                self._distrust.refused(path, token)
        if read.errcode == 0:
            self._distrust.accepted(path, token)
        return self._checked(path, read, began_s)

    def _renewed(self, path: str, stale: str) -> str:
        try:
            token = self._token.renew(stale)
        except WeComMisconfigured:
            self._distrust.refused(path, stale)
            raise
        self._distrust.check(path)
        return token

    def _checked(self, path: str, read: Read, began_s: float) -> Read:
        """The answer, if it is no error; the breaker learns of it either way."""
        wait_s = 0.0
        if read.errcode == FREQUENCY_LIMIT:
            wait_s = self._limits.refused(path, began_s)
        elif read.errcode not in BUSY | STALE_TOKEN:
            self._limits.answered(path, began_s)
        if read.errcode:
            raise refusal(path, read.errcode, str(read.answer.get("errmsg", "")), wait_s, sent=read.sent)
        return read

    def _patiently(self, call: Call, access: Mapping[str, str], until: float, sent: bool = False) -> Read:
        """Ask up to `TRIES` times while WeCom is busy; a lost connection counts as busy where nothing can double.

        `sent`: an earlier try may have taken effect; what this one comes to says so too, whatever it is.
        """
        if until - self._monotonic() < CONNECT_S:
            raise WeComRetryable(call.path, "no time is left after waiting for a token", sent=sent)
        target = self._transport.target(call.path, {**call.params, **access})
        for attempt in range(1, TRIES + 1):
            read = self._once(call, target, until)
            sent = read.sent = read.sent or sent
            again = attempt < TRIES and self._monotonic() < until - _try_s(call)
            if isinstance(read, Read):
                if read.errcode not in BUSY or not again:
                    return read
            elif not again or not isinstance(read, Busy):
                raise read
            self._sleep(random.uniform(0.5, 1.0) * 0.2 * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def _once(self, call: Call, target: str, until: float) -> Read | WeComError:
        """One exchange. A failure is returned, not raised: the caller may have something better to do."""
        connect_s, read_s = self.timeout
        reply = self._transport.exchange(
            call.method, target, call.body, timeout=(connect_s, read_s), headers=call.headers,
            most_bytes=call.most_bytes, within_s=min(_try_s(call), until - self._monotonic()),
        )  # fmt: skip
        if isinstance(reply, Lost):
            return not_answered(call, reply)
        return read_reply(call, reply)

    def _key(self, what: str, *distinct: str) -> str:
        """A cache key that no other corp, app, secret or server shares."""
        known = "\0".join((self.API_BASE_URL, self._credentials.corp_id, *distinct))
        return f"wecom:{what}:{self._credentials.corp_id}:{hashlib.sha256(known.encode()).hexdigest()[:32]}"

    def _buy_token(self) -> tuple[str, int]:
        path, asked = (
            "gettoken",
            {"corpid": self._credentials.corp_id, "corpsecret": self._credentials.secret},
        )
        began_s = self._limits.check(path)
        read = self._patiently(Call("GET", path, {}), asked, self._monotonic() + ASKING_S)
        return _lent(path, self._checked(path, read, began_s).answer, "access_token")

    def _fetch_corp_ticket(self) -> tuple[str, int]:
        return _lent("get_jsapi_ticket", self.get("get_jsapi_ticket"), "ticket")

    def _fetch_agent_ticket(self) -> tuple[str, int]:
        return _lent("ticket/get", self.get("ticket/get", params={"type": "agent_config"}), "ticket")


def _try_s(call: Call) -> float:
    return DOWNLOAD_S if call.file else TRY_S


def _lent(path: str, answer: Answer, name: str) -> tuple[str, int]:
    value, lives_s = answer.get(name), answer.get("expires_in", 7200)
    if not isinstance(value, str) or not value or not isinstance(lives_s, int):
        raise WeComRetryable(path, f"the answer has no {name}")
    return value, lives_s
