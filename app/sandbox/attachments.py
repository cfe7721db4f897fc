"""What a group send may carry besides its text (facts 3.8): checked, and as a chat shows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from app.sandbox import media
from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, object_of, optional_text, text_of

MOST = 9
TEXT_BYTES = 4_000


def content_of(connection: sqlite3.Connection, now: int, body: Body) -> str:
    """Text and attachments as JSON, checked; 40058 when both are missing, 41064 above nine, 41065 unknown type."""
    text = _text_of(body)
    attachments = list_of(body, "attachments", MOST, 41064)
    if not text and not attachments:
        raise WeComError(40058, "text and attachments")
    for attachment in attachments:
        _check(connection, now, attachment)
    kept = {"text": {"content": text}, "attachments": attachments} if text else {"attachments": attachments}
    return json.dumps(kept, ensure_ascii=False)


def as_chat(content: Body) -> list[dict[str, Any]]:
    """The messages a customer gets of it: the text first, then one for each attachment (facts 3.7)."""
    messages: list[dict[str, Any]] = []
    if content.get("text"):
        messages.append({"msgtype": "text", "text": content["text"]})
    return messages + [_as_message(attachment) for attachment in content["attachments"]]


def check_bytes(value: str | None, name: str, most: int) -> None:
    """40058 for more than so many bytes of UTF-8."""
    if value is not None and len(value.encode()) > most:
        raise WeComError(40058, f"{name}: more than {most} bytes")


def _text_of(body: Body) -> str:
    if body.get("text") is None:
        return ""
    content = optional_text(object_of(body, "text"), "content") or ""
    check_bytes(content, "text.content", TEXT_BYTES)
    return content


def _check(connection: sqlite3.Connection, now: int, attachment: object) -> None:
    if not isinstance(attachment, dict):
        raise WeComError(41065)
    kind = attachment.get("msgtype")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise WeComError(41065)
    check(connection, now, object_of(attachment, str(kind)))


def _check_image(connection: sqlite3.Connection, now: int, content: Body) -> None:
    """By media_id, or by a picture's address that uploadimg gave."""
    if not optional_text(content, "pic_url"):
        media.check(connection, now, text_of(content, "media_id", 40007), "media", "image")


def _check_link(_connection: sqlite3.Connection, _now: int, content: Body) -> None:
    check_bytes(text_of(content, "title"), "title", 128)
    check_bytes(text_of(content, "url"), "url", 2_048)
    check_bytes(optional_text(content, "picurl"), "picurl", 2_048)
    check_bytes(optional_text(content, "desc"), "desc", 512)


def _check_mini_program(connection: sqlite3.Connection, now: int, content: Body) -> None:
    check_bytes(text_of(content, "title"), "title", 64)
    text_of(content, "appid")
    text_of(content, "page")
    media.check(connection, now, text_of(content, "pic_media_id", 40007), "media", "image")


def _check_video(connection: sqlite3.Connection, now: int, content: Body) -> None:
    media.check(connection, now, text_of(content, "media_id", 40007), "media", "video")


def _check_file(connection: sqlite3.Connection, now: int, content: Body) -> None:
    media.check(connection, now, text_of(content, "media_id", 40007), "media", "file")


def _as_message(attachment: Body) -> dict[str, Any]:
    kind = attachment["msgtype"]
    content = attachment[kind]
    if kind == "link":
        shown = {
            "link": content["url"],
            "title": content["title"],
            "desc": content.get("desc", ""),
            "imgUrl": content.get("picurl", ""),
        }
        return {"msgtype": "news", "news": shown}
    if kind == "miniprogram":
        return {"msgtype": kind, kind: {**content, "imgUrl": content["pic_media_id"]}}
    return {"msgtype": kind, kind: {"mediaid": content.get("media_id") or content["pic_url"]}}


_CHECKS: dict[str, Callable[[sqlite3.Connection, int, Body], None]] = {
    "image": _check_image,
    "link": _check_link,
    "miniprogram": _check_mini_program,
    "video": _check_video,
    "file": _check_file,
}
