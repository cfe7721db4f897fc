"""Customers (外部联系人) and the members who follow them (facts 3.4).

A half relation is none for the API; followers outside the app's scope are not shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sqlite3
from typing import Any

from app.sandbox import graph_rules, media, relations, rules, scope, tag_store
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, optional_text, text_of, whole_number
from app.sandbox.people import get_person

FOLLOWERS_A_PAGE = 500
BATCH_MOST = 100
BATCH_DEFAULT = 50
WECHAT = 1


def get_follow_user_list(call: Call) -> Answer:
    """externalcontact/get_follow_user_list: members for whom 客户联系 is switched on, of those in scope (facts 3.4)."""
    with call.world.store.reading() as connection:
        rows = connection.execute(
            "SELECT userid FROM person WHERE contacts_enabled AND status = 1 ORDER BY userid"
        ).fetchall()
        return ok(follow_user=[row["userid"] for row in rows if scope.sees(connection, row["userid"])])


def list_contacts(call: Call) -> Answer:
    """externalcontact/list: the ids of a member's customers.

    A member without any gets 84061, not an empty list (facts 3.4, 10.7). 60111 for one out of scope.
    """
    userid = call.arg("userid", 41009)
    with call.world.store.reading() as connection:
        get_person(connection, userid)
        scope.check(connection, userid, 60111)
        rows = connection.execute(
            """SELECT external_userid FROM follow WHERE userid = ? AND stage != 'half'
               ORDER BY createtime, external_userid""",
            (userid,),
        )
        ids = [row["external_userid"] for row in rows]
    if not ids:
        raise WeComError(84061)
    return ok(external_userid=ids)


def get_contact(call: Call) -> Answer:
    """externalcontact/get: a customer and who follows it, 500 followers a page.

    Raises 41035 without an id, 40096 for an unknown one or one whose followers are all out of scope, 84061 when
    nobody follows it.
    """
    external_userid = call.arg("external_userid", 41035)
    after = _decode_cursor(call.args.get("cursor", ""), 1)
    with call.world.store.reading() as connection:
        contact = _get_external(connection, external_userid)
        rows = _followers(connection, external_userid, after[0])
        page = [row for row in rows[:FOLLOWERS_A_PAGE] if scope.sees(connection, row["userid"])]
        shown = [_as_follower(connection, row) for row in page]
    if not page and not call.args.get("cursor"):
        raise WeComError(40096 if rows else 84061)
    answer = ok(external_contact=contact, follow_user=shown)
    if len(rows) > FOLLOWERS_A_PAGE:
        answer["next_cursor"] = _encode_cursor([rows[FOLLOWERS_A_PAGE - 1]["userid"]])
    return answer


def batch_by_user(call: Call) -> Answer:
    """externalcontact/batch/get_by_user: customers with their one follow_info, paged by cursor.

    `userid_list` of 1 to 100 (else 40058, 40031); `limit` above 100 counts as 100 (facts 3.4). Members without
    an interface licence are named instead; 701008 when nobody has one.
    """
    body = call.body()
    limit = min(BATCH_MOST, max(1, whole_number(body, "limit", BATCH_DEFAULT)))
    after = _decode_cursor(optional_text(body, "cursor") or "", 2)
    with call.world.store.reading() as connection:
        licensed, unlicensed = _licensed(connection, _userid_list(body))
        rows = _follows_of(connection, licensed, after, limit + 1)
        page = [_as_pair(connection, row) for row in rows[:limit]]
    cursor = [rows[limit - 1]["userid"], rows[limit - 1]["external_userid"]] if len(rows) > limit else []
    return ok(
        external_contact_list=page,
        next_cursor=_encode_cursor(cursor) if cursor else "",
        fail_info={"unlicensed_userid_list": unlicensed},
    )


def convert_to_openid(call: Call) -> Answer:
    """externalcontact/convert_to_openid: the openid of a WeChat customer, the same for ever (facts 3.15).

    Raises 41035, 40096 for an unknown customer or one of WeCom, 84061 when nobody follows it.
    """
    external_userid = text_of(call.body(), "external_userid", 41035)
    with call.world.store.reading() as connection:
        contact = _get_external(connection, external_userid)
        if contact["type"] != WECHAT:
            raise WeComError(40096)
        if not _followers(connection, external_userid, ""):
            raise WeComError(84061)
    known = f"{call.world.settings.corp_id}/{external_userid}".encode()
    return ok(openid=f"o{hashlib.sha256(known).hexdigest()[:27]}")


def unionid_to_external_userid(_call: Call) -> Answer:
    """externalcontact/unionid_to_external_userid is documented for providers' apps alone (facts 3.15): 48002."""
    raise WeComError(48002)


