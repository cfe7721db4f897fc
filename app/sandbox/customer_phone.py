"""A customer's own phone (their WeChat), which is a host too: chats with several members, moments, scanning."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import chats, customer_inbox, graph, handovers, hosts, moment_tasks, scanning
from app.sandbox.api import world_of
from app.sandbox.chats import NoSuchChat
from app.sandbox.control_input import Item, WrongInput
from app.sandbox.graph import Outcome
from app.sandbox.guard import refuse_strangers
from app.sandbox.people import find_person
from app.sandbox.relations import GraphRefused
from app.sandbox.roster import find_customer, people_of

customer_phone = Blueprint("customer_phone", __name__, url_prefix="/customer")

customer_phone.before_request(refuse_strangers)

BY_SEARCH = 2  # an add_way: 搜索手机号 (facts 3.4)
MEMBERS_SHOWN = 30


@customer_phone.errorhandler(GraphRefused)
def say_refused(error: GraphRefused) -> tuple[Response, int]:
    """409: WeCom would not let it happen; the message is Chinese."""
    return jsonify(error=str(error)), 409


@customer_phone.errorhandler(WrongInput)
def say_wrong(error: WrongInput) -> tuple[Response, int]:
    """400: what was sent is no such thing."""
    return jsonify(error=f"不对：{error}"), 400


@customer_phone.errorhandler(NoSuchChat)
def say_no_chat(_: NoSuchChat) -> tuple[Response, int]:
    """404: the two do not have each other."""
    return jsonify(error="你们还不是好友"), 404


@customer_phone.get("")
def show() -> AnyResponse:
    """The phone's page; a host of nobody goes back to choosing."""
    world, host = world_of(), request.host
    with world.store.reading() as connection:
        customer = find_customer(connection, hosts.customer_of(host) or "")
    if customer is None:
        return redirect(hosts.chooser_url(host))
    app_url = hosts.toolbar_url_of(world.settings, hosts.customer_label_of(customer["external_userid"]), host)
    return Response(
        render_template(
            "customer.html",
            customer=customer,
            app_origin="{0.scheme}://{0.netloc}".format(urlsplit(app_url)),
            bare_origins=[origin for origin in hosts.app_origins(world.settings) if "*" not in origin],
            chooser_url=hosts.chooser_url(host),
            framed=hosts.is_together(host),
        )
    )


@customer_phone.get("/feed")
def feed() -> Response:
    """What is new: ?chat=<userid>&chat_after=<chat message id>."""
    world, args = world_of(), request.args
    with world.store.reading() as connection:
        me = _customer(connection)
        new: dict[str, Any] = {
            "chats": customer_inbox.chats_of(connection, me),
            "offers": customer_inbox.offers_to(connection, me),
        }
        if args.get("chat"):
            after = args.get("chat_after", 0, type=int)
            said = chats.messages_of(connection, args["chat"], me, after, arrived=True)
            new["chat"] = [{**one, "sent_ms": one["sent_at"] // 1_000} for one in said]
    return jsonify(**new, now_ms=world.clock.now() // 1_000)


@customer_phone.get("/moments")
def list_moments() -> Response:
    """The moments of the members this customer has."""
    with world_of().store.reading() as connection:
        return jsonify(moments=customer_inbox.moments_of(connection, _customer(connection)))


@customer_phone.post("/moments/<moment_id>/<userid>")
def react(moment_id: str, userid: str) -> Response:
    """Like it or comment on it: {"kind": "like"|"comment"}."""
    world, kind = world_of(), str(_sent().get("kind", ""))
    with world.store.writing() as connection:
        moment_tasks.react(connection, world.clock.now(), userid, moment_id, _customer(connection), kind)
    return jsonify(reacted=kind)


@customer_phone.post("/chats/<userid>")
def say(userid: str) -> Response:
    """Say something: {"msgtype": ..., <msgtype>: {...}}."""
    world = world_of()
    with world.store.writing() as connection:
        me = _customer(connection)
        said = chats.append(connection, world.clock.now(), userid, me, chats.CUSTOMER, _sent())
    return jsonify({**said, "sent_ms": said["sent_at"] // 1_000})


@customer_phone.post("/chats/<userid>/delete")
def delete(userid: str) -> Response:
    """The customer deletes the member."""
    world = world_of()
    with world.store.writing() as connection:
        graph.delete_by_customer(connection, world.clock.now(), userid, _customer(connection))
    return jsonify(deleted=True)


@customer_phone.post("/offers/<takeover>/refuse")
def refuse(takeover: str) -> Response:
    """The customer stays with whom they have."""
    world = world_of()
    with world.store.writing() as connection:
        handovers.refuse(connection, world, world.clock.now(), _customer(connection), takeover)
    return jsonify(refused=True)


@customer_phone.post("/scan")
def scan() -> Response:
    """Scan a contact way: {"code": its id or address, "half"?: true}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        me, code = _customer(connection), str(sent.get("code", ""))
        return jsonify(scanning.scan(connection, world, me, code, half=bool(sent.get("half"))))


@customer_phone.get("/members")
def find_members() -> Response:
    """Members one may add: ?q= searches name, id and department."""
    with world_of().store.reading() as connection:
        return jsonify(members=people_of(connection, request.args.get("q", ""), MEMBERS_SHOWN))


@customer_phone.post("/members/<userid>")
def add_member(userid: str) -> Response:
    """Add a member directly, who agrees at once."""
    world = world_of()
    with world.store.writing() as connection:
        me = _customer(connection)
        person = find_person(connection, userid)
        if person is None:
            raise GraphRefused("没有这位员工")
        met = graph.add(connection, world, world.clock.now(), person["userid"], me, add_way=BY_SEARCH)
    if met.outcome is Outcome.KNOWN:
        raise GraphRefused("你们已经是好友")
    return jsonify(userid=met.userid)


def _customer(connection: sqlite3.Connection) -> str:
    """Whose phone this host is; 404 when it is nobody's."""
    customer = find_customer(connection, hosts.customer_of(request.host) or "")
    if customer is None:
        abort(404)
    return str(customer["external_userid"])


def _sent() -> Item:
    sent: Any = request.get_json(force=True, silent=True)
    return sent if isinstance(sent, dict) else {}
