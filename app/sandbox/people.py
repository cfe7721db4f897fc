"""Members (成员) of the corp: WeCom's contact book (facts 3.3)."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, text_of
from app.sandbox.clock import HOUR
from app.sandbox.cursors import limit_of, paged
from app.sandbox.departments import department_at, refuse_contacts_sync, seen_department

USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}")  # facts 2, "IDs"
IDS_A_PAGE = 10_000
DAY = 24 * HOUR
WRONG_SHARE = 5  # wrong numbers above a fifth of the headcount block user/getuserid for a day (facts 3.3)

_PERSON = """SELECT person.*, department.name AS department
             FROM person JOIN department ON department.id = person.department_id WHERE userid = ?"""
_MEMBERSHIPS = "SELECT * FROM membership WHERE userid = ? ORDER BY place"
_DIRECT = """
SELECT person.* FROM membership JOIN person USING (userid)
WHERE membership.department_id = ? ORDER BY membership.sort DESC, person.userid
"""


def find_person(connection: sqlite3.Connection, userid: str) -> sqlite3.Row | None:
    """The member, whatever the case of the id (facts 2), with the main department's name; or None."""
    row: sqlite3.Row | None = connection.execute(_PERSON, (userid,)).fetchone()
    return row


def get_person(connection: sqlite3.Connection, userid: str) -> sqlite3.Row:
    """The member; raises WeComError 60111 when there is none."""
    row = find_person(connection, userid)
    if row is None:
        raise WeComError(60111)
    return row


def get_user(call: Call) -> Answer:
    """user/get. Mobile, e-mail and avatar are left out, as for apps made after 2022-06-20 (facts 3.3).

    60111 for somebody who is not there, was deleted, or is out of scope: WeCom does not tell which.
    """
    refuse_contacts_sync(call)
    userid = call.arg("userid", 41009)
    with call.world.store.reading() as connection:
        person = get_person(connection, userid)
        if not scope.sees(connection, userid):
            raise WeComError(60111)
        return ok(**_as_member(connection, person))


def list_users(call: Call) -> Answer:
    """user/list: a department's direct members, in full."""
    refuse_contacts_sync(call)
    with call.world.store.reading() as connection:
        rows = _direct_members(connection, call)
        return ok(userlist=[_as_member(connection, row) for row in rows])


def list_user_names(call: Call) -> Answer:
    """user/simplelist: a department's direct members, by name."""
    refuse_contacts_sync(call)
    with call.world.store.reading() as connection:
        rows = _direct_members(connection, call)
        members = [_as_member(connection, row) for row in rows]
    return ok(
        userlist=[{name: member[name] for name in ("userid", "name", "department")} for member in members]
    )


def list_user_ids(call: Call) -> Answer:
    """user/list_id: every member once per department, paged; the gate lets only the contacts-sync secret in."""
    body = call.body()
    limit = limit_of(body, IDS_A_PAGE, IDS_A_PAGE)
    query = "SELECT userid, department_id FROM membership ORDER BY userid, department_id"
    with call.world.store.reading() as connection:
        rows, cursor = paged(connection, query, {}, body, limit)
    members = [{"userid": row["userid"], "department": row["department_id"]} for row in rows]
    return ok(dept_user=members, next_cursor=cursor)


def get_userid(call: Call) -> Answer:
    """user/getuserid: whose mobile this is, 46004 for nobody's; too many of those and WeCom answers 45009 for a day."""
    refuse_contacts_sync(call)
    mobile = text_of(call.body(), "mobile")
    with call.world.store.writing() as connection:
        if _is_blocked(connection, call):
            raise WeComError(45009)
        row = connection.execute(
            "SELECT userid FROM person WHERE mobile = ? AND status <> 5", (mobile,)
        ).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO wrong_mobile (agent_id, asked_at) VALUES (?, ?)", (call.app.agent_id, call.now)
            )
    if row is None:
        raise WeComError(46004)
    return ok(userid=row["userid"])


def put_person(connection: sqlite3.Connection, person: dict[str, Any]) -> None:
    """Add a member or bring it up to date; departments are made when they are new. The first is the main one."""
    departments = [department_at(connection, path) for path in person["departments"]]
    connection.execute(
        """INSERT INTO person VALUES (:userid, :name, :alias, :mobile, :department_id, :direct_leader, :position,
               :status, :contacts_enabled)
           ON CONFLICT (userid) DO UPDATE SET name = :name, alias = :alias, mobile = :mobile,
               department_id = :department_id, direct_leader = :direct_leader, position = :position,
               status = :status, contacts_enabled = :contacts_enabled""",
        {**person, "department_id": departments[0]},
    )
    leads = {department_at(connection, path) for path in person["leads"]}
    put_memberships(connection, person["userid"], departments, leads)


def put_memberships(
    connection: sqlite3.Connection, userid: str, departments: list[int], leads: set[int]
) -> None:
    """Make these a member's departments, in this order, and those of them they lead."""
    connection.execute("DELETE FROM membership WHERE userid = ?", (userid,))
    stored = find_person(connection, userid)
    name = stored["userid"] if stored else userid
    connection.executemany(
        "INSERT INTO membership VALUES (?, ?, ?, 0, ?)",
        [(name, number, place, number in leads) for place, number in enumerate(dict.fromkeys(departments))],
    )


def _direct_members(connection: sqlite3.Connection, call: Call) -> list[sqlite3.Row]:
    department = seen_department(connection, call, call.arg("department_id", 60123))
    return connection.execute(_DIRECT, (department["id"],)).fetchall()


def _is_blocked(connection: sqlite3.Connection, call: Call) -> bool:
    heads = connection.execute("SELECT count(*) FROM person WHERE status <> 5").fetchone()[0]
    wrong = connection.execute(
        "SELECT count(*) FROM wrong_mobile WHERE agent_id = ? AND asked_at BETWEEN ? AND ?",
        (call.app.agent_id, call.now - DAY, call.now),
    ).fetchone()[0]
    return bool(wrong * WRONG_SHARE > heads)


def _as_member(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    memberships = connection.execute(_MEMBERSHIPS, (row["userid"],)).fetchall()
    return {
        "userid": row["userid"],
        "name": row["name"],
        "department": [membership["department_id"] for membership in memberships],
        "order": [membership["sort"] for membership in memberships],
        "position": row["position"],
        "is_leader_in_dept": [membership["is_leader"] for membership in memberships],
        "direct_leader": [row["direct_leader"]] if row["direct_leader"] else [],
        "telephone": "",
        "alias": row["alias"],
        "main_department": row["department_id"],
        "extattr": {"attrs": []},
        "status": row["status"],
        "external_position": "",
    }


ENDPOINTS = {
    "user/get": Endpoint(get_user),
    "user/list": Endpoint(list_users),
    "user/simplelist": Endpoint(list_user_names),
    "user/list_id": Endpoint(list_user_ids, post=True, sync=True),
    "user/getuserid": Endpoint(get_userid, post=True),
}
