"""The control API under /sandbox/: what WeCom does not have. For this machine only."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import chats, faults, handovers, rules, seeding, tickets, tokens
from app.sandbox.answers import WeComError
from app.sandbox.api import calls_seen, world_of
from app.sandbox.chats import NoSuchChat
from app.sandbox.clock import iso
from app.sandbox.control_input import Item, WrongInput, fault_of, items_of, text, whole
from app.sandbox.guard import refuse_strangers

control = Blueprint("control", __name__, url_prefix="/sandbox")

_COUNTED = {
    "people": "SELECT count(*) FROM person",
    "contacts": "SELECT count(*) FROM contact",
    "follows": "SELECT count(*) FROM follow",
    "messages": "SELECT count(*) FROM message",
    "delivered": "SELECT count(*) FROM delivery WHERE state = 'delivered'",
    "dropped": "SELECT count(*) FROM delivery WHERE state = 'dropped'",
    "chat_messages": "SELECT count(*) FROM chat_message",
    "faults": "SELECT count(*) FROM fault",
}

control.before_request(refuse_strangers)


@control.errorhandler(WrongInput)
def say_what_is_wrong(error: WrongInput) -> tuple[Response, int]:
    """400 with the place; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control.errorhandler(NoSuchChat)
def say_no_such_chat(error: NoSuchChat) -> tuple[Response, int]:
    """404: the two are not connected."""
    return jsonify(error=f"no chat with {error}"), 404


@control.put("/people")
def put_people() -> Response:
    """Add members or bring them up to date: a JSON array, or application/x-ndjson."""
    with world_of().store.writing() as connection:
        return jsonify(people=seeding.put_people(connection, _sent_items()))


@control.put("/contacts")
def put_contacts() -> Response:
    """Add customers or bring them up to date: a JSON array, or application/x-ndjson."""
    world = world_of()
    with world.store.writing() as connection:
        return jsonify(contacts=seeding.put_contacts(connection, _sent_items(), world.clock.now()))


@control.get("/messages")
def list_messages() -> Response:
    """App messages, per receiver, oldest first: ?userid=&after=<id>&limit= (default 500); dropped ones too."""
    with world_of().store.reading() as connection:
        rows = connection.execute(
            """SELECT delivery.id, delivery.userid, delivery.state, delivery.sent_at, message.msgid,
                      message.agent_id AS agentid, message.msgtype,
                      coalesce(card_now.body, message.body) AS body
               FROM delivery JOIN message ON message.id = delivery.message_id
               LEFT JOIN card_now ON card_now.delivery_id = delivery.id
               WHERE delivery.id > :after AND (:userid = '' OR delivery.userid = :userid)
               ORDER BY delivery.id LIMIT :limit""",
            {
                "userid": request.args.get("userid", ""),
                "after": request.args.get("after", 0, type=int),
                "limit": request.args.get("limit", 500, type=int),
            },
        )
        return jsonify(messages=[_as_message(row) for row in rows])


@control.get("/chats/<userid>/<external_userid>")
def show_chat(userid: str, external_userid: str) -> Response:
    """The messages of a chat, oldest first."""
    with world_of().store.reading() as connection:
        return jsonify(messages=chats.messages_of(connection, userid, external_userid))


@control.post("/chats/<userid>/<external_userid>")
def add_to_chat(userid: str, external_userid: str) -> Response:
    """Say something: {"from": "customer"|"associate", "msgtype": "text", "text": {"content": ...}}."""
    world, sent = world_of(), _sent_object()
    sender = sent.get("from", chats.CUSTOMER)
    if sender not in (chats.CUSTOMER, chats.ASSOCIATE):
        raise WrongInput("from: customer or associate")
    with world.store.writing() as connection:
        return jsonify(chats.append(connection, world.clock.now(), userid, external_userid, sender, sent))


