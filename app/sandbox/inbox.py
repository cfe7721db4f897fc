"""What one phone shows: app messages, chats, contacts, and what is unread. No HTTP here."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

MESSAGES_A_PAGE = 50
CONTACTS_A_PAGE = 60
CHATS_SHOWN = 200

_CONTACTS = """
FROM followed WHERE userid = :userid
    AND (name LIKE :like OR remark LIKE :like OR external_userid = :search)
"""


_MESSAGES = """
SELECT delivery.id, delivery.sent_at, delivery.state, message.msgtype, coalesce(card_now.body, message.body) AS body,
    coalesce(card_now.replaced_at, 0) AS replaced_at
FROM delivery JOIN message ON message.id = delivery.message_id
LEFT JOIN card_now ON card_now.delivery_id = delivery.id
WHERE delivery.userid = ? AND delivery.state IN ('delivered', 'recalled') AND delivery.id > ?
ORDER BY delivery.id DESC LIMIT ?
"""


def app_messages(connection: sqlite3.Connection, userid: str, after: int) -> list[dict[str, Any]]:
    """The latest messages with an id above `after`, oldest first, at most a page, as they stand now."""
    rows = connection.execute(_MESSAGES, (userid, after, MESSAGES_A_PAGE)).fetchall()
    return [_as_message(row) for row in reversed(rows)]


def revised_messages(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """Those of the latest page that are not as they were sent: cards replaced, messages recalled."""
    rows = connection.execute(_MESSAGES, (userid, 0, MESSAGES_A_PAGE)).fetchall()
    return [_as_message(row) for row in rows if row["replaced_at"] or row["state"] == "recalled"]


def unread_messages(connection: sqlite3.Connection, userid: str) -> int:
    """How many delivered app messages were not looked at."""
    query = "SELECT count(*) FROM delivery WHERE userid = ? AND read_at IS NULL AND state = 'delivered'"
    return int(connection.execute(query, (userid,)).fetchone()[0])


def mark_messages_read(connection: sqlite3.Connection, userid: str, now: int) -> None:
    """The member has looked at the app's messages."""
    connection.execute(
        "UPDATE delivery SET read_at = ? WHERE userid = ? AND read_at IS NULL AND state = 'delivered'",
        (now, userid),
    )


def mark_chat_read(connection: sqlite3.Connection, userid: str, external_userid: str, now: int) -> None:
    """The member has looked at this chat."""
    connection.execute(
        "UPDATE chat_message SET read_at = ? WHERE userid = ? AND external_userid = ? AND read_at IS NULL",
        (now, userid, external_userid),
    )


def chats_of(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """The chats with something said, the latest first, each with its last message and unread count."""
    rows = connection.execute(
        """SELECT followed.external_userid, followed.name, followed.remark, last.sender, last.msgtype,
                  last.body, last.sent_at, last.delivered, chat.unread
           FROM (SELECT external_userid, max(id) AS last_id, sum(read_at IS NULL) AS unread
                 FROM chat_message WHERE userid = ? GROUP BY external_userid) AS chat
           JOIN chat_message AS last ON last.id = chat.last_id
           JOIN followed ON followed.userid = last.userid AND followed.external_userid = last.external_userid
           ORDER BY chat.last_id DESC LIMIT ?""",
        (userid, CHATS_SHOWN),
    )
    return [
        {
            **_named(row),
            "unread": row["unread"],
            "sent_ms": row["sent_at"] // 1_000,
            "last": summary_of(row) if row["delivered"] else f"[未送达] {summary_of(row)}",
        }
        for row in rows
    ]


def contacts_of(connection: sqlite3.Connection, userid: str, search: str, offset: int) -> dict[str, Any]:
    """A page of the member's customers whose name or remark contains `search`, and how many there are."""
    search = search.strip()
    given = {
        "userid": userid,
        "like": f"%{search}%",
        "search": search,
        "most": CONTACTS_A_PAGE,
        "offset": max(0, offset),
    }
    total = connection.execute("SELECT count(*)" + _CONTACTS, given).fetchone()[0]
    rows = connection.execute(
        "SELECT external_userid, name, remark"
        + _CONTACTS
        + " ORDER BY name, external_userid LIMIT :most OFFSET :offset",
        given,
    )
    return {"total": total, "contacts": [_named(row) for row in rows]}


def find_contact(connection: sqlite3.Connection, userid: str, external_userid: str) -> dict[str, Any] | None:
    """One customer of the member, or None when the two are not connected."""
    row = connection.execute(
        "SELECT external_userid, name, remark, stage FROM followed WHERE userid = ? AND external_userid = ?",
        (userid, external_userid),
    ).fetchone()
    return {**_named(row), "stage": row["stage"]} if row else None


def _as_message(row: sqlite3.Row) -> dict[str, Any]:
    """A recalled message says nothing any more; `version` changes whenever what is shown does."""
    recalled = row["state"] == "recalled"
    return {
        "id": row["id"],
        "msgtype": "recalled" if recalled else row["msgtype"],
        "body": {} if recalled else json.loads(row["body"]),
        "sent_ms": row["sent_at"] // 1_000,
        "version": "recalled" if recalled else str(row["replaced_at"]),
    }


def _named(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "external_userid": row["external_userid"],
        "name": row["remark"] or row["name"],
        "nickname": row["name"],
    }


def summary_of(row: sqlite3.Row) -> str:
    """A chat message in a line: what was said, or its kind."""
    body = json.loads(row["body"])
    kinds = {"image": "[图片]", "video": "[视频]", "file": "[文件]", "miniprogram": "[小程序]"}
    text = kinds.get(row["msgtype"]) or body.get("content") or f"[链接] {body.get('title', '')}"
    return str(text)[:60]
