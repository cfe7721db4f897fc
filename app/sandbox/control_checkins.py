"""The control API of check-in: what an administrator plans (打卡 → 排班)."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import checkins
from app.sandbox.api import world_of
from app.sandbox.control_input import Item, WrongInput, items_of, text
from app.sandbox.guard import refuse_strangers

control_checkins = Blueprint("control_checkins", __name__, url_prefix="/sandbox")
control_checkins.before_request(refuse_strangers)


@control_checkins.errorhandler(WrongInput)
def say_what_is_wrong(error: WrongInput) -> tuple[Response, int]:
    """400 with the place; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control_checkins.put("/planned_days")
def plan_days() -> Response:
    """[{"userid", "day": "2026-03-01", "sections": [[36000, 66600]]}]; [] is a day off, null plans nothing any more."""
    planned = [_day(place, item) for place, item in items_of(request.stream, is_lines=False)]
    with world_of().store.writing() as connection:
        for userid, day, sections in planned:
            checkins.plan(connection, userid, day, sections)
    return jsonify(planned_days=len(planned))


def _day(place: str, item: Item) -> tuple[str, str, list[tuple[int, int]] | None]:
    userid, day = text(place, item, "userid"), text(place, item, "day")
    try:
        date.fromisoformat(day)
    except ValueError:
        raise WrongInput(f"{place}.day: 2026-03-01") from None
    sections: Any = item.get("sections")
    if sections is not None and not (isinstance(sections, list) and all(map(_is_section, sections))):
        raise WrongInput(f"{place}.sections: pairs of seconds, or null")
    return userid, day, sections


def _is_section(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(type(second) is int for second in pair)
