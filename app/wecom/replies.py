"""What is asked of WeCom's API, and what its answers say: JSON that may be none, files, errors, nothing at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from app.wecom.errors import WeComError, WeComMisconfigured, WeComRetryable
from app.wecom.repeats import is_repeatable
from app.wecom.transport import AGENT, Body, Lost, Reply

Answer = dict[str, Any]

ANSWER_BYTES = 32 * 1024 * 1024
TIMED_OUT, TOO_MANY = 408, 429


@dataclass(frozen=True, slots=True)
class Download:
    """A file as WeCom gave it; `filename` is empty where it gave none."""

    content: bytes
    content_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the API but its token; `span` of a file, first and last byte, where it is a file."""

    method: str
    path: str
    params: Mapping[str, Any]
    body: Body | None = None
    file: bool = False
    most_bytes: int = ANSWER_BYTES
    span: tuple[int, int] | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with it beside the body's own."""
        return AGENT if self.span is None else {**AGENT, "Range": f"bytes={self.span[0]}-{self.span[1]}"}


@dataclass(slots=True)
class Read:
    """What an answer says; `sent`: whatever it says, an earlier try of the same call may have taken effect."""

    errcode: int
    answer: Answer
    file: Download | None = None
    sent: bool = False


class Busy(WeComRetryable):
    """Worth another try within the same call."""


def not_answered(call: Call, lost: Lost) -> WeComRetryable:
    """A question may be asked again at once; so may what never reached WeCom."""
    if lost.again and (call.method == "GET" or not lost.sent):
        return Busy(call.path, lost.reason, sent=lost.sent)
    return WeComRetryable(call.path, lost.reason, sent=lost.sent)


def read_reply(call: Call, reply: Reply) -> Read | WeComError:
    """A 5xx may be all that is left of the answer to what was done: asked again only where repeats.py says so."""
    path, status = call.path, reply.status
    if status == TOO_MANY:
        return Busy(path, f"HTTP {status}")
    if status >= 500 or status == TIMED_OUT:
        again = is_repeatable(call.method, path, call.body)
        return (Busy if again else WeComRetryable)(path, f"HTTP {status}", sent=True)
    disposition = reply.headers.get("Content-Disposition", "") if call.file else ""
    if disposition and status in (200, 206):
        content_type = reply.headers.get("Content-Type", "")
        return Read(0, {}, Download(reply.content, content_type, _filename(disposition)))
    if status != 200:
        return WeComMisconfigured(path, status, f"HTTP {status}")
    try:
        answer = json.loads(reply.content)
        errcode = int(answer.get("errcode") or 0)
    except (ValueError, TypeError, AttributeError):
        return WeComRetryable(path, "the answer is not a JSON object", sent=True)
    if call.file and errcode == 0:
        return WeComRetryable(path, "the answer is not a file")
    return Read(errcode, {**answer, "errcode": errcode})


def _filename(disposition: str) -> str:
    """What Content-Disposition calls the file, without any folder."""
    header = Message()
    header["Content-Disposition"] = disposition
    name = header.get_filename() or ""
    return name.replace("\\", "/").rpartition("/")[2]
