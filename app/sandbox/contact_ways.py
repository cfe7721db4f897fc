"""Contact ways (联系我, facts 3.6): the API. What a scan does is graph.scan; rows are contact_way_store's.

A way is its app's own: with another app's token its config_id is unknown (41044).
"""

from __future__ import annotations

import json
import sqlite3

from flask import request

from app.sandbox import contact_way_input, graph_rules, scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, text_of, whole_number
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.contact_way_store import Way, as_way, close_temp, temp_chat_of
from app.sandbox.cursors import paged
from app.sandbox.people import get_person

DAY = 24 * HOUR
LISTED_SINCE = 90 * DAY
LISTED_DEFAULT, LISTED_MOST = 100, 1_000
TEMP_A_DAY = 100_000
BY_QR_CODE = 2


def add_contact_way(call: Call) -> Answer:
    """externalcontact/add_contact_way. The qr_code is given for scene 2 alone (facts 3.6).

    Raises 41037–41042 for type, scene, members and style, 40058 for a field of the wrong shape, 40098 and 41054
    for a member who may not be in one, 41045 above the cap, 48002 for a temporary chat of a corp not of medicine.
    """
    body = call.body()
    with call.world.store.writing() as connection:
        way = contact_way_input.read(connection, body)
        _check_room(connection, call.now, way)
        row = (way["config_id"], call.app.agent_id, call.now, way["is_temp"], _dumped(way))
        connection.execute("INSERT INTO contact_way VALUES (?, ?, ?, ?, ?)", row)
    shown = {"config_id": way["config_id"]}
    return ok(**shown, qr_code=_qr_code(way)) if way["scene"] == BY_QR_CODE else ok(**shown)


def get_contact_way(call: Call) -> Answer:
    """externalcontact/get_contact_way. Raises 41043 without config_id, 41044 for an unknown one."""
    wanted = text_of(call.body(), "config_id", 41043)
    with call.world.store.reading() as connection:
        way = _own(connection, call, wanted).body
    shown = {**way, "qr_code": _qr_code(way)} if way["scene"] == BY_QR_CODE else way
    return ok(contact_way=shown)


def list_contact_way(call: Call) -> Answer:
    """externalcontact/list_contact_way: ids of the lasting ways made within a time, 90 days back by default."""
    body = call.body() if call.raw_body.strip() else {}
    limit = min(LISTED_MOST, max(1, whole_number(body, "limit", LISTED_DEFAULT)))
    begin = whole_number(body, "start_time", (call.now - LISTED_SINCE) // SECOND)
    end = whole_number(body, "end_time", call.now // SECOND)
    if begin > end:
        raise WeComError(40058, "start_time")
    query = """SELECT config_id FROM contact_way WHERE agent_id = :agent AND NOT is_temp
               AND created_at >= :begin AND created_at < :end ORDER BY created_at, config_id"""
    values = {"agent": call.app.agent_id, "begin": begin * SECOND, "end": (end + 1) * SECOND}
    with call.world.store.reading() as connection:
        rows, cursor = paged(connection, query, values, body, limit)
    listed = ok(contact_way=[{"config_id": row["config_id"]} for row in rows])
    return {**listed, "next_cursor": cursor} if cursor else listed


def update_contact_way(call: Call) -> Answer:
    """externalcontact/update_contact_way: the fields given; user and party are replaced whole, type and scene stay."""
    body = call.body()
    wanted = text_of(body, "config_id", 41043)
    with call.world.store.writing() as connection:
        way = _own(connection, call, wanted).body
        changed = contact_way_input.changed(connection, way, body)
        connection.execute("UPDATE contact_way SET body = ? WHERE config_id = ?", (_dumped(changed), wanted))
    return ok()


def del_contact_way(call: Call) -> Answer:
    """externalcontact/del_contact_way: its QR code is dead from now on."""
    wanted = text_of(call.body(), "config_id", 41043)
    with call.world.store.writing() as connection:
        _own(connection, call, wanted)
        connection.execute("DELETE FROM contact_way_scan WHERE config_id = ?", (wanted,))
        connection.execute("DELETE FROM contact_way WHERE config_id = ?", (wanted,))
    return ok()


def close_temp_chat(call: Call) -> Answer:
    """externalcontact/close_temp_chat: it ends now, with its way's conclusions; 84061 where there is none."""
    body = call.body()
    userid, external_userid = text_of(body, "userid", 41009), text_of(body, "external_userid", 41035)
    with call.world.store.writing() as connection:
        get_person(connection, userid)
        scope.check(connection, userid, 60111)
        if temp_chat_of(connection, call.now, userid, external_userid) is None:
            raise WeComError(84061)
        close_temp(connection, call.now, userid, external_userid)
    return ok()


def _own(connection: sqlite3.Connection, call: Call, config_id: str) -> Way:
    row = connection.execute(
        "SELECT * FROM contact_way WHERE config_id = ? AND agent_id = ?", (config_id, call.app.agent_id)
    ).fetchone()
    if row is None:
        raise WeComError(41044)
    return as_way(row)


def _check_room(connection: sqlite3.Connection, now: int, way: Body) -> None:
    """Temporary ways do not count among the lasting ones, but have a number a day (facts 3.6)."""
    query = "SELECT count(*) FROM contact_way WHERE is_temp = ? AND created_at > ?"
    since, most = (now - DAY, TEMP_A_DAY) if way["is_temp"] else (0, graph_rules.of(connection).way_cap)
    if connection.execute(query, (way["is_temp"], since)).fetchone()[0] >= most:
        raise WeComError(41045)


def _qr_code(way: Body) -> str:
    """Where the code leads: a page of the sandbox, whose address is what the phone's scan screen takes."""
    return f"{request.host_url}qr/{way['config_id']}"


def _dumped(way: Body) -> str:
    return json.dumps(way, ensure_ascii=False)


ENDPOINTS = {
    "externalcontact/add_contact_way": Endpoint(add_contact_way, post=True, contacts=True),
    "externalcontact/get_contact_way": Endpoint(get_contact_way, post=True, contacts=True),
    "externalcontact/list_contact_way": Endpoint(list_contact_way, post=True, contacts=True),
    "externalcontact/update_contact_way": Endpoint(update_contact_way, post=True, contacts=True),
    "externalcontact/del_contact_way": Endpoint(del_contact_way, post=True, contacts=True),
    "externalcontact/close_temp_chat": Endpoint(close_temp_chat, post=True, contacts=True),
}
