"""Figures of customer groups, by owner and by day, from the sandbox's own groups (facts 3.11)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, whole_number
from app.sandbox.clock import SECOND
from app.sandbox.corp_days import day_of, start_of
from app.sandbox.cursors import limit_of
from app.sandbox.group_chats import EXTERNAL, owners_of

DAYS_BACK = 180
SPAN_DAYS = 30
Figures = dict[str, int]

ORDERS: dict[int, Callable[[Figures], int]] = {
    1: lambda figures: figures["new_chat_cnt"],
    2: lambda figures: figures["chat_total"],
    3: lambda figures: figures["new_member_cnt"],
    4: lambda figures: figures["member_total"],
}

_FIGURES = {
    "new_chat_cnt": "SELECT count(*) FROM theirs WHERE created_at >= :begin AND created_at < :end",
    "chat_total": "SELECT count(*) FROM theirs WHERE created_at < :end",
    "chat_has_msg": """SELECT count(DISTINCT chat_id) FROM group_chat_message JOIN theirs USING (chat_id)
        WHERE sent_at >= :begin AND sent_at < :end""",
    "new_member_cnt": """SELECT count(*) FROM group_chat_member JOIN theirs USING (chat_id)
        WHERE kind = :external AND joined_at >= :begin AND joined_at < :end""",
    "member_total": """SELECT count(*) FROM group_chat_member JOIN theirs USING (chat_id)
        WHERE kind = :external AND joined_at < :end AND (left_at IS NULL OR left_at >= :end)""",
    "member_has_msg": """SELECT count(DISTINCT sender) FROM group_chat_message JOIN theirs USING (chat_id)
        JOIN group_chat_member ON group_chat_member.chat_id = theirs.chat_id AND userid = sender
        WHERE kind = :external AND sent_at >= :begin AND sent_at < :end""",
    "msg_total": """SELECT count(*) FROM group_chat_message JOIN theirs USING (chat_id)
        WHERE sent_at >= :begin AND sent_at < :end""",
}
_THEIRS = """WITH theirs AS (SELECT * FROM group_chat
    WHERE owner IN (SELECT value COLLATE NOCASE FROM json_each(:owners)))"""


def by_owner(call: Call) -> Answer:
    """externalcontact/groupchat/statistic: one entry an owner, paged by offset; 500 a page unless asked."""
    body = call.body()
    first, last = _days_of(body, call.now)
    order, limit = whole_number(body, "order_by", 1), limit_of(body, 500, 1_000)
    offset = whole_number(body, "offset", 0)
    if order not in ORDERS or offset < 0:
        raise WeComError(40058, "order_by, offset")
    with call.world.store.reading() as connection:
        owners = _owners(connection, body)
        items: list[dict[str, Any]] = [
            {"owner": owner, "data": _figures(connection, [owner], first, last)} for owner in owners
        ]
    ascending = whole_number(body, "order_asc", 0) == 1
    items.sort(key=lambda item: ORDERS[order](item["data"]), reverse=not ascending)
    page = items[offset : offset + limit]
    return ok(total=len(items), next_offset=offset + len(page), items=page)


def by_day(call: Call) -> Answer:
    """externalcontact/groupchat/statistic_group_by_day: one entry a day, of all the owners together."""
    body = call.body()
    first, last = _days_of(body, call.now)
    with call.world.store.reading() as connection:
        owners = _owners(connection, body)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        items = [
            {"stat_time": start_of(day) // SECOND, "data": _figures(connection, owners, day, day)}
            for day in days
        ]
    return ok(items=items)


def _days_of(body: Body, now: int) -> tuple[date, date]:
    """day_begin_time to day_end_time, which is the same day where left out; yesterday at the latest, 180 days back."""
    begin = whole_number(body, "day_begin_time", 0)
    end = whole_number(body, "day_end_time", begin)
    first, last, today = day_of(begin * SECOND), day_of(end * SECOND), day_of(now)
    if not today - timedelta(days=DAYS_BACK) <= first <= last < today or (last - first).days > SPAN_DAYS:
        raise WeComError(40058, "day_begin_time, day_end_time")
    return first, last


def _owners(connection: sqlite3.Connection, body: Body) -> list[str]:
    named = {owner.lower() for owner in owners_of(connection, body)}
    rows = connection.execute("SELECT DISTINCT owner FROM group_chat ORDER BY owner")
    return [row["owner"] for row in rows if not named or row["owner"].lower() in named]


def _figures(connection: sqlite3.Connection, owners: list[str], first: date, last: date) -> Figures:
    values: dict[str, Any] = {
        "owners": json.dumps(owners),
        "external": EXTERNAL,
        "begin": start_of(first),
        "end": start_of(last + timedelta(days=1)),
    }
    return {
        name: connection.execute(f"{_THEIRS} {query}", values).fetchone()[0]
        for name, query in _FIGURES.items()
    }


ENDPOINTS = {
    "externalcontact/groupchat/statistic": Endpoint(by_owner, post=True, contacts=True),
    "externalcontact/groupchat/statistic_group_by_day": Endpoint(by_day, post=True, contacts=True),
}
