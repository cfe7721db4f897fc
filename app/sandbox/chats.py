"""Chats between a member and a customer: kept, listed, added to."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox.control_input import WrongInput
from app.sandbox.relations import Stage, find_relation

ASSOCIATE, CUSTOMER = "associate", "customer"

SENT_BY_TOOLBAR = ("text", "image", "video", "file", "news", "miniprogram")  # facts 3.1, sendChatMessage


class NoSuchChat(LookupError):
    """The member and the customer are not connected."""


class CustomerLeft(NoSuchChat):
    """The customer deleted the member, and has no chat to write into."""


def append(
    connection: sqlite3.Connection,
    now: int,
    userid: str,
    external_userid: str,
    sender: str,
    msg: dict[str, Any],
) -> dict[str, Any]:
    """Add a message {msgtype, <msgtype>: {...}}; raises NoSuchChat, or WrongInput for a bad message.

    What a member says to a customer who deleted them is kept with `delivered` false: the member sees it with a red
    mark, and it never arrives, not even once the two have each other again. It raises nothing, because WeCom's
    client answers sendChatMessage:ok to a page in that case too: a page cannot know. A customer who deleted the
    member says nothing to them: CustomerLeft.
    """
    follow = find_relation(connection, userid, external_userid)
    if follow is None:
        raise NoSuchChat(external_userid)
    if sender == CUSTOMER and follow["stage"] == Stage.ONE_WAY:
        raise CustomerLeft(external_userid)
    return _keep(connection, now, follow, sender, *_checked(msg))


def append_welcome(
    connection: sqlite3.Connection, now: int, userid: str, external_userid: str, msg: dict[str, Any]
) -> None:
    """As `append` by the member, for a message that the API has checked already; raises NoSuchChat."""
    follow = find_relation(connection, userid, external_userid)
    if follow is None:
        raise NoSuchChat(external_userid)
    _keep(connection, now, follow, ASSOCIATE, msg["msgtype"], msg[msg["msgtype"]])


def messages_of(
    connection: sqlite3.Connection,
    userid: str,
    external_userid: str,
    after: int = 0,
    most: int = 500,
    *,
    arrived: bool = False,
) -> list[dict[str, Any]]:
    """The latest `most` messages with an id above `after`, oldest first; `arrived`: as the customer has them."""
    rows = connection.execute(
        """SELECT * FROM chat_message WHERE userid = ? AND external_userid = ? AND id > ? AND delivered >= ?
           ORDER BY id DESC LIMIT ?""",
        (userid, external_userid, after, arrived, most),
    ).fetchall()
    return [
        {
            "id": row["id"],
            "from": row["sender"],
            "msgtype": row["msgtype"],
            "body": json.loads(row["body"]),
            "sent_at": row["sent_at"],
            "delivered": bool(row["delivered"]),
        }
        for row in reversed(rows)
    ]


def _keep(
    connection: sqlite3.Connection,
    now: int,
    follow: sqlite3.Row,
    sender: str,
    msgtype: str,
    content: dict[str, Any],
) -> dict[str, Any]:
    delivered = follow["stage"] != Stage.ONE_WAY
    body, read_at = json.dumps(content, ensure_ascii=False), now if sender == ASSOCIATE else None
    row_id = connection.execute(
        """INSERT INTO chat_message (userid, external_userid, sender, msgtype, body, sent_at, read_at, delivered)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (follow["userid"], follow["external_userid"], sender, msgtype, body, now, read_at, delivered),
    ).lastrowid
    said = {"id": row_id, "from": sender, "msgtype": msgtype, "body": content, "sent_at": now}
    return {**said, "delivered": delivered}


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