@control.post("/clock")
def set_clock() -> Response:
    """Take an offset in microseconds as the sandbox's own; the same one twice changes nothing."""
    clock = world_of().clock
    clock.adopt(whole(_sent_object(), "offset_us"))
    handovers.catch_up(world_of())
    return jsonify(now=iso(clock.now()), offset_us=clock.offset)


@control.get("/state")
def show_state() -> Response:
    """Counts of everything, calls per path since the start, and the clock."""
    world = world_of()
    with world.store.reading() as connection:
        counts = {name: connection.execute(query).fetchone()[0] for name, query in _COUNTED.items()}
    now, offset = iso(world.clock.now()), world.clock.offset
    return jsonify(**counts, calls=dict(calls_seen()), now=now, offset_us=offset)


@control.get("/faults")
def show_faults() -> Response:
    """The faults still to come."""
    with world_of().store.reading() as connection:
        return jsonify(faults=[fault.as_dict() for fault in faults.planted(connection)])


@control.route("/faults", methods=["POST", "PUT"])
def plant_faults() -> Response:
    """POST adds faults behind those there, PUT replaces them; see control_input.fault_of."""
    with world_of().store.writing() as connection:
        if request.method == "PUT":
            connection.execute("DELETE FROM fault")
        for place, item in _sent_items():
            faults.plant(connection, fault_of(place, item))
    return show_faults()


@control.delete("/faults")
def clear_faults() -> Response:
    """No more faults."""
    with world_of().store.writing() as connection:
        connection.execute("DELETE FROM fault")
    return show_faults()


@control.put("/rules")
def put_rules() -> Response:
    """What the administrator set, by the names of rules.Rules; what is not named is as it was at first."""
    sent = _sent_object()
    try:
        wanted = rules.from_json(sent)
    except TypeError as error:
        raise WrongInput(str(error)) from None
    with world_of().store.writing() as connection:
        rules.put(connection, wanted)
    return jsonify(sent)


@control.delete("/tokens")
def revoke_tokens() -> Response:
    """Make every access token invalid before its time (40014), as WeCom may (facts 2.1)."""
    with world_of().store.writing() as connection:
        return jsonify(revoked=tokens.revoke_all(connection))


@control.post("/tokens/expire")
def expire_tokens() -> Response:
    """End every access token before its time, as if its two hours were over (42001)."""
    world = world_of()
    with world.store.writing() as connection:
        return jsonify(expired=tokens.expire_all(connection, world.clock.real_now()))


@control.post("/verify-signature")
def verify_signature() -> Response:
    """What the WeCom client asks before it lets a page in: {kind: corp|agent, url, timestamp, nonceStr,
    signature, corpid?, agentid?}. Answers {errcode, errmsg}: 0, 40013, 40056 or 40093 (facts 3.1)."""
    sent = _sent_object()
    try:
        _check_signature(sent)
    except WeComError as error:
        return jsonify(errcode=error.code, errmsg=str(error.detail))
    return jsonify(errcode=0, errmsg="ok")


def _check_signature(sent: Item) -> None:
    settings = world_of().settings
    kind = sent.get("kind")
    if kind not in ("corp", "agent"):
        raise WrongInput("kind: corp or agent")
    if sent.get("corpid") not in (None, settings.corp_id):
        raise WeComError(40013, "invalid corpId")
    agent_id = str(sent.get("agentid") or settings.apps[0].agent_id)
    if not agent_id.isdigit() or settings.app_of_agent(int(agent_id)) is None:
        raise WeComError(40056, "invalid agentid")
    signed = {"timestamp": str(sent.get("timestamp", ""))}
    signed |= {name: text("", sent, name) for name in ("url", "nonceStr", "signature")}
    if not tickets.is_signed(world_of(), kind, int(agent_id), signed):
        raise WeComError(40093, "invalid signature")


def _sent_items() -> Any:
    return items_of(request.stream, request.mimetype == "application/x-ndjson")


def _sent_object() -> Item:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent


def _as_message(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "body": json.loads(row["body"]), "sent_at": iso(row["sent_at"])}
