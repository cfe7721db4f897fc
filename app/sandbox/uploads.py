"""Reading an upload out of its multipart body, and what a file of each kind must be like (facts 3.13)."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass

from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from app.sandbox.answers import Download, WeComError
from app.sandbox.calls import Call

MEGABYTE = 1024 * 1024
IMAGE, VOICE, VIDEO, FILE = "image", "voice", "video", "file"
MOST = {IMAGE: 10 * MEGABYTE, VOICE: 2 * MEGABYTE, VIDEO: 10 * MEGABYTE, FILE: 20 * MEGABYTE}
TOO_LARGE = {IMAGE: 40009, VOICE: 301016, VIDEO: 40011, FILE: 45001}
NOT_OF_ITS_KIND = {IMAGE: 40123, VOICE: 301017, VIDEO: 40004}
ATTACHMENT_KINDS = {"1": (IMAGE, VIDEO), "2": (IMAGE,)}  # by attachment_type: moments, product album
ATTACHMENT_MOST = 10 * MEGABYTE
LEAST = 5  # a file has more bytes than this
VOICE_MOST_S = 60
MOMENT_SIDE_MOST = 10_800  # of a long image; 1440 x 1080 is advice only
MOMENT_VIDEO_MOST_S = 30

_AMR_FRAMES = (12, 13, 15, 17, 19, 20, 26, 31, 5)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Upload:
    """One file as it was sent."""

    filename: str
    content_type: str
    content: bytes


def read(call: Call) -> Upload:
    """The part named `media`; raises 44001 where there is none or it has no bytes, 40058 for what is no multipart.

    A file name may be raw UTF-8, as requests sends it (facts 1.3).
    """
    mimetype, options = parse_options_header(call.headers.get("Content-Type", ""))
    if mimetype != "multipart/form-data" or "boundary" not in options:
        raise WeComError(40058, "multipart/form-data")
    size = len(call.raw_body)
    in_memory = FormDataParser(stream_factory=lambda *_args, **_named: io.BytesIO(), silent=True)
    _, _, files = in_memory.parse(io.BytesIO(call.raw_body), mimetype, size, options)
    sent = files.get("media")
    content = sent.read() if sent is not None else b""
    if sent is None or not content:
        raise WeComError(44001)
    return Upload(sent.filename or "media", sent.mimetype or "application/octet-stream", content)


def check(sent: Upload, kind: str, most: int | None = None) -> None:
    """Raises 40006 for 5 bytes or less, the kind's own code where it is too large or something else, 45007 for a
    voice above 60 seconds."""
    if len(sent.content) <= LEAST:
        raise WeComError(40006)
    if len(sent.content) > (most or MOST[kind]):
        raise WeComError(TOO_LARGE[kind])
    if not _is_of_kind(sent.content, kind):
        raise WeComError(NOT_OF_ITS_KIND[kind])
    if kind == VOICE and amr_seconds(sent.content) > VOICE_MOST_S:
        raise WeComError(45007)


def check_attachment(sent: Upload, kind: str, *, for_moments: bool) -> None:
    """Raises 41080 size, 40123 no image, 41090 no MP4; for moments also 41081 with a side above 10,800 points
    and 41082 above 30 seconds."""
    if not LEAST < len(sent.content) <= ATTACHMENT_MOST:
        raise WeComError(41080)
    if not _is_of_kind(sent.content, kind):
        raise WeComError(41090 if kind == VIDEO else 40123)
    if for_moments and kind == IMAGE and max(image_size(sent.content)) > MOMENT_SIDE_MOST:
        raise WeComError(41081)
    if for_moments and kind == VIDEO and mp4_seconds(sent.content) > MOMENT_VIDEO_MOST_S:
        raise WeComError(41082)


def part_of(content: bytes, wanted: str, content_type: str, headers: dict[str, str]) -> Download:
    """The bytes a Range header asks for, status 206; 416 for a range that is none."""
    match = _RANGE.fullmatch(wanted)
    first = int(match[1]) if match else len(content)
    if match is None or first >= len(content):
        return Download(b"", content_type, 416, {"Content-Range": f"bytes */{len(content)}"})
    last = min(int(match[2]) if match[2] else len(content) - 1, len(content) - 1)
    told = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Download(content[first : last + 1], content_type, 206, told)


def amr_seconds(content: bytes) -> float:
    """How long an AMR voice plays: 20 ms a frame, whose length its first byte tells (RFC 4867)."""
    position, frames = len(b"#!AMR\n"), 0
    while position < len(content):
        mode = content[position] >> 3 & 15
        position += 1 + (_AMR_FRAMES[mode] if mode < len(_AMR_FRAMES) else 0)
        frames += 1
    return frames / 50


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG, (0, 0) where the file does not tell."""
    if content.startswith(b"\x89PNG"):
        return struct.unpack(">II", content[16:24]) if len(content) >= 24 else (0, 0)
    position = 2
    while position + 9 <= len(content) and content[position] == 0xFF:
        marker, length = content[position + 1], struct.unpack(">H", content[position + 2 : position + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return width, height
        position += 2 + length
    return 0, 0


def mp4_seconds(content: bytes) -> float:
    """How long an MP4 plays by its movie header (ISO 14496-12, version 0); 0 where it does not tell."""
    at = content.find(b"mvhd")
    if at < 0 or len(content) < at + 24 or content[at + 4] != 0:
        return 0.0
    scale, duration = struct.unpack(">II", content[at + 16 : at + 24])
    return duration / scale if scale else 0.0


def _is_of_kind(content: bytes, kind: str) -> bool:
    starts = {IMAGE: (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), VOICE: (b"#!AMR\n",)}
    if kind == VIDEO:
        return content[4:8] == b"ftyp"
    return kind not in starts or content.startswith(starts[kind])
