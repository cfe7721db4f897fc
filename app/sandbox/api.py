"""WeCom's HTTP API: the table of endpoints and the gate every call passes (facts 2, 8, appendix A).

The gate checks in WeCom's order: address, token, permission, then the endpoint checks its parameters
and its business. Business errors have HTTP status 200; an unknown path is 404.
"""

from __future__ import annotations

import json
from collections import Counter

from flask import Blueprint, Response, current_app, request

from app.sandbox import (
    addresses,
    checkins,
    codes,
    contact_ways,
    contacts,
    departments,
    faults,
    group_chat_owners,
    group_chat_statistics,
    group_chats,
    group_sends,
    handovers,
    join_ways,
    livings,
    media,
    messages,
    moments,
    pay,
    people,
    products,
    revisions,
    rules,
    statistics,
    tags,
    tickets,
    tokens,
    transfers,
    welcomes,
)
from app.sandbox.answers import Answer, Download, WeComError, refusal
from app.sandbox.calls import Call, Endpoint, World
from app.sandbox.fault_answers import suffer
from app.sandbox.fault_script import Script
from app.sandbox.limits import Meter

api = Blueprint("api", __name__, url_prefix="/cgi-bin")


SUBJECTS = (
    addresses,
    checkins,
    codes,
    contact_ways,
    contacts,
    departments,
    group_chat_owners,
    group_chat_statistics,
    group_chats,
    group_sends,
    join_ways,
    livings,
    media,
    messages,
    moments,
    pay,
    people,
    products,
    revisions,
    statistics,
    tags,
    tickets,
    transfers,
    welcomes,
)
ENDPOINTS: dict[str, Endpoint] = {
    path: endpoint for subject in SUBJECTS for path, endpoint in subject.ENDPOINTS.items()
}


def world_of() -> World:
    """The running sandbox's settings, state and clock."""
    world: World = current_app.extensions["sandbox"]
    return world


def calls_seen() -> Counter[str]:
    """How often each path was called since the process started."""
    seen: Counter[str] = current_app.extensions["sandbox_calls"]
    return seen


def meter_of() -> Meter:
    """What counts the calls."""
    meter: Meter = current_app.extensions["sandbox_meter"]
    return meter


def script_of() -> Script:
    """The script of faults."""
    script: Script = current_app.extensions["sandbox_script"]
    return script


@api.route("/<path:path>", methods=["GET", "POST"])
def answer_call(path: str) -> Response:
    """Every call: script and planted faults first, then the gate and the endpoint.

    The body is read whatever the answer: a server that answers before it has closes the connection it said it keeps.
    """
    request.get_data()
    world = world_of()
    calls_seen()[path] += 1
    with meter_of().slot(path) as crowded:
        fault = script_of().strike(path, world.clock.now()) or faults.take(world.store, path)
        if fault is None:
            return _answer(world, path, crowded)
        return suffer(fault, lambda: _answer(world, path, crowded), _refuse)


def _answer(world: World, path: str, crowded: bool) -> Response:
    if path != "gettoken" and path not in ENDPOINTS:
        return Response("404 page not found", status=404, mimetype="text/plain")
    try:
        return _json(_dispatch(world, path, crowded))
    except WeComError as error:
        lists = ENDPOINTS[path].lists if path in ENDPOINTS else ()
        return _json(refusal(error, request.remote_addr or "", world.clock.now(), lists))


def _refuse(errcode: int) -> Response:
    return _json(refusal(WeComError(errcode), request.remote_addr or "", world_of().clock.now()))


def _dispatch(world: World, path: str, crowded: bool) -> Answer | Download:
    args, ip, now = request.args, request.remote_addr or "", world.clock.now()
    with world.store.reading() as connection:
        in_force = rules.of(connection)
    if in_force.trusted_ips is not None and ip not in in_force.trusted_ips:
        raise WeComError(60020)
    if path == "gettoken":
        return _gettoken(world, ip, now)
    endpoint = ENDPOINTS[path]
    app = tokens.app_of(world, args.get("access_token", ""))
    meter_of().count_call(path, ip, app.agent_id, debug=args.get("debug") == "1", now=now)
    if path == "media/get":
        meter_of().count_media(args.get("media_id", ""), now)
    if crowded:
        raise WeComError(45033)
    rules.check_permission(endpoint, app, path, in_force)
    if endpoint.post and request.method != "POST":
        raise WeComError(40058, "POST only")
    if path.startswith("externalcontact/"):
        handovers.catch_up(world)
    try:
        return endpoint.answer(Call(world, app, args, request.get_data(), now, request.headers))
    except WeComError:
        meter_of().count_refused(path, ip, now)
        raise


def _gettoken(world: World, ip: str, now: int) -> Answer:
    """A wrong secret over and over makes WeCom refuse the address for an hour (45009; facts 2.1)."""
    meter_of().check_secret(ip, now)
    meter_of().count_call("gettoken", ip, 0, debug=False, now=now)
    try:
        return tokens.gettoken(world, request.args)
    except WeComError as error:
        if error.code == 40001:
            meter_of().count_wrong_secret(ip, now)
        raise


def _json(answer: Answer | Download) -> Response:
    if isinstance(answer, Download):
        return Response(answer.content, answer.status, answer.headers, content_type=answer.content_type)
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return Response(
        body, content_type="application/json; charset=UTF-8", headers={"Error-Code": str(answer["errcode"])}
    )
