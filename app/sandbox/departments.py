"""Departments (部门) of the corp: a tree below the root, and whom the app may see of it (facts 3.3)."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint

ROOT_DEPARTMENT = 1
MOST_LEVELS = 15
LONGEST_NAME = 32
_FORBIDDEN_IN_NAMES = frozenset('\\:*?"<>|/')

_BELOW = """
SELECT department.* FROM department JOIN department_within ON department_id = id AND within_id = ?
ORDER BY parentid, sort DESC, id
"""


def list_departments(call: Call) -> Answer:
    """department/list: the one asked for, or all, with everything below."""
    refuse_contacts_sync(call)
    with call.world.store.reading() as connection:
        return ok(department=[_as_department(connection, row) for row in _asked(connection, call)])


def list_department_ids(call: Call) -> Answer:
    """department/simplelist: the same without names; the contacts-sync secret may ask too."""
    with call.world.store.reading() as connection:
        rows = _asked(connection, call)
    return ok(
        department_id=[{"id": row["id"], "parentid": row["parentid"], "order": row["sort"]} for row in rows]
    )


def get_department(call: Call) -> Answer:
    """department/get: one of them."""
    refuse_contacts_sync(call)
    with call.world.store.reading() as connection:
        row = seen_department(connection, call, call.arg("id", 60123))
        return ok(department=_as_department(connection, row))


def refuse_contacts_sync(call: Call) -> None:
    """Details are not for the contacts-sync secret: 48009 from an address new since 2022-08-15 (facts 3.3)."""
    if call.app.contacts_sync:
        raise WeComError(48009)


def seen_department(connection: sqlite3.Connection, call: Call, department_id: str) -> sqlite3.Row:
    """A department the app may see. Raises 60123 for no number, 60003 for none there, 60011 out of scope."""
    if not department_id.isascii() or not department_id.isdigit():
        raise WeComError(60123)
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM department WHERE id = ?", (int(department_id),)
    ).fetchone()
    if row is None:
        raise WeComError(60003)
    if row["id"] not in _visible(connection, call):
        raise WeComError(60011)
    return row


def all_below(connection: sqlite3.Connection, department_id: int) -> list[sqlite3.Row]:
    """A department and everything below it, parents first by id."""
    return connection.execute(_BELOW, (department_id,)).fetchall()


def department_at(connection: sqlite3.Connection, path: str) -> int:
    """The id of the department with this path of names below the root, `华南分公司/万象城店`; made where it is new."""
    found = ROOT_DEPARTMENT
    for name in filter(None, (part.strip() for part in path.split("/"))):
        row = connection.execute(
            "SELECT id FROM department WHERE parentid = ? AND name = ?", (found, name)
        ).fetchone()
        found = int(row["id"]) if row else add_department(connection, name, found)
    return found


def add_department(connection: sqlite3.Connection, name: str, parent_id: int, sort: int = 0) -> int:
    """A new department; returns its id. Names are unique below one parent."""
    new_id = int(connection.execute("SELECT max(id) + 1 FROM department").fetchone()[0])
    connection.execute("INSERT INTO department VALUES (?, ?, ?, ?)", (new_id, name, parent_id, sort))
    return new_id


def wrong_name(name: str) -> bool:
    """Whether WeCom would not take this name (facts 3.3): too long, or with a character it forbids."""
    return not name or len(name) > LONGEST_NAME or bool(_FORBIDDEN_IN_NAMES & set(name))


def _asked(connection: sqlite3.Connection, call: Call) -> list[sqlite3.Row]:
    department_id = call.args.get("id", "")
    if department_id:
        seen_department(connection, call, department_id)
    visible = _visible(connection, call)
    rows = all_below(connection, int(department_id or ROOT_DEPARTMENT))
    return [row for row in rows if row["id"] in visible]


def _visible(connection: sqlite3.Connection, call: Call) -> set[int]:
    """The departments in the app's scope; the contacts-sync secret sees all."""
    seen = None if call.app.contacts_sync else scope.departments_seen(connection)
    return scope.with_below(connection, [ROOT_DEPARTMENT]) if seen is None else seen


def _as_department(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    leaders = connection.execute(
        "SELECT userid FROM membership WHERE department_id = ? AND is_leader ORDER BY userid", (row["id"],)
    )
    return {
        "id": row["id"],
        "name": row["name"],
        "name_en": "",
        "department_leader": [leader["userid"] for leader in leaders],
        "parentid": row["parentid"],
        "order": row["sort"],
    }


ENDPOINTS = {
    "department/list": Endpoint(list_departments),
    "department/simplelist": Endpoint(list_department_ids),
    "department/get": Endpoint(get_department),
}
