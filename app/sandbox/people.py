"""Members (成员) of the corp and their departments: WeCom's contact book (facts 3.3)."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint

USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}")  # facts 2, "IDs"
ROOT_DEPARTMENT = 1

_PERSON = """SELECT person.*, department.name AS department
             FROM person JOIN department ON department.id = person.department_id WHERE userid = ?"""


def find_person(connection: sqlite3.Connection, userid: str) -> sqlite3.Row | None:
    """The member, whatever the case of the id (facts 2), with the department's name; or None."""
    row: sqlite3.Row | None = connection.execute(_PERSON, (userid,)).fetchone()
    return row


def get_person(connection: sqlite3.Connection, userid: str) -> sqlite3.Row:
    """The member; raises WeComError 60111 when there is none."""
    row = find_person(connection, userid)
    if row is None:
        raise WeComError(60111)
    return row


def get_user(call: Call) -> Answer:
    """user/get. Mobile, e-mail and avatar are left out, as for apps made after 2022-06-20 (facts 3.3)."""
    userid = call.arg("userid", 41009)
    with call.world.store.reading() as connection:
        return ok(**_as_member(get_person(connection, userid)))


def get_follow_user_list(call: Call) -> Answer:
    """externalcontact/get_follow_user_list: the members for whom 客户联系 is switched on (facts 3.4)."""
    with call.world.store.reading() as connection:
        rows = connection.execute(
            "SELECT userid FROM person WHERE contacts_enabled AND status = 1 ORDER BY userid"
        )
        return ok(follow_user=[row["userid"] for row in rows])


def put_person(connection: sqlite3.Connection, person: dict[str, Any]) -> None:
    """Add a member or bring it up to date; the department is made when it is new."""
    connection.execute(
        """INSERT INTO person VALUES (:userid, :name, :department_id, :position, :status, :contacts_enabled)
           ON CONFLICT (userid) DO UPDATE SET name = :name, department_id = :department_id,
               position = :position, status = :status, contacts_enabled = :contacts_enabled""",
        {**person, "department_id": _department_id(connection, person["department"])},
    )


def _department_id(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM department WHERE name = ?", (name,)).fetchone()
    if row:
        return int(row["id"])
    top = connection.execute("SELECT coalesce(max(id), ?) FROM department", (ROOT_DEPARTMENT,)).fetchone()[0]
    connection.execute("INSERT INTO department VALUES (?, ?)", (top + 1, name))
    return int(top) + 1


def _as_member(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "userid": row["userid"],
        "name": row["name"],
        "department": [row["department_id"]],
        "order": [0],
        "position": row["position"],
        "is_leader_in_dept": [0],
        "direct_leader": [],
        "telephone": "",
        "alias": "",
        "main_department": row["department_id"],
        "extattr": {"attrs": []},
        "status": row["status"],
        "external_position": "",
    }


ENDPOINTS = {
    "user/get": Endpoint(get_user),
    "externalcontact/get_follow_user_list": Endpoint(get_follow_user_list, contacts=True),
}
