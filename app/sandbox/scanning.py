"""Scanning contact ways (联系我): their QR codes, the list to choose from, and what a scan does, in words."""

from __future__ import annotations

import io
import sqlite3
from typing import Any

import segno
from flask import Blueprint, Response, jsonify, request

from app.sandbox import graph
from app.sandbox.api import world_of
from app.sandbox.calls import World
from app.sandbox.contact_way_store import Way, as_way
from app.sandbox.graph import Outcome
from app.sandbox.guard import refuse_strangers
from app.sandbox.people import find_person

scanning = Blueprint("scanning", __name__)

WAYS_SHOWN = 60

SENTENCES = {
    Outcome.ADDED: "已添加{name}，可以聊天了",
    Outcome.HALF: "已添加{name}，等对方通过",
    Outcome.ASKED: "好友申请已发给{name}，等对方通过",
    Outcome.KNOWN: "和{name}已经是好友，什么也没有发生",
    Outcome.TEMPORARY: "和{name}的临时会话已打开",
}


@scanning.get("/ways")
def list_ways() -> Response:
    """Contact ways to scan, the newest first: ?q= searches state, remark, members and id."""
    refuse_strangers()
    world = world_of()
    with world.store.reading() as connection:
        return jsonify(
            ways=ways_of(connection, world.clock.now(), request.args.get("q", "")), most=WAYS_SHOWN
        )


def picture_of(address: str) -> Response:
    """The QR code that says this address, as a picture."""
    picture = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(picture, kind="svg", scale=6, dark="#000", light="#fff", xmldecl=False)
    return Response(picture.getvalue(), mimetype="image/svg+xml")


def ways_of(connection: sqlite3.Connection, now: int, search: str) -> list[dict[str, Any]]:
    """The ways that still work, of every app."""
    rows = connection.execute(
        """SELECT * FROM contact_way WHERE config_id = :search OR body LIKE :like
           ORDER BY created_at DESC, config_id LIMIT :most""",
        {"search": search.strip(), "like": f"%{search.strip()}%", "most": WAYS_SHOWN},
    )
    ways = [as_way(row) for row in rows]
    return [_as_shown(connection, way) for way in ways if not 0 < way.expires_at <= now]


def scan(
    connection: sqlite3.Connection, world: World, customer: str, code: str, *, half: bool
) -> dict[str, Any]:
    """The customer (an id, or a new person's name) scans the code; who met whom, and a sentence for people.

    Raises GraphRefused where the code leads nowhere.
    """
    met = graph.scan(connection, world, world.clock.now(), customer, code, half=half)
    person = find_person(connection, met.userid)
    name = person["name"] if person else met.userid
    return {
        "outcome": met.outcome,
        "userid": met.userid,
        "external_userid": met.external_userid,
        "said": SENTENCES[met.outcome].format(name=name),
    }


def _as_shown(connection: sqlite3.Connection, way: Way) -> dict[str, Any]:
    people = [find_person(connection, userid) for userid in way.body["user"]]
    names = [person["name"] for person in people if person]
    return {
        "config_id": way.config_id,
        "state": way.body["state"],
        "remark": way.body.get("remark") or "",
        "members": "、".join(names) + (f" 等 {len(way.body['party'])} 个部门" if way.body["party"] else ""),
        "asks_first": not way.body["skip_verify"],
        "temporary": bool(way.body["is_temp"]),
    }
