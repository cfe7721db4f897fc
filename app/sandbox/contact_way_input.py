"""What add_contact_way and update_contact_way are sent, checked (facts 3.6)."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any

from app.sandbox import graph_rules, scope
from app.sandbox.answers import WeComError
from app.sandbox.attachments import check_bytes
from app.sandbox.calls import Body, list_of, object_of, optional_text, whole_number
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.contact_way_store import ACTIVE, members_of
from app.sandbox.people import get_person

SINGLE, MULTI = 1, 2
MINI_PROGRAM, QR_CODE = 1, 2
STYLES = (1, 2, 3)
MEMBERS_MOST = 100
LONGEST = 30  # of remark and state, characters
CONCLUSION_BYTES = 4_000
DAY_S = 24 * HOUR // SECOND
CODE_DEFAULT_S, CHAT_DEFAULT_S, TEMP_MOST_S = 7 * DAY_S, DAY_S, 14 * DAY_S


def read(connection: sqlite3.Connection, body: Body) -> Body:
    """A new way with a config_id of its own and the defaults of what was not said."""
    kind = _choice(body, "type", (SINGLE, MULTI), missing=41037, wrong=41039)
    scene = _choice(body, "scene", (MINI_PROGRAM, QR_CODE), missing=41038, wrong=41040)
    way: Body = {
        "config_id": secrets.token_hex(16),
        "type": kind,
        "scene": scene,
        "style": 0,
        "remark": "",
        "skip_verify": True,
        "state": "",
        "user": [],
        "party": [],
        "is_temp": _flag(body, "is_temp", False),
        "is_exclusive": _flag(body, "is_exclusive", False),
    }
    if way["is_temp"]:
        _check_temp_allowed(connection, kind)
        way |= {"expires_in": CODE_DEFAULT_S, "chat_expires_in": CHAT_DEFAULT_S, "unionid": ""}
    filled = _filled(way, body)
    _check_members(connection, filled)
    return filled


def changed(connection: sqlite3.Connection, way: Body, body: Body) -> Body:
    """The way with the fields given; type, scene and is_temp stay what they are."""
    filled = _filled(way, body)
    if "user" in body or "party" in body:
        _check_members(connection, filled)
    return filled


def _filled(way: Body, body: Body) -> Body:
    filled = dict(way)
    for name in ("remark", "state"):
        said = optional_text(body, name, LONGEST)
        filled[name] = way[name] if said is None else said
    filled["style"] = _style(body, way)
    filled["skip_verify"] = _flag(body, "skip_verify", way["skip_verify"])
    filled["is_exclusive"] = _flag(body, "is_exclusive", way["is_exclusive"])
    if "user" in body:
        filled["user"] = _strings(body, "user")
    if "party" in body and way["type"] == MULTI:
        filled["party"] = _numbers(body, "party")
    return _with_temp(filled, body) if way["is_temp"] else filled


def _with_temp(way: Body, body: Body) -> Body:
    """expires_in and chat_expires_in up to 14 days; conclusions in temporary chats alone."""
    filled = dict(way)
    for name in ("expires_in", "chat_expires_in"):
        filled[name] = whole_number(body, name, way[name])
        if not 1 <= filled[name] <= TEMP_MOST_S:
            raise WeComError(40058, name)
    filled["unionid"] = optional_text(body, "unionid") or way["unionid"]
    if body.get("conclusions") is not None:
        conclusions = object_of(body, "conclusions")
        if conclusions.get("text") is not None:
            content = optional_text(object_of(conclusions, "text"), "content")
            check_bytes(content, "conclusions.text.content", CONCLUSION_BYTES)
        filled["conclusions"] = conclusions
    return filled


def _check_temp_allowed(connection: sqlite3.Connection, kind: int) -> None:
    if not graph_rules.of(connection).temp_chats:
        raise WeComError(48002, "temporary chats are for corps of medicine")
    if kind != SINGLE:
        raise WeComError(41039, "a temporary chat is with one member")


def _check_members(connection: sqlite3.Connection, way: Body) -> None:
    """Members who exist in scope (60111, 60011), are active (41054), real-named (40098), at most 100 (41041)."""
    users = way["user"]
    if way["type"] == SINGLE and len(users) != 1:
        raise WeComError(41041 if users else 40058, "user: exactly one")
    for userid in users:
        _check_member(connection, userid)
    members = members_of(connection, users, way["party"])
    if not members:
        raise WeComError(40058, "user and party")
    if len(members) > MEMBERS_MOST:
        raise WeComError(41041)


def _check_member(connection: sqlite3.Connection, userid: str) -> None:
    person = get_person(connection, userid)
    scope.check(connection, userid)
    if person["status"] != ACTIVE or not person["contacts_enabled"]:
        raise WeComError(41054)
    if not graph_rules.switches_of(connection, userid).real_named:
        raise WeComError(40098)


def _style(body: Body, way: Body) -> int:
    style = whole_number(body, "style", way["style"])
    if way["scene"] == MINI_PROGRAM and "style" in body and style not in STYLES:
        raise WeComError(41042)
    return style


def _choice(body: Body, name: str, allowed: tuple[int, ...], *, missing: int, wrong: int) -> int:
    if body.get(name) is None:
        raise WeComError(missing)
    value = body[name]
    if isinstance(value, bool) or value not in allowed:
        raise WeComError(wrong)
    return int(value)


def _flag(body: Body, name: str, default: bool) -> bool:
    value: Any = body.get(name, default)
    if not isinstance(value, bool):
        raise WeComError(40058, name)
    return value


def _strings(body: Body, name: str) -> list[str]:
    values = list_of(body, name, MEMBERS_MOST, 41041)
    if not all(isinstance(value, str) and value for value in values):
        raise WeComError(40058, name)
    return values


def _numbers(body: Body, name: str) -> list[int]:
    values = list_of(body, name, MEMBERS_MOST, 41041)
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise WeComError(40058, name)
    return values
