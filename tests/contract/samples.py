"""Files small enough to send in a test, and members nobody else writes to."""

from __future__ import annotations

import itertools
import struct
import zlib
from datetime import datetime, timedelta, timezone

from tests.wecom.local_sandbox import LocalSandbox

MEGABYTE = 1024 * 1024
CHINA = timezone(timedelta(hours=8))
JPG = b"\xff\xd8\xff\xe0" + b"\0" * 32
AMR = b"#!AMR\n" + (b"\x3c" + b"\0" * 31) * 50
_numbers = itertools.count(1)


def png(width: int = 8, height: int = 8) -> bytes:
    """A black picture, whole and true."""
    rows = zlib.compress(b"".join(b"\0" + b"\0" * width for _ in range(min(height, 64))))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def amr(seconds: int) -> bytes:
    """A voice of that length: fifty frames of 32 bytes a second."""
    return b"#!AMR\n" + (b"\x3c" + b"\0" * 31) * 50 * seconds


def mp4(seconds: int) -> bytes:
    """The beginning of a film of that length."""
    header = b"mvhd" + b"\0" * 12 + struct.pack(">II", 1000, seconds * 1000) + b"\0" * 80
    return b"\0\0\0\x18ftypisom" + b"\0" * 12 + b"\0\0\0\x70moov" + b"\0\0\0\x6c" + header


def to_noon(days: int) -> timedelta:
    """How far it is from now to noon in China, so many days ahead: no day ends while a test counts by it."""
    now = datetime.now(CHINA)
    return now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days) - now


def new_member(corp: LocalSandbox, department: str = "收件部") -> str:
    """A member nobody has written to yet: WeCom drops what exceeds 30 a minute without a word."""
    userid = f"reader{next(_numbers)}"
    corp.control("PUT", "people", [{"userid": userid, "name": "收件人", "department": department}])
    return userid
