"""The control API of the contact book, /sandbox/organisation/: what an administrator does in WeCom's console.

Each act emits its change_contact event; PUT /sandbox/people only seeds, without events.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.sandbox import organisation
from app.sandbox.api import world_of
from app.sandbox.control_input import Item, WrongInput, person_of, text, whole
from app.sandbox.departments import ROOT_DEPARTMENT, all_below
from app.sandbox.guard import refuse_strangers
from app.sandbox.organisation import NotPossible

control_organisation = Blueprint("control_organisation", __name__, url_prefix="/sandbox/organisation")
control_organisation.before_request(refuse_strangers)

_PERSON_CHANGES = organisation.PERSON_FIELDS | {"departments", "leads", "userid"}


@control_organisation.errorhandler(WrongInput)
@control_organisation.errorhandler(NotPossible)
def say_what_is_wrong(error: ValueError) -> tuple[Response, int]:
    """400 with the reason; nothing of the request was kept."""
    return jsonify(error=str(error)), 400


@control_organisation.get("")
def show() -> Response:
    """All departments with their ids, and the members of each."""
    with world_of().store.reading() as connection:
        members = connection.execute("SELECT * FROM membership ORDER BY userid, place").fetchall()
        found = [
            {
                "id": row["id"],
                "name": row["name"],
                "parentid": row["parentid"],
                "people": [each["userid"] for each in members if each["department_id"] == row["id"]],
            }
            for row in all_below(connection, ROOT_DEPARTMENT)
        ]
    return jsonify(departments=found)


@control_organisation.post("/people")
def create_person() -> Response:
    """A new member, in the shape of PUT /sandbox/people (control_input.person_of)."""
    person = person_of("person", _sent())
    return _act(lambda connection, now: organisation.create_person(connection, now, person))


@control_organisation.patch("/people/<userid>")
def change_person(userid: str) -> Response:
    """Fields of a member; `departments` and `leads` are ids, the main department first; `userid` renames."""
    sent = _sent()
    unknown = sorted(sent.keys() - _PERSON_CHANGES)
    if unknown:
        raise WrongInput(f"{unknown[0]}: not a field")
    departments, leads, new_userid = (sent.pop(name, None) for name in ("departments", "leads", "userid"))

    def change(connection: sqlite3.Connection, now: int) -> None:
        if sent or departments is not None or leads is not None:
            organisation.change_person(connection, now, userid, sent, departments, leads)
        if new_userid is not None:
            organisation.rename_userid(connection, now, userid, str(new_userid))

    return _act(change)


@control_organisation.delete("/people/<userid>")
def delete_person(userid: str) -> Response:
    """The member left the corp."""
    return _act(lambda connection, now: organisation.delete_person(connection, now, userid))


@control_organisation.post("/departments")
def create_department() -> Response:
    """{name, parentid}; answers its id."""
    sent = _sent()
    name, parent = text("", sent, "name"), whole(sent, "parentid")
    with world_of().store.writing() as connection:
        now = world_of().clock.now()
        return jsonify(id=organisation.create_department(connection, now, name, parent))


@control_organisation.patch("/departments/<int:department_id>")
def change_department(department_id: int) -> Response:
    """{name} renames, {parentid} moves."""
    sent = _sent()
    name = text("", sent, "name") if "name" in sent else None
    parent = whole(sent, "parentid") if "parentid" in sent else None
    return _act(
        lambda connection, now: organisation.change_department(connection, now, department_id, name, parent)
    )


@control_organisation.delete("/departments/<int:department_id>")
def delete_department(department_id: int) -> Response:
    """Only an empty one."""
    return _act(lambda connection, now: organisation.delete_department(connection, now, department_id))


@control_organisation.delete("/wrong-mobiles")
def forget_wrong_mobiles() -> Response:
    """user/getuserid is no longer blocked."""
    return _act(lambda connection, _now: connection.execute("DELETE FROM wrong_mobile"))


def _act(do: Callable[[sqlite3.Connection, int], Any]) -> Response:
    world = world_of()
    with world.store.writing() as connection:
        do(connection, world.clock.now())
    return jsonify(ok=True)


def _sent() -> Item:
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        raise WrongInput("a JSON object is expected")
    return sent
