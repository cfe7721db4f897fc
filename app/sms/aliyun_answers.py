"""What Aliyun tells when somebody answers a text message (上行短信, SmsUp by HTTP): a JSON array of answers.

Nothing is signed: whoever knows the address may call it. Answered with 200 and {"code": a number} they count as taken;
otherwise they come again after 1, 5 and 10 minutes, and then no more. Times are Beijing's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from app.sms.aliyun import BEIJING
from app.sms.port import SmsAnswer

# Aliyun tells a handful at once.
MOST = 1_000
LONGEST = 64
ANSWER_ID = re.compile(r"[!-~]{1,64}")
MAINLAND = re.compile(r"1\d{10}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_answers(body: bytes) -> tuple[list[SmsAnswer], int]:
    """The answers told, and how many more came that cannot be read. Raises `ValueError` for what is no list of any."""
    told = json.loads(body)
    if not isinstance(told, list) or len(told) > MOST:
        raise ValueError("no list of answers")
    found = list(_answers(told))
    return found, len(told) - len(found)


def _answers(told: list[Any]) -> Iterator[SmsAnswer]:
    for one in told:
        if not isinstance(one, dict):
            continue
        # A number by the older description, a text by the newer one.
        answer_id, number, words = (one.get(name) for name in ("sequence_id", "phone_number", "content"))
        if isinstance(answer_id, int) and not isinstance(answer_id, bool):
            answer_id = str(answer_id)
        if not isinstance(answer_id, str) or not ANSWER_ID.fullmatch(answer_id):
            continue
        if isinstance(number, str) and isinstance(words, str) and 0 < len(number) <= LONGEST:
            yield SmsAnswer(answer_id, _international(number), words, _instant(one.get("send_time")))


def _international(number: str) -> str:
    """Mainland numbers come bare, others behind their country code without a plus."""
    return number if MAINLAND.fullmatch(number) else f"+{number.lstrip('+0')}"


def _instant(text: Any) -> datetime | None:
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except (TypeError, ValueError):
        return None
    return at if at >= EPOCH else None
