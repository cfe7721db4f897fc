"""WeCom's HTTP API: the table of endpoints and the gate every call passes (facts 2, 8, appendix A).

The gate checks in WeCom's order: address, token, permission, then the endpoint checks its parameters
and its business. Business errors have HTTP status 200; an unknown path is 404.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator

from flask import Blueprint, Response, current_app, request

from app.sandbox import (
    addresses,
    codes,
    contacts,
    departments,
    faults,
    media,
    messages,
    people,
    revisions,
    rules,
    tickets,
    tokens,
)
from app.sandbox.answers import Answer, Download, WeComError, refusal
from app.sandbox.calls import Call, Endpoint, World
from app.sandbox.faults import Fault, FaultKind

api = Blueprint("api", __name__, url_prefix="/cgi-bin")


SUBJECTS = (addresses, codes, contacts, departments, media, messages, people, revisions, tickets)
ENDPOINTS: dict[str, Endpoint] = {
    path: endpoint for subject in SUBJECTS for path, endpoint in subject.ENDPOINTS.items()
}


class BrokenAnswer(ConnectionAbortedError):
    """Raised in the middle of a body so that the server cuts the connection."""


def world_of() -> World:
    """The running sandbox's settings, state and clock."""
    world: World = current_app.extensions["sandbox"]
    return world


def calls_seen() -> Counter[str]:
    """How often each path was called since the process started."""
    seen: Counter[str] = current_app.extensions["sandbox_calls"]
    return seen


@api.route("/<path:path>", methods=["GET", "POST"])
def answer_call(path: str) -> Response:
    """Every call: planted fault first, then the gate and the endpoint."""
    world = world_of()
    calls_seen()[path] += 1
    fault = faults.take(world.store, path)
    if fault is not None:
        return _suffer(world, path, fault)
    return _answer(world, path)


def _answer(world: World, path: str) -> Response:
    if path != "gettoken" and path not in ENDPOINTS:
        return Response("404 page not found", status=404, mimetype="text/plain")
    try:
        return _json(_dispatch(world, path))
    except WeComError as error:
        return _json(refusal(error, request.remote_addr or "", world.clock.now()))


def _dispatch(world: World, path: str) -> Answer | Download:
    args = request.args
    with world.store.reading() as connection:
        in_force = rules.of(connection)
    if in_force.trusted_ips is not None and request.remote_addr not in in_force.trusted_ips:
        raise WeComError(60020)
    if path == "gettoken":
        return tokens.gettoken(world, args)
    endpoint, now = ENDPOINTS[path], world.clock.now()
    app = tokens.app_of(world, args.get("access_token", ""))
    rules.check_permission(endpoint, app, path, in_force)
    if endpoint.post and request.method != "POST":
        raise WeComError(40058, "POST only")
    return endpoint.answer(Call(world, app, args, request.get_data(), now, request.headers))


def _suffer(world: World, path: str, fault: Fault) -> Response:
    if fault.kind is FaultKind.ERRCODE:
        error = WeComError(int(fault.value))
        return _json(refusal(error, request.remote_addr or "", world.clock.now()))
    if fault.kind is FaultKind.HTTP500:
        return Response("<html>upstream error</html>", status=int(fault.value), mimetype="text/html")
    if fault.kind is FaultKind.DELAY:
        time.sleep(fault.value)
        return _answer(world, path)
    done = _answer(world, path)
    if fault.kind is FaultKind.MALFORMED:
        return Response('{"errcode":0,"errmsg":"o', mimetype="application/json")
    time.sleep(fault.value)
    return Response(
        _cut(), headers={"Content-Length": str(len(done.get_data()))}, mimetype="application/json"
    )


def _cut() -> Iterator[bytes]:
    yield b'{"errcode":'
    raise BrokenAnswer("the answer was dropped on demand")


def _json(answer: Answer | Download) -> Response:
    if isinstance(answer, Download):
        return Response(answer.content, answer.status, answer.headers, content_type=answer.content_type)
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return Response(
        body, content_type="application/json; charset=UTF-8", headers={"Error-Code": str(answer["errcode"])}
    )
