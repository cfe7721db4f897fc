"""The control API of callbacks: the address, what tests make of delivery, and what became of each event."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from app.sandbox import callbacks
from app.sandbox.answers import TEXTS
from app.sandbox.api import world_of
from app.sandbox.callback_crypto import is_aes_key, is_token
from app.sandbox.callback_http import is_callback_url
from app.sandbox.callback_sender import Sender, check_address
from app.sandbox.callbacks import Address, Switches
from app.sandbox.control_input import Item, WrongInput, items_of, text
from app.sandbox.guard import refuse_strangers

control_callbacks = Blueprint("control_callbacks", __name__, url_prefix="/sandbox")

control_callbacks.before_request(refuse_strangers)

REPLAYED_MOST = 10_000


@control_callbacks.errorhandler(WrongInput)
def say_what_is_wrong(error: WrongInput) -> tuple[Response, int]:
    """400 with the place; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control_callbacks.put("/callback")
def save_address() -> Response:
    """Save {url, token, aes_key} as the console does: asks the URL first, and answers {errcode, errmsg}:
    0, or 40057 when it did not give the plaintext back within a second; then the old address stays."""
    sent = _sent_object()
    address = Address(text("", sent, "url"), text("", sent, "token"), text("", sent, "aes_key"))
    if not is_callback_url(address.url):
        raise WrongInput("url: http or https, with a host")
    if not is_token(address.token):
        raise WrongInput("token: at most 32 letters and digits")
    if not is_aes_key(address.aes_key):
        raise WrongInput("aes_key: exactly 43 letters and digits")
    if not check_address(world_of(), address):
        return jsonify(errcode=40057, errmsg=TEXTS[40057])
    sender: Sender = current_app.extensions["sandbox_callbacks"]
    sender.start()
    return jsonify(errcode=0, errmsg="ok")


@control_callbacks.get("/callback")
def show_address() -> Response:
    """The address: {url, verified}, or {url: ""} when none is configured; never its secrets."""
    with world_of().store.reading() as connection:
        address = callbacks.address_of(connection)
    return jsonify(url=address.url if address else "", verified=bool(address and address.verified))


@control_callbacks.delete("/callback")
def forget_address() -> Response:
    """No callback address any more: what happens from now on is not sent. The rules stay as they are."""
    with world_of().store.writing() as connection:
        callbacks.put_address(connection, None)
    return show_address()


@control_callbacks.get("/callbacks")
def list_callbacks() -> Response:
    """Events, oldest first, with their attempts: ?after=<id>&limit= (default 500); and how many stand where."""
    after = request.args.get("after", 0, type=int)
    most = request.args.get("limit", callbacks.LISTED_MOST, type=int)
    with world_of().store.reading() as connection:
        return jsonify(
            callbacks=callbacks.listed(connection, after, most), states=callbacks.counts(connection)
        )


@control_callbacks.post("/callbacks")
def emit_callbacks() -> Response:
    """Make up events: a JSON array (or lines) of {fields: {...}, agent_id?}; as if they had happened now."""
    world, count = world_of(), 0
    with world.store.writing() as connection:
        for place, item in items_of(request.stream, request.mimetype == "application/x-ndjson"):
            fields, agent_id = item.get("fields"), item.get("agent_id")
            if not isinstance(fields, dict) or not isinstance(agent_id, int | None):
                raise WrongInput(f"{place}: fields an object, agent_id a whole number or absent")
            callbacks.emit(connection, world.clock.now(), fields, agent_id=agent_id)
            count += 1
    return jsonify(emitted=count)


@control_callbacks.post("/callbacks/replay")
def replay_callbacks() -> Response:
    """Send events again as they were: {ids: [...], times?: 1}."""
    sent = _sent_object()
    ids, times = sent.get("ids"), sent.get("times", 1)
    if not isinstance(ids, list) or not isinstance(times, int) or not 1 <= times * len(ids) <= REPLAYED_MOST:
        raise WrongInput(f"ids: an array, times: a whole number, together at most {REPLAYED_MOST}")
    with world_of().store.writing() as connection:
        return jsonify(queued=callbacks.replay(connection, ids, times))


@control_callbacks.get("/callbacks/switches")
def show_switches() -> Response:
    """The test switches in force."""
    with world_of().store.reading() as connection:
        return jsonify(callbacks.switches_of(connection))


@control_callbacks.put("/callbacks/switches")
def put_switches() -> Response:
    """What tests make of delivery, by the names of callbacks.Switches; what is not named is WeCom's way."""
    sent = _sent_object()
    defaults = {name: type(value) for name, value in vars(Switches()).items()}
    for name, value in sent.items():
        if name not in defaults:
            raise WrongInput(f"{name}: not a field")
        if not _fits(value, defaults[name]):
            raise WrongInput(f"{name}: {defaults[name].__name__}, not negative")
    with world_of().store.writing() as connection:
        callbacks.put_switches(connection, Switches(**sent))
    return show_switches()


def _fits(value: Any, wanted: type) -> bool:
    if wanted is bool or isinstance(value, bool):
        return wanted is bool and isinstance(value, bool)
    return (isinstance(value, int) and value >= 0) or (
        wanted is float and isinstance(value, float) and value >= 0
    )


def _sent_object() -> Item:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent
