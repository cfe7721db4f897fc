"""What a member does on their phone beside talking: add and delete customers, press cards, send what waits."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import graph, group_send_tasks, hosts, moment_tasks, presses, relations, scanning, workbench
from app.sandbox.answers import WeComError
from app.sandbox.api import world_of
from app.sandbox.control_input import Item, WrongInput
from app.sandbox.graph import Outcome
from app.sandbox.group_send_tasks import NothingToConfirm
from app.sandbox.guard import refuse_strangers
from app.sandbox.phone import userid_of_phone
from app.sandbox.relations import GraphRefused

phone_work = Blueprint("phone_work", __name__, url_prefix="/phone")

phone_work.before_request(refuse_strangers)

BY_SEARCH = 2  # an add_way: 搜索手机号 (facts 3.4)


@phone_work.errorhandler(GraphRefused)
def say_refused(error: GraphRefused) -> tuple[Response, int]:
    """409: WeCom would not let it happen; the message is Chinese."""
    return jsonify(error=str(error)), 409


@phone_work.errorhandler(NothingToConfirm)
def say_nothing_to_confirm(_: NothingToConfirm) -> tuple[Response, int]:
    """409: done or cancelled meanwhile."""
    return jsonify(error="这一条已经发过或被取消了"), 409


@phone_work.errorhandler(WrongInput)
def say_wrong(error: WrongInput) -> tuple[Response, int]:
    """400: what was sent is no such thing."""
    return jsonify(error=f"不对：{error}"), 400


@phone_work.errorhandler(WeComError)
def say_dead_card(error: WeComError) -> tuple[Response, int]:
    """409: the card has no such button any more."""
    return jsonify(error=f"这张卡片点不了（{error.code}）"), 409


@phone_work.get("/newcomers")
def list_newcomers() -> Response:
    """Customers to be accepted."""
    with world_of().store.reading() as connection:
        return jsonify(newcomers=workbench.newcomers_of(connection, userid_of_phone(connection)))


@phone_work.post("/newcomers/<external_userid>/accept")
def accept(external_userid: str) -> Response:
    """Accept a request, or confirm who added the member without asking."""
    world = world_of()
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        met = graph.accept_half(connection, world, world.clock.now(), userid, external_userid)
    return jsonify(outcome=met.outcome)


@phone_work.post("/customers")
def add_customer() -> Response:
    """Add a customer directly: {"customer": an external_userid or a new person's name}; they agree at once."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        customer = relations.meet_customer(connection, str(sent.get("customer", "")))
        now = world.clock.now()
        met = graph.add(connection, world, now, userid, customer, add_way=BY_SEARCH, by_associate=True)
    if met.outcome is Outcome.KNOWN:
        raise GraphRefused("对方已经是你的客户")
    return jsonify(external_userid=customer)


@phone_work.post("/customers/<external_userid>/delete")
def delete_customer(external_userid: str) -> Response:
    """The member deletes the customer."""
    world = world_of()
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        graph.delete_by_associate(connection, world.clock.now(), userid, external_userid)
    return jsonify(deleted=True)


@phone_work.post("/customers/<external_userid>/leave")
def be_deleted(external_userid: str) -> Response:
    """The customer deletes the member."""
    world = world_of()
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        graph.delete_by_customer(connection, world.clock.now(), userid, external_userid)
    return jsonify(deleted=True)


@phone_work.post("/scan")
def scan() -> Response:
    """A customer scans a contact way: {"customer": id or new name, "code": id or address, "half"?: true}."""
    world, sent = world_of(), _sent()
    customer, code = str(sent.get("customer", "")), str(sent.get("code", ""))
    with world.store.writing() as connection:
        done = scanning.scan(connection, world, customer, code, half=bool(sent.get("half")))
    label = hosts.customer_label_of(done["external_userid"])
    return jsonify(**done, label=label)


@phone_work.get("/customers/<external_userid>")
def show_customer(external_userid: str) -> Response:
    """Where the customer's own phone is."""
    label = hosts.customer_label_of(external_userid)
    return jsonify(phone_url=f"http://{label}.{hosts.phone_domain(request.host)}/customer")


@phone_work.post("/messages/<int:message_id>/press")
def press(message_id: int) -> Response:
    """Press a card: {"event_key": ..., "selected"?: {question_key: [option ids]}}."""
    world, sent = world_of(), _sent()
    selected = sent.get("selected") or {}
    if not isinstance(selected, dict) or not all(isinstance(ids, list) for ids in selected.values()):
        raise WrongInput("selected: arrays of option ids by question key")
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        key, now = str(sent.get("event_key", "")), world.clock.now()
        presses.press(connection, world, now, userid, message_id, event_key=key, selected=selected)
    return jsonify(pressed=True)


@phone_work.get("/sends")
def list_sends() -> Response:
    """Group sends to confirm (群发助手)."""
    with world_of().store.reading() as connection:
        return jsonify(sends=workbench.sends_of(connection, userid_of_phone(connection)))


@phone_work.post("/sends/<msgid>")
def confirm_send(msgid: str) -> Response:
    """Send it: to all, or to {"chosen": [...]} where the order lets one choose. Answers {sent, failed}."""
    world, chosen = world_of(), _sent().get("chosen")
    if chosen is not None and not (isinstance(chosen, list) and all(isinstance(one, str) for one in chosen)):
        raise WrongInput("chosen: an array of ids")
    with world.store.writing() as connection:
        userid, now = userid_of_phone(connection), world.clock.now()
        return jsonify(group_send_tasks.confirm(connection, world, now, userid, msgid, chosen))


@phone_work.get("/moments")
def list_moments() -> Response:
    """Moments to publish (客户朋友圈)."""
    with world_of().store.reading() as connection:
        return jsonify(moments=workbench.moments_of(connection, userid_of_phone(connection)))


@phone_work.post("/moments/<moment_id>")
def publish_moment(moment_id: str) -> Response:
    """Publish it."""
    world = world_of()
    with world.store.writing() as connection:
        userid = userid_of_phone(connection)
        moment_tasks.confirm_moment(connection, world, world.clock.now(), userid, moment_id)
    return jsonify(published=True)


def _sent() -> Item:
    sent: Any = request.get_json(force=True, silent=True)
    return sent if isinstance(sent, dict) else {}
