"""The gateway of text messages over HTTP, what its administrator approved, and the pages on which messages are read and
answered."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request

from app.sandbox import faults, hosts
from app.sandbox.api import calls_seen, script_of, world_of
from app.sandbox.fault_answers import suffer
from app.sandbox.guard import refuse_strangers
from app.sandbox.sms_answers import LONGEST, Teller
from app.sandbox.sms_answers import answer as keep_answer
from app.sandbox.sms_gateway import FAILED, SmsRefused, answer, arrival_of

sms = Blueprint("sms", __name__)

SHOWN = 200
ARRIVED = {1: "等待回执", 2: "没有送达", 3: "已送达"}


@sms.post("/sms/")
def answer_call() -> Response:
    """Every call: planted faults first, by `sms/SendSms` or `sms/QuerySendDetails`."""
    world = world_of()
    path = f"sms/{request.form.get('Action', '')}"
    calls_seen()[path] += 1
    fault = script_of().strike(path, world.clock.now()) or faults.take(world.store, path)
    return (
        _answer()
        if fault is None
        else suffer(fault, _answer, lambda code: _refused(SmsRefused(f"isp.{code}")))
    )


@sms.get("/sms/")
def show() -> Response:
    """All messages, the latest first, with their numbers masked: those of members without a phone here, too."""
    refuse_strangers()
    return Response(
        render_template("sms.html", messages=_messages(None), chooser_url=hosts.chooser_url(request.host))
    )


@sms.post("/sms/<int:message_id>/answer")
def answer_for_anybody(message_id: int) -> Response:
    """Answer a message as whoever got it, who may have no phone here: {"words": ...}."""
    refuse_strangers()
    _answer_message(message_id, None)
    return jsonify(answered=True)


@sms.get("/customer/sms")
def list_own() -> Response:
    """The messages on this customer's phone, and what they answered, the latest first."""
    refuse_strangers()
    return jsonify(messages=_messages(hosts.customer_of(request.host) or ""))


@sms.post("/customer/sms/<int:message_id>")
def answer_own(message_id: int) -> Response:
    """Answer a message on this customer's phone: {"words": ...}."""
    refuse_strangers()
    _answer_message(message_id, hosts.customer_of(request.host) or "")
    return jsonify(answered=True)


@sms.get("/sandbox/sms/messages")
def list_messages() -> Response:
    """For tests: what was sent to a number, in order: ?number=."""
    refuse_strangers()
    with world_of().store.reading() as connection:
        rows = connection.execute(
            "SELECT * FROM sms_message WHERE number = ? ORDER BY id", (request.args.get("number", ""),)
        ).fetchall()
    return jsonify(messages=[{name: row[name] for name in ("content", "out_id", "template")} for row in rows])


@sms.put("/sandbox/sms/approved")
def approve() -> tuple[Response, int]:
    """Signature and templates: {"sign": ..., "templates": [{"code", "content" with ${name}, "marketing"?}]}."""
    refuse_strangers()
    sent: Any = request.get_json(force=True, silent=True) or {}
    try:
        rows = [(one["code"], one["content"], int(bool(one.get("marketing")))) for one in sent["templates"]]
        sign = str(sent["sign"])
    except (KeyError, TypeError):
        return jsonify(error="sign, and templates with code and content"), 400
    with world_of().store.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO sms_sign VALUES (?)", (sign,))
        connection.executemany("INSERT OR REPLACE INTO sms_template VALUES (?, ?, ?)", rows)
    return jsonify(templates=len(rows)), 200


@sms.put("/sandbox/sms_numbers")
def put_numbers() -> tuple[Response, int]:
    """Whose phone a number rings: [{"external_userid", "number"}]."""
    refuse_strangers()
    sent: Any = request.get_json(force=True, silent=True) or []
    try:
        rows = [(one["external_userid"], str(one["number"])) for one in sent]
    except (KeyError, TypeError):
        return jsonify(error="external_userid and number"), 400
    with world_of().store.writing() as connection:
        connection.executemany("INSERT OR REPLACE INTO sms_number VALUES (?, ?)", rows)
    return jsonify(sms_numbers=len(rows)), 200


def _answer() -> Response:
    try:
        return _json(answer(world_of(), request.form))
    except SmsRefused as error:
        return _refused(error)


def _refused(error: SmsRefused) -> Response:
    return _json({"Code": error.code, "Message": error.code, "RequestId": "-"}, error.status)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status=status, mimetype="application/json")


def _answer_message(message_id: int, external_userid: str | None) -> None:
    """As the customer, or as whoever has the number; 404 for a message that never reached them, 400 without words."""
    world, sent = world_of(), request.get_json(force=True, silent=True)
    words = str(sent.get("words") or "") if isinstance(sent, dict) else ""
    with world.store.writing() as connection:
        found = _of(connection, "sms_message", external_userid, message_id)
        if not found or arrival_of(found[0], world.clock.now()) == FAILED:
            abort(404)
        if not 0 < len(words.strip()) <= LONGEST:
            abort(400)
        keep_answer(connection, found[0], words.strip(), world.clock.now())
    teller: Teller = current_app.extensions["sandbox_sms_answers"]
    teller.wake()


def _messages(external_userid: str | None) -> list[dict[str, Any]]:
    """What came and what was answered, the latest first."""
    world = world_of()
    with world.store.reading() as connection:
        came = _of(connection, "sms_message", external_userid)
        answered = _of(connection, "sms_answer", external_userid)
    now = world.clock.now()
    shown = [_shown(row, now) for row in came if external_userid is None or arrival_of(row, now) != FAILED]
    shown += [_shown_answer(row) for row in answered]
    return sorted(shown, key=lambda one: (-one["sent_ms"], not one["mine"]))[:SHOWN]


def _of(
    connection: sqlite3.Connection, table: str, external_userid: str | None, row_id: int | None = None
) -> list[sqlite3.Row]:
    """The newest rows of a customer's number, or of all; with an id that row alone."""
    query = f"SELECT {table}.* FROM {table}"  # noqa: S608 - a name of ours
    wanted = ["id = :id"] if row_id is not None else []
    if external_userid is not None:
        query += " JOIN sms_number USING (number)"
        wanted.append("external_userid = :me")
    query += f" WHERE {' AND '.join(wanted)}" if wanted else ""
    asked = {"me": external_userid, "id": row_id, "most": SHOWN}
    return connection.execute(f"{query} ORDER BY id DESC LIMIT :most", asked).fetchall()


def _shown(row: sqlite3.Row, now: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "mine": False,
        "number": _masked(row),
        "content": row["content"],
        "arrival": ARRIVED[arrival_of(row, now)],
        "sent_ms": row["sent_at"] // 1_000,
    }


def _shown_answer(row: sqlite3.Row) -> dict[str, Any]:
    waits = "还没告知店伴" if row["due_at"] is not None or row["tries"] == 0 else "没能告知店伴"
    return {
        "id": row["id"],
        "mine": True,
        "number": _masked(row),
        "content": row["content"],
        "arrival": "已告知店伴" if row["told"] else waits,
        "sent_ms": row["answered_at"] // 1_000,
    }


def _masked(row: sqlite3.Row) -> str:
    return f"{row['number'][:3]}****{row['number'][-4:]}"
