"""Chats between a member and a customer: kept, listed, added to."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox.control_input import WrongInput

ASSOCIATE, CUSTOMER = "associate", "customer"

SENT_BY_TOOLBAR = ("text", "image", "video", "file", "news", "miniprogram")  # facts 3.1, sendChatMessage


class NoSuchChat(LookupError):
    """The member and the customer are not connected."""


def append(
    connection: sqlite3.Connection,
    now: int,
    userid: str,
    external_userid: str,
    sender: str,
    msg: dict[str, Any],
) -> dict[str, Any]:
    """Add a message {msgtype, <msgtype>: {...}}; raises NoSuchChat, or WrongInput for a bad message."""
    follow = connection.execute(
        "SELECT userid FROM follow WHERE userid = ? AND external_userid = ?", (userid, external_userid)
    ).fetchone()
    if follow is None:
        raise NoSuchChat(external_userid)
    msgtype, content = _checked(msg)
    read_at = now if sender == ASSOCIATE else None
    row_id = connection.execute(
        """INSERT INTO chat_message (userid, external_userid, sender, msgtype, body, sent_at, read_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            follow["userid"],
            external_userid,
            sender,
            msgtype,
            json.dumps(content, ensure_ascii=False),
            now,
            read_at,
        ),
    ).lastrowid
    return {"id": row_id, "from": sender, "msgtype": msgtype, "body": content, "sent_at": now}


def messages_of(
    connection: sqlite3.Connection, userid: str, external_userid: str, after: int = 0, most: int = 500
) -> list[dict[str, Any]]:
    """The latest `most` messages with an id above `after`, oldest first."""
    rows = connection.execute(
        """SELECT * FROM chat_message WHERE userid = ? AND external_userid = ? AND id > ?
           ORDER BY id DESC LIMIT ?""",
        (userid, external_userid, after, most),
    ).fetchall()
    return [
        {
            "id": row["id"],
            "from": row["sender"],
            "msgtype": row["msgtype"],
            "body": json.loads(row["body"]),
            "sent_at": row["sent_at"],
        }
        for row in reversed(rows)
    ]


def _checked(msg: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    msgtype = msg.get("msgtype")
    if msgtype not in SENT_BY_TOOLBAR:
        raise WrongInput(f"msgtype: one of {', '.join(SENT_BY_TOOLBAR)}")
    content = msg.get(msgtype)
    if not isinstance(content, dict):
        raise WrongInput(f"{msgtype}: an object")
    needed = {"text": "content", "news": "link", "miniprogram": "appid"}.get(msgtype, "mediaid")
    if not isinstance(content.get(needed), str) or not content[needed].strip():
        raise WrongInput(f"{msgtype}.{needed}: a string that is not empty")
    return msgtype, content
