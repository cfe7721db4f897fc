"""The control API's part about customers, /sandbox/graph/…: what people do on their phones and in WeCom's console."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import graph, graph_rules, tag_console, tag_store
from app.sandbox.answers import WeComError
from app.sandbox.api import world_of
from app.sandbox.control_input import Item, WrongInput, text
from app.sandbox.graph import Met
from app.sandbox.graph_rules import GraphRules, MemberSwitches
from app.sandbox.guard import refuse_strangers
from app.sandbox.relations import GraphRefused, Source, meet_customer

control_graph = Blueprint("control_graph", __name__, url_prefix="/sandbox/graph")

control_graph.before_request(refuse_strangers)


@control_graph.errorhandler(WrongInput)
def say_what_is_wrong(error: WrongInput) -> tuple[Response, int]:
    """400 with the place; nothing was kept."""
    return jsonify(error=str(error)), 400


@control_graph.errorhandler(GraphRefused)
def say_it_cannot_be(error: GraphRefused) -> tuple[Response, int]:
    """409: what was asked cannot happen on a phone; the message is Chinese."""
    return jsonify(error=str(error)), 409


@control_graph.errorhandler(WeComError)
def say_the_console_refuses(error: WeComError) -> tuple[Response, int]:
    """409 with the code WeCom would give."""
    return jsonify(error=error.detail, errcode=error.code), 409


@control_graph.post("/scan")
def scan() -> Response:
    """{code, customer: external_userid or a new name, half: false}: see graph.scan."""
    world, sent, now = world_of(), _sent(), world_of().clock.now()
    with world.store.writing() as connection:
        met = graph.scan(
            connection,
            world,
            now,
            _text(sent, "customer"),
            _text(sent, "code"),
            half=sent.get("half") is True,
        )
    return _shown(met)


@control_graph.post("/add")
def add() -> Response:
    """{userid, customer, add_way: 1, state: "", by_associate: false, half: false}: the two are connected."""
    world, sent, now = world_of(), _sent(), world_of().clock.now()
    add_way, state = int(sent.get("add_way", 1)), text("", sent, "state", "")
    userid = _text(sent, "userid")
    with world.store.writing() as connection:
        customer = meet_customer(connection, _text(sent, "customer"))
        if sent.get("half") is True:
            met = graph.add_half(connection, world, now, userid, customer, Source(add_way, state))
        else:
            by_associate = sent.get("by_associate") is True
            met = graph.add(
                connection, world, now, userid, customer,
                add_way=add_way, state=state, by_associate=by_associate,
            )  # fmt: skip
    return _shown(met)


@control_graph.post("/accept")
def accept() -> Response:
    """{userid, external_userid}: the member confirms a half relation or accepts a request."""
    world, sent, now = world_of(), _sent(), world_of().clock.now()
    with world.store.writing() as connection:
        return _shown(graph.accept_half(connection, world, now, *_pair(sent)))


@control_graph.post("/delete-by-associate")
def delete_by_associate() -> Response:
    """{userid, external_userid, source: ""}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        source = text("", sent, "source", "")
        graph.delete_by_associate(connection, world.clock.now(), *_pair(sent), source=source)
    return jsonify(sent)


@control_graph.post("/delete-by-customer")
def delete_by_customer() -> Response:
    """{userid, external_userid}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        graph.delete_by_customer(connection, world.clock.now(), *_pair(sent))
    return jsonify(sent)


@control_graph.post("/remark")
def remark() -> Response:
    """{userid, external_userid, and remark, description, remark_company or remark_mobiles}."""
    world, sent = world_of(), _sent()
    notes = {name: text("", sent, name, "") for name in graph.NOTES if name in sent}
    with world.store.writing() as connection:
        graph.edit_remark_in_client(
            connection, world.clock.now(), *_pair(sent), remark_mobiles=sent.get("remark_mobiles"), **notes
        )
    return jsonify(sent)


@control_graph.post("/mark")
def mark() -> Response:
    """{userid, external_userid, add: [tag ids], remove: [tag ids], personal: [names]}."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        graph.mark_tag_in_client(
            connection, world.clock.now(), *_pair(sent),
            add=sent.get("add", ()), remove=sent.get("remove", ()), personal=sent.get("personal"),
        )  # fmt: skip
    return jsonify(sent)


@control_graph.post("/tags")
def create_tags() -> Response:
    """{group, names: […]}: tags made in the console; their ids."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        ids = tag_console.create_tags(
            connection, world.clock.now(), _text(sent, "group"), sent.get("names", [])
        )
        group = tag_store.find_group_named(connection, sent["group"])
    return jsonify(tag_ids=ids, group_id=group["group_id"] if group else "")


@control_graph.patch("/tags/<wanted>")
def edit_tag(wanted: str) -> Response:
    """{name}: of a tag or a group."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        tag_console.edit(connection, world.clock.now(), wanted, _text(sent, "name"))
    return jsonify(sent)


@control_graph.delete("/tags/<wanted>")
def delete_tag(wanted: str) -> Response:
    """A tag or a group."""
    world = world_of()
    with world.store.writing() as connection:
        tag_console.delete(connection, world.clock.now(), wanted)
    return jsonify(deleted=wanted)


@control_graph.put("/tags/<group_id>/order")
def shuffle_tags(group_id: str) -> Response:
    """{tag_ids: […]}: the order from now on."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        tag_console.shuffle(connection, world.clock.now(), group_id, sent.get("tag_ids", []))
    return jsonify(sent)


@control_graph.put("/rules")
def put_rules() -> Response:
    """What the console set about customers (graph_rules.GraphRules); what is not named has its default."""
    sent = _sent()
    try:
        wanted = GraphRules(**sent)
    except TypeError as error:
        raise WrongInput(str(error)) from None
    with world_of().store.writing() as connection:
        graph_rules.put(connection, wanted)
    return jsonify(asdict(wanted))


@control_graph.put("/members/<userid>")
def put_switches(userid: str) -> Response:
    """What the console set for one member (graph_rules.MemberSwitches)."""
    sent = _sent()
    try:
        wanted = MemberSwitches(**sent)
    except TypeError as error:
        raise WrongInput(str(error)) from None
    with world_of().store.writing() as connection:
        graph_rules.put_switches(connection, userid, wanted)
    return jsonify(asdict(wanted))


@control_graph.route("/busy/<userid>/<external_userid>", methods=["PUT", "DELETE"])
def hold_pair(userid: str, external_userid: str) -> Response:
    """PUT: as if another call marked the pair until DELETE; mark_tag gets 45035 meanwhile.

    With `welcome_code` and a code: as if another app sent that welcome; send_welcome_msg gets 41096.
    """
    busy = world_of().busy
    if request.method == "DELETE":
        busy.release(userid, external_userid)
        return jsonify(held=False)
    return jsonify(held=busy.hold(userid, external_userid))


def _sent() -> Item:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent


def _text(sent: Item, name: str) -> str:
    return text("", sent, name)


def _pair(sent: Item) -> tuple[str, str]:
    return _text(sent, "userid"), _text(sent, "external_userid")


def _shown(met: Met) -> Response:
    shown: dict[str, Any] = asdict(met)
    return jsonify(shown)
