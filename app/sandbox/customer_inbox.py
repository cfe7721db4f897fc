"""What a customer's own phone shows: chats with members, their moments, offers of another member. No HTTP here."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox import handovers
from app.sandbox.inbox import summary_of

CHATS_SHOWN = 100
MOMENTS_SHOWN = 50

_CHATS = """
SELECT follow.userid, person.name, person.position, department.name AS department, follow.stage,
    last.sender, last.msgtype, last.body, coalesce(last.sent_at, follow.createtime * 1000000) AS sent_at
FROM follow JOIN person USING (userid) JOIN department ON department.id = person.department_id
LEFT JOIN chat_message AS last ON last.id = (SELECT max(id) FROM chat_message
    WHERE chat_message.userid = follow.userid AND chat_message.external_userid = follow.external_userid AND delivered)
WHERE follow.external_userid = ? AND follow.stage != 'one_way' ORDER BY sent_at DESC, follow.userid LIMIT ?
"""
_MOMENTS = """
SELECT moment.moment_id, moment.content, moment_task.userid, moment_task.published_at, person.name,
    (SELECT count(*) FROM moment_reaction WHERE moment_reaction.moment_id = moment.moment_id
        AND moment_reaction.userid = moment_task.userid AND moment_reaction.external_userid = viewer.external_userid
        AND kind = 'like') AS liked,
    (SELECT count(*) FROM moment_reaction WHERE moment_reaction.moment_id = moment.moment_id
        AND moment_reaction.userid = moment_task.userid AND moment_reaction.external_userid = viewer.external_userid
        AND kind = 'comment') AS comments
FROM moment_viewer AS viewer JOIN moment_task USING (moment_id, userid) JOIN moment USING (moment_id)
JOIN person ON person.userid = moment_task.userid
WHERE viewer.external_userid = ? AND published_at IS NOT NULL ORDER BY published_at DESC, moment.id DESC LIMIT ?
"""


def chats_of(connection: sqlite3.Connection, external_userid: str) -> list[dict[str, Any]]:
    """The members this customer has, who spoke last first; whom they deleted is not there."""
    rows = connection.execute(_CHATS, (external_userid, CHATS_SHOWN))
    return [
        {
            "userid": row["userid"],
            "name": row["name"],
            "work": " · ".join(part for part in (row["department"], row["position"]) if part),
            "stage": row["stage"],
            "sent_ms": row["sent_at"] // 1_000,
            "last": summary_of(row) if row["body"] else "",
        }
        for row in rows
    ]


def moments_of(connection: sqlite3.Connection, external_userid: str) -> list[dict[str, Any]]:
    """Moments that members published and this customer may see, the latest first."""
    rows = connection.execute(_MOMENTS, (external_userid, MOMENTS_SHOWN))
    return [
        {
            "moment_id": row["moment_id"],
            "userid": row["userid"],
            "name": row["name"],
            **json.loads(row["content"]),
            "published_ms": row["published_at"] // 1_000,
            "liked": bool(row["liked"]),
            "comments": row["comments"],
        }
        for row in rows
    ]


def offers_to(connection: sqlite3.Connection, external_userid: str) -> list[dict[str, Any]]:
    """Handovers under way that the customer may refuse."""
    return [
        {**offer, "started_ms": offer["started_at"] // 1_000}
        for offer in handovers.offers_to(connection, external_userid)
    ]
