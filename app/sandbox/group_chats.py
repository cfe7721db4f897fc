"""Customer groups (客户群): listing them, reading one, its other name (facts 3.12)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox import campaign_rules, scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, text_of, whole_number
from app.sandbox.clock import SECOND
from app.sandbox.cursors import limit_of, paged
from app.sandbox.handovers import LEFT

OWNERS_MOST = 100
INTERNAL, EXTERNAL = 1, 2
NORMAL, OWNER_LEFT, INHERITING, INHERITED = 0, 1, 2, 3

# A group whose owner left is listed where that owner is named (facts 3.12).
_LIST = """
SELECT chat_id, group_status FROM (SELECT group_chat.*, CASE WHEN person.status = :left THEN 1
        WHEN inherited THEN 3 ELSE 0 END AS group_status
    FROM group_chat JOIN person ON person.userid = group_chat.owner WHERE dismissed_at IS NULL)
WHERE (:seen IS NULL OR owner IN (SELECT value FROM json_each(:seen)) OR group_status = 1)
    AND (:status = 0 OR group_status = :status) AND ((:anyone AND group_status != 1)
    OR owner IN (SELECT value COLLATE NOCASE FROM json_each(:owners))) ORDER BY id
"""


def list_groups(call: Call) -> Answer:
    """externalcontact/groupchat/list: `limit` is needed; 81017 without owners where too many members are visible."""
    body = call.body()
    if "limit" not in body:
        raise WeComError(40058, "limit")
    status = whole_number(body, "status_filter", NORMAL)
    if status not in (NORMAL, OWNER_LEFT, INHERITING, INHERITED):
        raise WeComError(40058, "status_filter")
    with call.world.store.reading() as connection:
        owners = owners_of(connection, body)
        wanted: dict[str, Any] = {
            "left": LEFT,
            "status": status,
            "anyone": not owners,
            "owners": json.dumps(owners),
        }
        wanted["seen"] = scope.filtering(connection)
        rows, cursor = paged(connection, _LIST, wanted, body, limit_of(body, 100, 1_000))
    listed = [{"chat_id": row["chat_id"], "status": row["group_status"]} for row in rows]
    return ok(group_chat_list=listed, next_cursor=cursor)


def owners_of(connection: sqlite3.Connection, body: Body) -> list[str]:
    """owner_filter.userid_list, 100 at most; where there is none and the app sees too many members: 81017."""
    wanted = body.get("owner_filter") or {}
    if not isinstance(wanted, dict):
        raise WeComError(40058, "owner_filter")
    owners = list_of(wanted, "userid_list", OWNERS_MOST, 40058)
    if not all(isinstance(owner, str) for owner in owners):
        raise WeComError(40058, "owner_filter.userid_list")
    if not owners and len(scope.visible(connection, None)) > campaign_rules.of(connection).visible_most:
        raise WeComError(81017)
    return owners


def get_group(call: Call) -> Answer:
    """externalcontact/groupchat/get: the group with everybody in it; names where need_name is 1."""
    body = call.body()
    chat_id = text_of(body, "chat_id", 40050)
    need_name = whole_number(body, "need_name", 0)
    with call.world.store.reading() as connection:
        row = find_group(connection, chat_id)
        if row is None:
            raise WeComError(40050)
        members = connection.execute(
            """SELECT group_chat_member.*, coalesce(person.name, contact.name, '') AS name,
                   coalesce(contact.unionid, '') AS unionid FROM group_chat_member
               LEFT JOIN person ON group_chat_member.kind = 1 AND person.userid = group_chat_member.userid
               LEFT JOIN contact ON group_chat_member.kind = 2 AND contact.external_userid = group_chat_member.userid
               WHERE chat_id = ? AND left_at IS NULL ORDER BY joined_at, group_chat_member.userid""",
            (chat_id,),
        ).fetchall()
    return ok(group_chat=_as_group(row, members, bool(need_name)))


def chat_id_of(call: Call) -> Answer:
    """externalcontact/opengid_to_chatid: a mini program's group id (opengid) as chat_id."""
    opengid = text_of(call.body(), "opengid")
    with call.world.store.reading() as connection:
        row = connection.execute("SELECT chat_id FROM group_chat WHERE opengid = ?", (opengid,)).fetchone()
    if row is None:
        raise WeComError(40058, "opengid")
    return ok(chat_id=row["chat_id"])


def find_group(connection: sqlite3.Connection, chat_id: str) -> sqlite3.Row | None:
    """The group, or None where there is none, or it was dismissed."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM group_chat WHERE chat_id = ? AND dismissed_at IS NULL", (chat_id,)
    ).fetchone()
    return row


def _as_group(row: sqlite3.Row, members: list[sqlite3.Row], need_name: bool) -> dict[str, Any]:
    return {
        "chat_id": row["chat_id"],
        "name": row["name"],
        "owner": row["owner"],
        "create_time": row["created_at"] // SECOND,
        "notice": row["notice"],
        "member_list": [_as_member(member, need_name) for member in members],
        "admin_list": [{"userid": member["userid"]} for member in members if member["is_admin"]],
        "member_version": row["member_version"],
    }


def _as_member(row: sqlite3.Row, need_name: bool) -> dict[str, Any]:
    shown = {
        "userid": row["userid"],
        "type": row["kind"],
        "join_time": row["joined_at"] // SECOND,
        "join_scene": row["join_scene"],
        "group_nickname": row["nickname"],
    }
    if row["invitor"]:
        shown["invitor"] = {"userid": row["invitor"]}
    if need_name:
        shown["name"] = row["name"]
    optional = {"state": row["state"], "unionid": row["unionid"]}
    return shown | {name: value for name, value in optional.items() if value}


ENDPOINTS = {
    "externalcontact/groupchat/list": Endpoint(list_groups, post=True, contacts=True),
    "externalcontact/groupchat/get": Endpoint(get_group, post=True, contacts=True),
    "externalcontact/opengid_to_chatid": Endpoint(chat_id_of, post=True, contacts=True),
}
