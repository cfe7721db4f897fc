"""What goes with a text to customers: welcomes and group sends take the same (facts 3.7, 3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.wecom.apis.base import given

MOST = 9  # of one message
TEXT_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class ImageAttachment:
    """A picture by media_id (media/upload, three days), or by the address that media/uploadimg gave."""

    media_id: str = ""
    pic_url: str = ""


@dataclass(frozen=True, slots=True)
class LinkAttachment:
    """A page: title at most 128 bytes, description 512, address 2048."""

    title: str
    url: str
    description: str = ""
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class MiniProgramAttachment:
    """A page of a mini program linked to the corp: title at most 64 bytes, its picture by media_id."""

    title: str
    picture_media_id: str
    appid: str
    page: str


@dataclass(frozen=True, slots=True)
class VideoAttachment:
    """A video by media_id."""

    media_id: str


@dataclass(frozen=True, slots=True)
class FileAttachment:
    """A file by media_id."""

    media_id: str


Attachment = ImageAttachment | LinkAttachment | MiniProgramAttachment | VideoAttachment | FileAttachment


def content_of(text: str, attachments: Iterable[Attachment] = ()) -> dict[str, Any]:
    """The fields `text` and `attachments` of a request; each is left out when it is empty."""
    listed = [encoded(attachment) for attachment in attachments]
    return given(text={"content": text} if text else None, attachments=listed or None)


def encoded(attachment: Attachment) -> dict[str, Any]:
    """One attachment as WeCom takes it: its msgtype, and its fields under that name."""
    kind, fields = _fields(attachment)
    return {"msgtype": kind, kind: {name: value for name, value in fields.items() if value}}


def _fields(attachment: Attachment) -> tuple[str, dict[str, str]]:
    match attachment:
        case ImageAttachment(media_id, pic_url):
            return "image", {"media_id": media_id, "pic_url": pic_url}
        case LinkAttachment(title, url, description, picture_url):
            return "link", {"title": title, "url": url, "desc": description, "picurl": picture_url}
        case MiniProgramAttachment(title, picture, appid, page):
            return "miniprogram", {"title": title, "pic_media_id": picture, "appid": appid, "page": page}
        case VideoAttachment(media_id):
            return "video", {"media_id": media_id}
        case FileAttachment(media_id):
            return "file", {"media_id": media_id}
