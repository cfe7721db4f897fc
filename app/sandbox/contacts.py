"""Customers (外部联系人) and the members who follow them (facts 3.4)."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from typing import Any

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, optional_text, text_of, whole_number
from app.sandbox.people import get_person

FOLLOWERS_A_PAGE = 500
BATCH_MOST = 100
BATCH_DEFAULT = 50


def list_contacts(call: Call) -> Answer:
    """externalcontact/list: the ids of a member's customers.

    A member without any gets 84061, not an empty list (facts 3.4, 10.7).
    """
    userid = call.arg("userid", 41009)
    with call.world.store.reading() as connection:
        get_person(connection, userid)
        rows = connection.execute(
            "SELECT external_userid FROM follow WHERE userid = ? ORDER BY createtime, external_userid",
            (userid,),
        )
        ids = [row["external_userid"] for row in rows]
    if not ids:
        raise WeComError(84061, external_userid=[])
    return ok(external_userid=ids)


def get_contact(call: Call) -> Answer:
    """externalcontact/get: a customer and who follows it, 500 followers a page.

    Raises 41035 without an id, 40096 for an unknown one, 84061 when nobody follows it.
    """
    external_userid = call.arg("external_userid", 41035)
    after = _decode_cursor(call.args.get("cursor", ""), 1)
    with call.world.store.reading() as connection:
        contact = _get_external(connection, external_userid)
        rows = connection.execute(
            "SELECT * FROM followed WHERE external_userid = ? AND userid > ? ORDER BY userid LIMIT ?",
            (external_userid, after[0], FOLLOWERS_A_PAGE + 1),
        ).fetchall()
    if not rows and not call.args.get("cursor"):
        raise WeComError(84061, follow_user=[])
    answer = ok(external_contact=contact, follow_user=[_as_follower(row) for row in rows[:FOLLOWERS_A_PAGE]])
    if len(rows) > FOLLOWERS_A_PAGE:
        answer["next_cursor"] = _encode_cursor([rows[FOLLOWERS_A_PAGE - 1]["userid"]])
    return answer


def batch_by_user(call: Call) -> Answer:
    """externalcontact/batch/get_by_user: customers with their one follow_info, paged by cursor.

    `userid_list` of 1 to 100 (else 40058, 40031); `limit` above 100 counts as 100 (facts 3.4).
    """
    body = call.body()
    users = _userid_list(body)
    limit = min(BATCH_MOST, max(1, whole_number(body, "limit", BATCH_DEFAULT)))
    after = _decode_cursor(optional_text(body, "cursor") or "", 2)
    with call.world.store.reading() as connection:
        for userid in users:
            get_person(connection, userid)
        rows = _follows_of(connection, users, after, limit + 1)
    page = rows[:limit]
    cursor = [page[-1]["userid"], page[-1]["external_userid"]] if len(rows) > limit else []
    return ok(
        external_contact_list=[
            {"external_contact": _as_external(row), "follow_info": _as_follow_info(row)} for row in page
        ],
        next_cursor=_encode_cursor(cursor) if cursor else "",
        fail_info={"unlicensed_userid_list": []},
    )


def remark(call: Call) -> Answer:
    """externalcontact/remark: what a member notes of a customer; at least one note (facts 3.4)."""
    body = call.body()
    userid = text_of(body, "userid", 41009)
    external_userid = text_of(body, "external_userid", 41035)
    notes = _notes_of(body)
    with call.world.store.writing() as connection:
        get_person(connection, userid)
        _get_external(connection, external_userid)
        row = connection.execute(
            "SELECT * FROM follow WHERE userid = ? AND external_userid = ?", (userid, external_userid)
        ).fetchone()
        if row is None:
            raise WeComError(84061)
        connection.execute(
            """UPDATE follow SET remark = :remark, description = :description, remark_company = :remark_company,
                   remark_mobiles = :remark_mobiles WHERE userid = :userid AND external_userid = :external_userid""",
            {**dict(row), **notes},
        )
    return ok()


def _notes_of(body: Body) -> dict[str, str]:
    notes = {
        "remark": optional_text(body, "remark", 20),
        "description": optional_text(body, "description", 150),
        "remark_company": optional_text(body, "remark_company", 20),
    }
    given = {name: value for name, value in notes.items() if value is not None}
    if "remark_mobiles" in body:
        mobiles = list_of(body, "remark_mobiles", 5, 40058)
        given["remark_mobiles"] = json.dumps([str(mobile) for mobile in mobiles if mobile])
    if not given:
        raise WeComError(40058, "nothing to remark")
    return given


def _userid_list(body: Body) -> list[str]:
    users = list_of(body, "userid_list", BATCH_MOST, 40031)
    if not users or not all(isinstance(user, str) and user for user in users):
        raise WeComError(40058, "userid_list")
    return users


def _follows_of(
    connection: sqlite3.Connection, users: list[str], after: list[str], limit: int
) -> list[sqlite3.Row]:
    return connection.execute(
        """SELECT * FROM followed WHERE userid IN (SELECT value FROM json_each(?))
           AND (userid, external_userid) > (?, ?) ORDER BY userid, external_userid LIMIT ?""",
        (json.dumps(users), after[0], after[1], limit),
    ).fetchall()


def _get_external(connection: sqlite3.Connection, external_userid: str) -> dict[str, Any]:
    row = connection.execute("SELECT * FROM contact WHERE external_userid = ?", (external_userid,)).fetchone()
    if row is None:
        raise WeComError(40096)
    return _as_external(row)


def _as_external(row: sqlite3.Row) -> dict[str, Any]:
    """WeCom leaves unionid out until a developer id is bound (facts 7.5)."""
    contact = {
        "external_userid": row["external_userid"],
        "name": row["name"],
        "avatar": row["avatar"],
        "type": row["kind"],
        "gender": 0,
    }
    if row["unionid"]:
        contact["unionid"] = row["unionid"]
    return contact


def _as_follow_info(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "userid": row["userid"],
        "remark": row["remark"],
        "description": row["description"],
        "createtime": row["createtime"],
        "tag_id": [],
        "remark_corp_name": row["remark_company"],
        "remark_mobiles": json.loads(row["remark_mobiles"]),
        "oper_userid": row["external_userid"],
        "add_way": row["add_way"],
        "state": row["state"],
    }


def _as_follower(row: sqlite3.Row) -> dict[str, Any]:
    info = _as_follow_info(row)
    del info["tag_id"]
    return {**info, "tags": []}


def _encode_cursor(key: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode_cursor(cursor: str, parts: int) -> list[str]:
    if not cursor:
        return [""] * parts
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError):
        raise WeComError(40058, "cursor") from None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise WeComError(40058, "cursor")
    return key


ENDPOINTS = {
    "externalcontact/list": Endpoint(list_contacts, contacts=True),
    "externalcontact/get": Endpoint(get_contact, contacts=True),
    "externalcontact/batch/get_by_user": Endpoint(batch_by_user, post=True, contacts=True),
    "externalcontact/remark": Endpoint(remark, post=True, contacts=True),
}
