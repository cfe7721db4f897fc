"""POST asks for a fast-forward, GET says how far it has come."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict, Forbidden, Invalid
from app.http import TRAVEL_KEY, allow, load_json, load_query
from app.http.parts import current_database
from app.timers import REAL_TIME_LANES, Lane, next_due

LONGEST_JOURNEY_S = 366 * 86_400
MICROSECOND = timedelta(microseconds=1)

travel = Blueprint("sandbox_clock", __name__)


class JourneySchema(Schema):
    """Either so many seconds of business time, or to whatever falls due next."""

    seconds = fields.Integer(strict=True, validate=validate.Range(1, LONGEST_JOURNEY_S))
    to = fields.String(validate=validate.OneOf(["next_due"]))


JOURNEY = JourneySchema()


@travel.before_request
def check_key() -> None:
    """Only the sandbox knows the key."""
    wanted = current_app.extensions["settings"].travel_key
    given = request.headers.get("X-Travel-Key", "")
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Forbidden("travel_key")


@travel.post("/sandbox-clock")
@allow(TRAVEL_KEY)
def start_journey() -> ResponseReturnValue:
    """202 with where time is going; it arrives once the clock process has lived through everything until then."""
    wish = load_json(JOURNEY)
    if len(wish) != 1:
        raise Invalid("seconds_or_to")
    with current_database().transaction() as session:
        target = _target(session, wish)
        clock.set_target(session, target)
    return jsonify(target_at=target.isoformat()), 202


@travel.get("/sandbox-clock")
@allow(TRAVEL_KEY)
def follow_journey() -> ResponseReturnValue:
    """Business time of every process, and whether the journey is over."""
    load_query()
    with current_database().reading() as session:
        moment = clock.moment(session)
    return jsonify(
        now=moment.business.isoformat(),
        offset_us=moment.offset // MICROSECOND,
        target_at=moment.target_at.isoformat() if moment.target_at else None,
        arrived=moment.target_at is None,
    )


def _target(session: Session, wish: dict[str, Any]) -> datetime:
    now = clock.now(session)
    if "seconds" in wish:
        return now + timedelta(seconds=wish["seconds"])
    due = next_due(session, set(Lane) - REAL_TIME_LANES)
    if due is None:
        raise Conflict("nothing_due")
    return max(due, now)
