"""The gateway of text messages over HTTP, what its administrator approved, and the page on which messages are read."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.sandbox import faults, hosts
from app.sandbox.api import calls_seen, script_of, world_of
from app.sandbox.fault_answers import suffer
from app.sandbox.guard import refuse_strangers
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


@sms.get("/customer/sms")
def list_own() -> Response:
    """The messages on this customer's phone, the latest first."""
    refuse_strangers()
    return jsonify(messages=_messages(hosts.customer_of(request.host) or ""))


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


def _messages(external_userid: str | None) -> list[dict[str, Any]]:
    world = world_of()
    query = "SELECT sms_message.* FROM sms_message"
    if external_userid is not None:
        query += " JOIN sms_number USING (number) WHERE external_userid = :me"
    with world.store.reading() as connection:
        found = connection.execute(
            f"{query} ORDER BY id DESC LIMIT {SHOWN}", {"me": external_userid}
        ).fetchall()
    now = world.clock.now()
    return [_shown(row, now) for row in found if external_userid is None or arrival_of(row, now) != FAILED]


def _shown(row: sqlite3.Row, now: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "number": f"{row['number'][:3]}****{row['number'][-4:]}",
        "content": row["content"],
        "arrival": ARRIVED[arrival_of(row, now)],
        "sent_ms": row["sent_at"] // 1_000,
    }
