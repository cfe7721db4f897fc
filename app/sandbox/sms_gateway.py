"""A gateway of text messages with Aliyun's interface (dysmsapi 2017-05-25): what it checks, keeps and tells.

Receipts: a message arrives a few seconds after it was sent; to a number that ends in 0000 nobody ever says whether it
did, one that ends in 9999 is never reached. Times are Beijing's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from app.sandbox.calls import World

BEIJING = ZoneInfo("Asia/Shanghai")
MOBILE = re.compile(r"1[3-9]\d{9}|[1-9]\d{6,14}")
VARIABLE = re.compile(r"\$\{(\w+)\}")
ARRIVES_AFTER_US = 5_000_000
NONCE_LIVES_US = 15 * 60 * 1_000_000
CLOCKS_APART = timedelta(minutes=15)
WAITING, FAILED, DELIVERED = 1, 2, 3
LONGEST_PAGE = 50
NEEDED = (
    *("AccessKeyId", "Action", "Signature", "SignatureMethod", "SignatureNonce", "SignatureVersion"),
    *("Timestamp", "Version"),
)
Form = Mapping[str, str]
Answer = dict[str, Any]


class SmsRefused(Exception):
    """Not done: the gateway's code, and the HTTP status with it."""

    def __init__(self, code: str, status: int = 200) -> None:
        super().__init__(code)
        self.code, self.status = code, status


def answer(world: World, form: Form) -> Answer:
    """One call. Raises `SmsRefused`."""
    _check_caller(world, form)
    action = ACTIONS.get(form["Action"])
    if action is None or form["Version"] != "2017-05-25":
        raise SmsRefused("InvalidAction.NotFound", 404)
    return {"Code": "OK", "Message": "OK", "RequestId": form["SignatureNonce"], **action(world, form)}


def _check_caller(world: World, form: Form) -> None:
    for name in NEEDED:
        if not form.get(name):
            raise SmsRefused(f"Missing{name}", 400)
    if form["AccessKeyId"] != world.settings.sms_key_id:
        raise SmsRefused("InvalidAccessKeyId.NotFound", 404)
    try:
        told = datetime.strptime(form["Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SmsRefused("InvalidTimeStamp.Format", 400) from None
    if abs(told - datetime.now(UTC)) > CLOCKS_APART:
        raise SmsRefused("InvalidTimeStamp.Expired", 400)
    wanted = _signature(form, world.settings.sms_key_secret)
    if not hmac.compare_digest(wanted.encode(), form["Signature"].encode()):
        raise SmsRefused("SignatureDoesNotMatch", 400)
    now = world.clock.now()
    with world.store.writing() as connection:
        connection.execute("DELETE FROM sms_nonce WHERE used_at < ?", (now - NONCE_LIVES_US,))
        try:
            connection.execute("INSERT INTO sms_nonce VALUES (?, ?)", (form["SignatureNonce"], now))
        except sqlite3.IntegrityError:
            raise SmsRefused("SignatureNonceUsed", 400) from None


def _signature(form: Form, secret: str) -> str:
    signed = {name: value for name, value in form.items() if name != "Signature"}
    query = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in sorted(signed.items()))
    text = f"POST&%2F&{_escaped(query)}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha1)).decode()


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")


def _send(world: World, form: Form) -> Answer:
    number, now = form.get("PhoneNumbers", ""), world.clock.now()
    if not MOBILE.fullmatch(number):
        raise SmsRefused("isv.MOBILE_NUMBER_ILLEGAL")
    with world.store.writing() as connection:
        known = connection.execute("SELECT 1 FROM sms_sign WHERE name = ?", (form.get("SignName", ""),))
        if known.fetchone() is None:
            raise SmsRefused("isv.SMS_SIGNATURE_ILLEGAL")
        content = _content(connection, form)
        row = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM sms_message").fetchone()
        biz_id = f"{now}^0"[-32:] if row[0] == 1 else f"{now + row[0]}^0"
        connection.execute(
            "INSERT INTO sms_message (biz_id, out_id, number, template, content, sent_at) VALUES (?, ?, ?, ?, ?, ?)",
            (biz_id, form.get("OutId", ""), number, form["TemplateCode"], content, now),
        )
    return {"BizId": biz_id}


def _content(connection: sqlite3.Connection, form: Form) -> str:
    """What is read: the signature, the template filled, and for marketing how to refuse it."""
    query = "SELECT content, marketing FROM sms_template WHERE code = ?"
    template = connection.execute(query, (form.get("TemplateCode", ""),)).fetchone()
    if template is None:
        raise SmsRefused("isv.SMS_TEMPLATE_ILLEGAL")
    try:
        given = json.loads(form.get("TemplateParam") or "{}")
    except ValueError:
        raise SmsRefused("isv.INVALID_JSON_PARAM") from None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise SmsRefused("isv.INVALID_JSON_PARAM")
    if not set(VARIABLE.findall(template["content"])) <= set(given):
        raise SmsRefused("isv.TEMPLATE_MISSING_PARAMETERS")
    filled = VARIABLE.sub(lambda match: given[match[1]], template["content"])
    return f"【{form['SignName']}】{filled}{'，拒收请回复R' if template['marketing'] else ''}"


def _query(world: World, form: Form) -> Answer:
    try:
        day = datetime.strptime(form.get("SendDate", ""), "%Y%m%d").replace(tzinfo=BEIJING)
        size, page = int(form.get("PageSize", "")), int(form.get("CurrentPage", ""))
    except ValueError:
        raise SmsRefused("isv.INVALID_PARAMETERS") from None
    if not 1 <= size <= LONGEST_PAGE or page < 1:
        raise SmsRefused("isv.INVALID_PARAMETERS")
    begin, end = (int(at.timestamp() * 1_000_000) for at in (day, day + timedelta(days=1)))
    with world.store.reading() as connection:
        rows = connection.execute(
            "SELECT * FROM sms_message WHERE number = ? AND sent_at >= ? AND sent_at < ? ORDER BY id DESC",
            (form.get("PhoneNumber", ""), begin, end),
        ).fetchall()
    shown = rows[(page - 1) * size : page * size]
    details = [_detail(row, world.clock.now()) for row in shown]
    return {"TotalCount": len(rows), "SmsSendDetailDTOs": {"SmsSendDetailDTO": details}}


def _detail(row: sqlite3.Row, now: int) -> Answer:
    status = arrival_of(row, now)
    return {
        "PhoneNum": row["number"],
        "OutId": row["out_id"],
        "BizId": row["biz_id"],
        "TemplateCode": row["template"],
        "Content": row["content"],
        "SendStatus": status,
        "ErrCode": {DELIVERED: "DELIVERED", FAILED: "MK:0001"}.get(status, ""),
        "SendDate": beijing_of(row["sent_at"]),
        "ReceiveDate": beijing_of(row["sent_at"] + ARRIVES_AFTER_US) if status == DELIVERED else "",
    }


def arrival_of(row: sqlite3.Row, now: int) -> int:
    """Whether the message has arrived by now."""
    if row["number"].endswith("0000") or now < row["sent_at"] + ARRIVES_AFTER_US:
        return WAITING
    return FAILED if row["number"].endswith("9999") else DELIVERED


def beijing_of(us: int) -> str:
    """An instant as the gateway writes it."""
    return f"{datetime.fromtimestamp(us / 1_000_000, BEIJING):%Y-%m-%d %H:%M:%S}"


ACTIONS: dict[str, Callable[[World, Form], Answer]] = {"SendSms": _send, "QuerySendDetails": _query}
