"""The one address that WeCom is given: it asks once whether it is ours (GET), then tells us of events (POST); and the
one that a gateway of text messages is given.

Whatever comes is answered within milliseconds and never with a 5xx, unless neither database nor disk takes an event:
it is then sent again. What callbacks contain stands in no log.
"""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from app import clock
from app.callbacks.answers import envelope_of
from app.callbacks.draining import Drain
from app.callbacks.keeping import Keeper
from app.callbacks.spool import Envelope, Spool
from app.db import Database
from app.http import ANYONE, allow
from app.http.problems import problem
from app.http.strangers import reading_a_strangers_body
from app.inbound.models import SMS_GATEWAY
from app.intake.sms_answers import event_of
from app.intake.wecom.heartbeats import Beating, beat_until
from app.intake.wecom.syncs import request_sync
from app.members.phones import PURPOSE
from app.sealing import Keyring
from app.sms.aliyun_answers import read_answers
from app.wecom.callbacks import MESSAGE, BadCallback, CallbackCipher, NotGenuine

MOST_BYTES = 1024 * 1024
FRESH = timedelta(hours=1)
LONGEST_SECONDS = 12

callbacks = Blueprint("callbacks", __name__, url_prefix="/callbacks")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """What the routes work with."""

    cipher: CallbackCipher
    keeper: Keeper
    drain: Drain
    phones: Keyring
    sms_key: str = field(repr=False)


def register(app: Flask) -> None:
    """Add these routes."""
    settings = app.extensions["settings"]
    database: Database = app.extensions["database"]
    cipher = CallbackCipher(
        settings.wecom_callback_token, settings.wecom_callback_aes_key, settings.wecom_corp_id
    )
    spool = Spool(Path(settings.callback_spool))
    keeper = Keeper(settings.database_url, spool)
    drain = Drain(database, cipher, spool, request_sync)
    phones = Keyring(settings.secret_keys, PURPOSE)
    app.extensions["callbacks"] = Door(cipher, keeper, drain, phones, settings.sms_answers_key)
    app.register_error_handler(BadCallback, _refuse)
    app.register_blueprint(callbacks)


def start_draining(app: Flask) -> None:
    """From now on, in a thread that ends with the process; what an earlier process left is drained too.

    Beside it another says that we hear of events, see `intake.wecom.heartbeats`.
    """
    drain = _door(app).drain
    threading.Thread(target=drain.run, args=[threading.Event()], name="spool", daemon=True).start()
    beating = [app.extensions["database"], Beating.WEB, threading.Event()]
    threading.Thread(target=beat_until, args=beating, name="heartbeat", daemon=True).start()


@callbacks.get("/wecom")
@allow(ANYONE)
def verify() -> ResponseReturnValue:
    """The decrypted echo, bare: no quotes, no newline."""
    signature, timestamp, nonce = _signed()
    # Somebody on the way may have read a plus as a space (facts 4.1); base64 has none.
    echo = request.args.get("echostr", "").replace(" ", "+")
    text = _door(current_app).cipher.verify_url(signature, timestamp, nonce, echo)
    return Response(text, mimetype="text/plain")


@callbacks.post("/wecom")
@allow(ANYONE)
def take() -> ResponseReturnValue:
    """200, and nothing else, once the event is kept; a repeat is answered alike."""
    request.max_content_length = MOST_BYTES
    signed = _signed()
    with reading_a_strangers_body():
        envelope = Envelope(*signed, request.get_data(cache=False))
    door = _door(current_app)
    event = door.cipher.open(envelope.signature, envelope.timestamp, envelope.nonce, envelope.body)
    if event.name != MESSAGE:  # what people write to the app is theirs: nothing of it is kept
        try:
            door.keeper.keep([event], envelope)
        except OSError as error:
            log.error("callback_not_kept", error=type(error).__name__)
            return problem(500, "error")
    return Response(mimetype="text/plain")


@callbacks.post("/sms/<key>")
@allow(ANYONE)
def take_answers(key: str) -> ResponseReturnValue:
    """What members answered to text messages: {"code": 0} once it is kept. Who knows the key is the gateway."""
    request.max_content_length = MOST_BYTES
    door = _door(current_app)
    if not door.sms_key or not hmac.compare_digest(key.encode(errors="replace"), door.sms_key.encode()):
        return problem(404, "not_found")
    with reading_a_strangers_body():
        body = request.get_data(cache=False)
    try:
        answers, unread = read_answers(body)
    except (ValueError, RecursionError):
        log.warning("sms_answers_refused")
        return problem(400, "bad_request")
    events = [event for event in (event_of(answer, door.phones) for answer in answers) if event is not None]
    unread += len(answers) - len(events)
    if unread:
        log.warning("sms_answers_unreadable", answers=unread)
    try:
        if events:
            door.keeper.keep(events, envelope_of(events), SMS_GATEWAY)
    except OSError as error:
        log.error("callback_not_kept", error=type(error).__name__)
        return problem(500, "error")
    return jsonify(code=0, msg="ok")


def _signed() -> tuple[str, str, str]:
    """Signature, timestamp and nonce. Other fields are WeCom's to add: they are not read."""
    signature, timestamp, nonce = (
        request.args.get(name, "") for name in ("msg_signature", "timestamp", "nonce")
    )
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > LONGEST_SECONDS:
        raise BadCallback("timestamp is no number of seconds")
    if abs(clock.machine_now().timestamp() - int(timestamp)) > FRESH.total_seconds():
        raise NotGenuine("too old, or from the future")
    return signature, timestamp, nonce


def _refuse(error: BadCallback) -> Response:
    log.warning("callback_refused", reason=error.reason)
    return problem(403, "forbidden") if isinstance(error, NotGenuine) else problem(400, "bad_request")


def _door(app: Flask) -> Door:
    door: Door = app.extensions["callbacks"]
    return door
