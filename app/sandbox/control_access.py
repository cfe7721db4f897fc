"""Control of how calls fare: limits, scripts of faults; codes of the mini program; uploaded images by address."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file

from app.sandbox import codes, media, presses, rules
from app.sandbox.answers import WeComError
from app.sandbox.api import meter_of, script_of, world_of
from app.sandbox.control_input import Item, WrongInput, fault_of, text
from app.sandbox.fault_script import Step
from app.sandbox.guard import refuse_strangers
from app.sandbox.limits import Limits
from app.sandbox.people import get_person

control_access = Blueprint("control_access", __name__, url_prefix="/sandbox")

control_access.before_request(refuse_strangers)


@control_access.errorhandler(WrongInput)
def say_what_is_wrong(error: WrongInput) -> tuple[Response, int]:
    """400 with the place; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control_access.errorhandler(WeComError)
def say_not_there(error: WeComError) -> tuple[Response, int]:
    """404: no such member, card, button or image."""
    return jsonify(error=str(error)), 404


@control_access.get("/limits")
def show_limits() -> Response:
    """The numbers in force, by the names of limits.Limits."""
    return jsonify(asdict(meter_of().limits))


@control_access.put("/limits")
def put_limits() -> Response:
    """Other numbers; what is not named is WeCom's. Counts and blocks are forgotten."""
    try:
        meter_of().reset(Limits(**_sent()))
    except TypeError as error:
        raise WrongInput(str(error)) from None
    return show_limits()


@control_access.delete("/limits")
def reset_limits() -> Response:
    """WeCom's numbers, nothing counted, nobody blocked."""
    meter_of().reset()
    return show_limits()


@control_access.get("/faults/script")
def show_script() -> Response:
    """Where the script stands."""
    return jsonify(script_of().standing())


@control_access.post("/faults/script")
def run_script() -> Response:
    """Replace the script; fault_script tells what one is."""
    sent = _sent()
    steps = sent.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise WrongInput("steps: an array of objects")
    wanted = [_step_of(f"steps[{number}]", step) for number, step in enumerate(steps)]
    script_of().put(wanted, int(_number("", sent, "seed", 0)), world_of().clock.now())
    return show_script()


@control_access.delete("/faults/script")
def end_script() -> Response:
    """No script."""
    script_of().put((), 0, 0)
    return show_script()


@control_access.patch("/rules")
def change_rules() -> Response:
    """Some of what the administrator set, by the names of rules.Rules; what is not named stays. All of them answer."""
    with world_of().store.writing() as connection:
        try:
            wanted = rules.from_json({**asdict(rules.of(connection)), **_sent()})
        except TypeError as error:
            raise WrongInput(str(error)) from None
        rules.put(connection, wanted)
    return jsonify(asdict(wanted))


@control_access.post("/mini-program/code")
def make_mini_program_code() -> Response:
    """What wx.qy.login gives on a member's phone: {"userid": ...}."""
    world = world_of()
    with world.store.writing() as connection:
        person = get_person(connection, text("", _sent(), "userid"))
        return jsonify(code=codes.make_mini_program_code(connection, person["userid"], world.clock.now()))


@control_access.post("/cards/<int:message_id>/press")
def press_card(message_id: int) -> Response:
    """A member taps a card: {"userid": ..., "event_key": ..., "selected": {question key: [option id, ...]}}; the
    message's id is that of GET /sandbox/messages."""
    world, sent = world_of(), _sent()
    with world.store.writing() as connection:
        presses.press(
            connection, world, world.clock.now(), text("", sent, "userid"), message_id,
            event_key=text("", sent, "event_key"), selected=sent.get("selected"),
        )  # fmt: skip
    return jsonify(pressed=message_id)


@control_access.get("/images/<name>")
def show_image(name: str) -> Response:
    """An image of media/uploadimg."""
    with world_of().store.reading() as connection:
        row = connection.execute("SELECT * FROM uploaded_image WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise WeComError(40007)
    return send_file(media.path_of(world_of(), name), mimetype=row["content_type"])


def _step_of(place: str, step: Item) -> Step:
    own = ("after_calls", "after_s", "probability")
    fault = fault_of(place, {name: value for name, value in step.items() if name not in own})
    return Step(
        fault,
        after_calls=int(_number(place, step, "after_calls", 0)),
        after_s=_number(place, step, "after_s", 0),
        probability=_number(place, step, "probability", 1),
    )


def _number(place: str, item: Item, name: str, default: float) -> float:
    value = item.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise WrongInput(f"{place}.{name}: a number from 0")
    return value


def _sent() -> dict[str, Any]:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent
