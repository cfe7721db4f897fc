"""Ways to join customer groups (加入群聊): a code that leads into one of at most five groups (facts 3.12)."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, optional_text, text_of, whole_number
from app.sandbox.group_chats import find_group

GROUPS_MOST = 5
CHARACTERS = 30
MINI_PROGRAM, QR_CODE = 1, 2
QR_URL = "https://wework.qpic.cn/sandbox/join/{config_id}"


def add(call: Call) -> Answer:
    """externalcontact/groupchat/add_join_way: answers the config_id, the only handle there is."""
    config_id = secrets.token_hex(16)
    with call.world.store.writing() as connection:
        way = _way_of(connection, call.body(), {"auto_create_room": 1})
        connection.execute(
            "INSERT INTO join_way VALUES (?, ?, ?, ?)",
            (config_id, call.app.agent_id, json.dumps(way, ensure_ascii=False), call.now),
        )
    return ok(config_id=config_id)


def get(call: Call) -> Answer:
    """externalcontact/groupchat/get_join_way."""
    with call.world.store.reading() as connection:
        row = _own_way(connection, call, call.body())
    return ok(join_way=_as_way(row))


def update(call: Call) -> Answer:
    """externalcontact/groupchat/update_join_way: replaces what it says; fields left out stay."""
    body = call.body()
    with call.world.store.writing() as connection:
        row = _own_way(connection, call, body)
        way = _way_of(connection, {**json.loads(row["body"]), **body}, {})
        connection.execute(
            "UPDATE join_way SET body = ? WHERE config_id = ?",
            (json.dumps(way, ensure_ascii=False), row["config_id"]),
        )
    return ok()


def delete(call: Call) -> Answer:
    """externalcontact/groupchat/del_join_way."""
    with call.world.store.writing() as connection:
        row = _own_way(connection, call, call.body())
        connection.execute("DELETE FROM join_way WHERE config_id = ?", (row["config_id"],))
    return ok()


def find_way(connection: sqlite3.Connection, config_id: str) -> dict[str, Any] | None:
    """What get_join_way says of it, or None."""
    row = connection.execute("SELECT * FROM join_way WHERE config_id = ?", (config_id,)).fetchone()
    return _as_way(row) if row else None


def _own_way(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    """41043 without an id; 41044 for an unknown one, or one of another app."""
    config_id = text_of(body, "config_id", 41043)
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM join_way WHERE config_id = ? AND agent_id = ?", (config_id, call.app.agent_id)
    ).fetchone()
    if row is None:
        raise WeComError(41044)
    return row


def _way_of(connection: sqlite3.Connection, body: Body, defaults: Body) -> dict[str, Any]:
    """The settings, checked: 40058 for a bad one or an unknown group, 41091 above five groups."""
    body = {**defaults, **body}
    chat_ids = list_of(body, "chat_id_list", GROUPS_MOST, 41091)
    if not chat_ids or not all(isinstance(one, str) and find_group(connection, one) for one in chat_ids):
        raise WeComError(40058, "chat_id_list")
    numbers = {
        name: whole_number(body, name, default)
        for name, default in (("scene", 0), ("auto_create_room", 1), ("room_base_id", 1))
    }
    if numbers["scene"] not in (MINI_PROGRAM, QR_CODE) or numbers["auto_create_room"] not in (0, 1):
        raise WeComError(40058, "scene, auto_create_room")
    texts = {name: optional_text(body, name, CHARACTERS) or "" for name in ("remark", "state")}
    room = optional_text(body, "room_base_name") or ""
    return {**numbers, **texts, "room_base_name": room, "chat_id_list": chat_ids}


def _as_way(row: sqlite3.Row) -> dict[str, Any]:
    config_id = row["config_id"]
    return {**json.loads(row["body"]), "config_id": config_id, "qr_code": QR_URL.format(config_id=config_id)}


ENDPOINTS = {
    "externalcontact/groupchat/add_join_way": Endpoint(add, post=True, contacts=True),
    "externalcontact/groupchat/get_join_way": Endpoint(get, post=True, contacts=True),
    "externalcontact/groupchat/update_join_way": Endpoint(update, post=True, contacts=True),
    "externalcontact/groupchat/del_join_way": Endpoint(delete, post=True, contacts=True),
}
