"""Bodies of app messages (message/send): rendered once, sent byte for byte as often as it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from app.wecom.cards import NoticeCard as NoticeCard

# With the duplicate check WeCom does not deliver the same body again within this interval; four hours are the most
# it takes (facts 3.14). Whatever sends a body again has to be done within it.
DUPLICATE_CHECK_S = 4 * 3600
MOST_RECEIVERS = 1000
TITLE = 128
DESCRIPTION = 512
TEXT_BYTES = 2048
BUTTON = 4
NOTICE_TITLE, ITEMS, KEY, VALUE = 12, 10, 10, 30


class Content(Protocol):
    """What a message consists of: one of the classes here or in cards."""

    def as_dict(self) -> dict[str, Any]:
        """`msgtype` and the object it names, as WeCom wants them."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A plain text; what exceeds 2,048 bytes is cut off."""

    content: str

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it."""
        return {"msgtype": "text", "text": {"content": _cut(self.content)}}


@dataclass(frozen=True, slots=True)
class Markdown:
    """A text in WeCom's subset of Markdown; what exceeds 2,048 bytes is cut off."""

    content: str

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it."""
        return {"msgtype": "markdown", "markdown": {"content": _cut(self.content)}}


@dataclass(frozen=True, slots=True)
class TextCard:
    """A card with one link; `lines` are cut off as a whole where they exceed 512 characters."""

    title: str
    lines: tuple[str, ...]
    url: str
    button: str

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it: an own line is an own div, and markup in our texts is none."""
        description = ""
        for line in self.lines:
            more = f'<div class="normal">{_plain(line)}</div>'
            if len(description) + len(more) > DESCRIPTION:
                break
            description += more
        card = {"title": _plain(self.title)[:TITLE], "description": description, "url": self.url}
        return {"msgtype": "textcard", "textcard": {**card, "btntxt": self.button[:BUTTON]}}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the media store; `kind` is image, voice, video or file, as it was uploaded."""

    kind: str
    media_id: str

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it."""
        return {"msgtype": self.kind, self.kind: {"media_id": self.media_id}}


@dataclass(frozen=True, slots=True)
class MiniProgramNotice:
    """A notice that opens a page of the app's linked mini program; to accounts of the corp only (facts 3.14).

    `title` has 4 to 12 characters, each of at most ten `items` a name of 10 and a value of 30 at most.
    """

    appid: str
    page: str
    title: str
    items: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """As WeCom wants it; what is too long is cut off."""
        items = [{"key": name[:KEY], "value": value[:VALUE]} for name, value in self.items[:ITEMS]]
        notice = {"appid": self.appid, "page": self.page, "title": self.title[:NOTICE_TITLE]}
        return {"msgtype": "miniprogram_notice", "miniprogram_notice": {**notice, "content_item": items}}


def render(agent_id: int, wecom_userids: tuple[str, ...], content: Content) -> str:
    """The JSON of message/send without the access token, with the duplicate check on.

    WeCom takes two equal bodies for one: what shall arrive twice must differ somewhere.
    Raises ValueError for no receiver or more than 1,000.
    """
    if not 0 < len(wecom_userids) <= MOST_RECEIVERS:
        raise ValueError(f"{len(wecom_userids)} receivers")
    body = {
        "touser": "|".join(wecom_userids),
        "agentid": agent_id,
        **content.as_dict(),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": DUPLICATE_CHECK_S,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _cut(text: str) -> str:
    return text.encode()[:TEXT_BYTES].decode(errors="ignore")


def _plain(text: str) -> str:
    """Angle brackets would be markup; full-width ones read the same."""
    return text.replace("<", "＜").replace(">", "＞")