def remark(call: Call) -> Answer:
    """externalcontact/remark: what a member notes of a customer; at least one note (facts 3.4)."""
    body = call.body()
    userid = text_of(body, "userid", 41009)
    external_userid = text_of(body, "external_userid", 41035)
    notes = _notes_of(body)
    with call.world.store.writing() as connection:
        get_person(connection, userid)
        scope.check(connection, userid, 60111)
        _get_external(connection, external_userid)
        row = relations.get_relation(connection, userid, external_userid)
        if body.get("remark_pic_mediaid"):
            media.check(connection, call.now, text_of(body, "remark_pic_mediaid"), "media", "image")
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
        given["remark_mobiles"] = json.dumps(_mobiles_of(body))
    if not given and not body.get("remark_pic_mediaid"):
        raise WeComError(40058, "nothing to remark")
    return given


def _mobiles_of(body: Body) -> list[str]:
    """They replace those there were; "" and [""] both clear them: the document leaves open which (facts 9.7)."""
    if body["remark_mobiles"] == "":
        return []
    return [str(mobile) for mobile in list_of(body, "remark_mobiles", 5, 40058) if mobile]


def _licensed(connection: sqlite3.Connection, users: list[str]) -> tuple[list[str], list[str]]:
    for userid in users:
        get_person(connection, userid)
        scope.check(connection, userid, 60111)
    without = {userid.lower() for userid in rules.of(connection).unlicensed}
    licensed = [userid for userid in users if userid.lower() not in without]
    unlicensed = [userid for userid in users if userid.lower() in without]
    if not licensed:
        raise WeComError(701008)
    return licensed, unlicensed


def _userid_list(body: Body) -> list[str]:
    users = list_of(body, "userid_list", BATCH_MOST, 40031)
    if not users or not all(isinstance(user, str) and user for user in users):
        raise WeComError(40058, "userid_list")
    return users


def _follows_of(
    connection: sqlite3.Connection, users: list[str], after: list[str], limit: int
) -> list[sqlite3.Row]:
    return connection.execute(
        """SELECT * FROM followed WHERE userid IN (SELECT value FROM json_each(?)) AND stage != 'half'
           AND (userid, external_userid) > (?, ?) ORDER BY userid, external_userid LIMIT ?""",
        (json.dumps(users), after[0], after[1], limit),
    ).fetchall()


def _followers(connection: sqlite3.Connection, external_userid: str, after: str) -> list[sqlite3.Row]:
    return connection.execute(
        """SELECT * FROM followed WHERE external_userid = ? AND userid > ? AND stage != 'half'
           ORDER BY userid LIMIT ?""",
        (external_userid, after, FOLLOWERS_A_PAGE + 1),
    ).fetchall()


def _get_external(connection: sqlite3.Connection, external_userid: str) -> dict[str, Any]:
    row = connection.execute("SELECT * FROM contact WHERE external_userid = ?", (external_userid,)).fetchone()
    if row is None:
        raise WeComError(40096)
    return _as_external(connection, row)


def _as_external(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    """unionid only of WeChat contacts and only once a developer account is bound; the corp's fields only of
    WeCom contacts (facts 3.4)."""
    contact = {
        "external_userid": row["external_userid"],
        "name": row["name"],
        "avatar": row["avatar"],
        "type": row["kind"],
        "gender": row["gender"],
    }
    if row["kind"] != WECHAT:
        corp = {"corp_name": row["corp_name"], "corp_full_name": row["corp_name"]}
        return {**contact, "position": row["position"], **corp, "external_profile": {"external_attr": []}}
    if row["unionid"] and graph_rules.of(connection).unionid_bound:
        contact["unionid"] = row["unionid"]
    return contact


def _as_pair(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    marks = tag_store.marks_of(connection, row["userid"], row["external_userid"])
    tag_ids = [mark["tag_id"] for mark in marks if "tag_id" in mark]
    return {
        "external_contact": _as_external(connection, row),
        "follow_info": {**_as_follow(row), "tag_id": tag_ids},
    }


def _as_follower(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {**_as_follow(row), "tags": tag_store.marks_of(connection, row["userid"], row["external_userid"])}


def _as_follow(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "userid": row["userid"],
        "remark": row["remark"],
        "description": row["description"],
        "createtime": row["createtime"],
        "remark_corp_name": row["remark_company"],
        "remark_mobiles": json.loads(row["remark_mobiles"]),
        "oper_userid": row["oper_userid"],
        "add_way": row["add_way"],
        "state": row["state"],
    }


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
    "externalcontact/get_follow_user_list": Endpoint(
        get_follow_user_list, contacts=True, lists=("follow_user",)
    ),
    "externalcontact/list": Endpoint(list_contacts, contacts=True, lists=("external_userid",)),
    "externalcontact/get": Endpoint(get_contact, contacts=True, lists=("follow_user",)),
    "externalcontact/batch/get_by_user": Endpoint(
        batch_by_user, post=True, contacts=True, lists=("external_contact_list",)
    ),
    "externalcontact/remark": Endpoint(remark, post=True, contacts=True),
    "externalcontact/convert_to_openid": Endpoint(convert_to_openid, post=True, contacts=True),
    "externalcontact/unionid_to_external_userid": Endpoint(
        unionid_to_external_userid, post=True, contacts=True
    ),
    "idconvert/unionid_to_external_userid": Endpoint(unionid_to_external_userid, post=True),
}
