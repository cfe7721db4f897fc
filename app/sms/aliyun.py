"""Aliyun's text messages (阿里云短信服务, dysmsapi 2017-05-25): SendSms and QuerySendDetails.

Signed by version 1.0 of its scheme (HMAC-SHA1 over all parameters), sent as a form: a number never stands in an
address. SendSms knows no idempotence ("does not support idempotence … check the delivery receipt status before
retrying"), so what was perhaps taken is looked for by its OutId. Days and times of receipts are Beijing's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from app.clock import machine_now
from app.sms.port import Arrival, NewSms, Receipt, SmsLost, SmsMisconfigured, SmsRefused, SmsUnsent
from app.wecom.transport import Body, Lost, Transport

BEIJING = ZoneInfo("Asia/Shanghai")
MAINLAND = "+86"
VERSION = "2017-05-25"
# Seconds for connecting, for each silence, and for the whole call.
CONNECT_S, READ_S, WITHIN_S = 3.0, 10.0, 15.0
MOST_BYTES = 1_000_000
# A page of a number's messages of a day; a number gets far fewer.
PAGE = 50
# So near to midnight a message may stand under the day before or after.
NEAR_MIDNIGHT = timedelta(minutes=15)
# Codes after which the same call may succeed, and how long to wait.
LATER = {
    "isv.BUSINESS_LIMIT_CONTROL": 3600.0,  # this number had as many as it may have in a minute, hour or day
    "isv.DAY_LIMIT_CONTROL": 3600.0,
    "isp.SYSTEM_ERROR": 5.0,
    "isp.GATEWAY_ERROR": 5.0,
    "ServiceUnavailable": 5.0,
    "Throttling": 1.0,
    "Throttling.User": 1.0,
    "Throttling.Api": 1.0,
}
# Codes that speak of the account, not of the message.
OURS = frozenset(
    {
        "isp.RAM_PERMISSION_DENY",
        "isv.OUT_OF_SERVICE",
        "isv.PRODUCT_UN_SUBSCRIPT",
        "isv.PRODUCT_UNSUBSCRIBE",
        "isv.ACCOUNT_NOT_EXISTS",
        "isv.ACCOUNT_ABNORMAL",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "InvalidAccessKeyId.NotFound",
        "InvalidAccessKeyId.Inactive",
        "SignatureDoesNotMatch",
        "InvalidTimeStamp.Expired",
        "Forbidden.RAM",
    }
)
ARRIVED = {1: Arrival.WAITING, 2: Arrival.FAILED, 3: Arrival.DELIVERED}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose gateway it is, and the signature (短信签名) that every message begins with."""

    key_id: str
    key_secret: str = field(repr=False)
    sign_name: str


class Aliyun:
    """The gateway at `url`; `now` tells real time, which its signature carries."""

    def __init__(self, account: Account, url: str, now: Callable[[], datetime] = machine_now) -> None:
        self._account, self._now = account, now
        self._transport = Transport(url)

    def send(self, message: NewSms) -> Receipt:
        """Hand it over, once."""
        answer = self._call(
            "SendSms",
            {
                "PhoneNumbers": _national(message.number),
                "SignName": self._account.sign_name,
                "TemplateCode": message.template,
                "TemplateParam": json.dumps(message.variables, ensure_ascii=False),
                "OutId": message.request_id,
            },
        )
        return Receipt(str(answer.get("BizId", "")))

    def find(self, number: str, request_id: str, sent_at: datetime) -> Receipt | None:
        """The message with this OutId among those of the number on that day."""
        for day in _days(sent_at):
            found = self._find_on(day, number, request_id)
            if found is not None:
                return found
        return None

    def _find_on(self, day: date, number: str, request_id: str) -> Receipt | None:
        wanted = {"PhoneNumber": _national(number), "SendDate": f"{day:%Y%m%d}", "PageSize": str(PAGE)}
        page = 1
        while True:
            answer = self._call("QuerySendDetails", wanted | {"CurrentPage": str(page)})
            details = (answer.get("SmsSendDetailDTOs") or {}).get("SmsSendDetailDTO") or []
            for one in details:
                if one.get("OutId") == request_id:
                    arrival = ARRIVED.get(int(one.get("SendStatus") or 1), Arrival.WAITING)
                    return Receipt(str(one.get("BizId", "")), arrival, str(one.get("ErrCode") or ""))
            if page * PAGE >= int(answer.get("TotalCount") or 0) or not details:
                return None
            page += 1

    def _call(self, action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        form = urlencode(self._signed({"Action": action, **parameters})).encode()
        came = self._transport.exchange(
            "POST",
            self._transport.target("", {}),
            Body(form, "application/x-www-form-urlencoded"),
            timeout=(CONNECT_S, READ_S),
            most_bytes=MOST_BYTES,
            within_s=WITHIN_S,
        )
        if isinstance(came, Lost):
            raise SmsLost(came.reason) if came.sent else SmsUnsent(came.reason)
        return _read(came.status, came.content)

    def _signed(self, parameters: Mapping[str, str]) -> dict[str, str]:
        common = {
            "AccessKeyId": self._account.key_id,
            "Format": "JSON",
            "RegionId": "cn-hangzhou",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": secrets.token_hex(16),
            "SignatureVersion": "1.0",
            "Timestamp": f"{self._now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Version": VERSION,
        }
        complete = {**common, **parameters}
        return {**complete, "Signature": signature(complete, self._account.key_secret)}


def signature(parameters: Mapping[str, str], key_secret: str) -> str:
    """The signature of a POST with these parameters (签名机制 V1.0, RFC 3986 escapes, sorted by name)."""
    query = "&".join(f"{_escape(name)}={_escape(value)}" for name, value in sorted(parameters.items()))
    text = f"POST&{_escape('/')}&{_escape(query)}"
    mac = hmac.digest(f"{key_secret}&".encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(mac).decode()


def _read(status: int, body: bytes) -> Mapping[str, Any]:
    """What was answered. Whatever is no answer of the API's leaves open whether the message was taken."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("Code"), str):
        raise SmsLost(f"HTTP {status} without an answer")
    code = answer["Code"]
    if code == "OK":
        return answer
    if code in OURS:
        raise SmsMisconfigured(code, 60.0)
    if code in LATER:
        raise SmsUnsent(code, LATER[code])
    if status >= 500:
        raise SmsLost(code)
    raise SmsRefused(code)


def _days(sent_at: datetime) -> list[date]:
    near = (sent_at, sent_at - NEAR_MIDNIGHT, sent_at + NEAR_MIDNIGHT)
    return list(dict.fromkeys(at.astimezone(BEIJING).date() for at in near))


def _national(number: str) -> str:
    """Mainland numbers without, others with their country code, both without a plus."""
    return number.removeprefix(MAINLAND).removeprefix("+")


def _escape(text: str) -> str:
    return quote(text, safe="~-_.")
