"""Lists answered a page at a time: limit, cursor, next_cursor. The cursor means nothing to the caller."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Mapping
from typing import Any

from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, optional_text, whole_number


def limit_of(body: Body, default: int, most: int) -> int:
    """The page size asked for; 40058 below 1 or above `most`."""
    limit = whole_number(body, "limit", default)
    if not 1 <= limit <= most:
        raise WeComError(40058, f"limit: 1 to {most}")
    return limit


def paged(
    connection: sqlite3.Connection, query: str, values: Mapping[str, Any], body: Body, limit: int
) -> tuple[list[sqlite3.Row], str]:
    """One page of an ordered query, and the next cursor: "" after the last page. A foreign cursor is 40058."""
    start = offset_of(optional_text(body, "cursor") or "")
    rows = connection.execute(
        f"{query} LIMIT :_limit OFFSET :_start", {**values, "_limit": limit + 1, "_start": start}
    ).fetchall()
    return rows[:limit], cursor_of(start + limit) if len(rows) > limit else ""


def cursor_of(offset: int) -> str:
    """The cursor behind so many entries."""
    return base64.urlsafe_b64encode(f"after {offset}".encode()).decode()


def offset_of(cursor: str) -> int:
    """How many entries a cursor has behind it; 40058 for one that was never given."""
    if not cursor:
        return 0
    try:
        said = base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise WeComError(40058, "cursor") from None
    offset = said.removeprefix("after ")
    if not offset.isdecimal():
        raise WeComError(40058, "cursor")
    return int(offset)
