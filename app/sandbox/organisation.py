"""What an administrator does with the contact book in WeCom's console: each act is an event (facts 4.3).

Events carry ids only, as for apps configured after 2022-08-15. Seeding (people.put_person) has no event.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox.callbacks import emit
from app.sandbox.departments import MOST_LEVELS, ROOT_DEPARTMENT, add_department, all_below, wrong_name
from app.sandbox.people import USERID, find_person, put_memberships, put_person

DELETED = 5
MOST_DEPARTMENTS = 20
PERSON_FIELDS = frozenset(
    {"name", "alias", "position", "mobile", "direct_leader", "status", "contacts_enabled"}
)


class NotPossible(ValueError):
    """WeCom's console would not do this; the message says why."""


def create_person(connection: sqlite3.Connection, now_us: int, person: dict[str, Any]) -> None:
    """Add a member; raises NotPossible for one that is there."""
    stored = find_person(connection, person["userid"])
    if stored is not None and stored["status"] != DELETED:
        raise NotPossible(f"{person['userid']} is there already")
    put_person(connection, person)
    _tell_person(
        connection, now_us, "create_user", person["userid"], Department=_departments(connection, person)
    )


def change_person(
    connection: sqlite3.Connection,
    now_us: int,
    userid: str,
    changes: dict[str, Any],
    departments: list[int] | None = None,
    leads: list[int] | None = None,
) -> None:
    """Change a member's fields, departments (main first) or which of them they lead."""
    person = _get(connection, userid)
    for name in PERSON_FIELDS & changes.keys():
        connection.execute(f"UPDATE person SET {name} = ? WHERE userid = ?", (changes[name], userid))  # noqa: S608
    if departments is not None or leads is not None:
        _move(connection, person["userid"], departments, leads)
    told = {"Department": _departments(connection, dict(person))} if departments is not None else {}
    _tell_person(connection, now_us, "update_user", person["userid"], **told)


def rename_userid(connection: sqlite3.Connection, now_us: int, userid: str, new_userid: str) -> None:
    """Give a member another id; everything of theirs goes with them."""
    person = _get(connection, userid)
    if not USERID.fullmatch(new_userid) or find_person(connection, new_userid) is not None:
        raise NotPossible(f"{new_userid} is taken or no userid")
    for table, column in _userid_columns(connection):
        statement = f"UPDATE {table} SET {column} = ? WHERE {column} = ? COLLATE NOCASE"  # noqa: S608
        connection.execute(statement, (new_userid, userid))
    _tell_person(connection, now_us, "update_user", person["userid"], NewUserID=new_userid)


def delete_person(connection: sqlite3.Connection, now_us: int, userid: str) -> None:
    """Take a member out of the contact book; their customers and chats stay for a handover."""
    person = _get(connection, userid)
    connection.execute("DELETE FROM membership WHERE userid = ?", (userid,))
    connection.execute("UPDATE person SET status = ? WHERE userid = ?", (DELETED, userid))
    _tell_person(connection, now_us, "delete_user", person["userid"])


def create_department(connection: sqlite3.Connection, now_us: int, name: str, parent_id: int) -> int:
    """A new department; returns its id."""
    _refuse_name(connection, name, parent_id, 0)
    above = connection.execute("SELECT count(*) FROM department_within WHERE department_id = ?", (parent_id,))
    if above.fetchone()[0] >= MOST_LEVELS:
        raise NotPossible(f"at most {MOST_LEVELS} levels")
    new_id = add_department(connection, name, parent_id)
    _tell_department(connection, now_us, "create_party", new_id, Name=name, ParentId=parent_id, Order=0)
    return new_id


def change_department(
    connection: sqlite3.Connection, now_us: int, department_id: int, name: str | None, parent_id: int | None
) -> None:
    """Rename or move a department; never below itself."""
    row = _get_department(connection, department_id)
    name, parent = name or row["name"], row["parentid"] if parent_id is None else parent_id
    if parent in {below["id"] for below in all_below(connection, department_id)}:
        raise NotPossible("a department cannot stand below itself")
    _refuse_name(connection, name, parent, department_id)
    connection.execute(
        "UPDATE department SET name = ?, parentid = ? WHERE id = ?", (name, parent, department_id)
    )
    told = {"Name": name} if name != row["name"] else {}
    told |= {"ParentId": parent} if parent != row["parentid"] else {}
    _tell_department(connection, now_us, "update_party", department_id, **told)


def delete_department(connection: sqlite3.Connection, now_us: int, department_id: int) -> None:
    """Delete an empty department: WeCom's console refuses one with members or with departments below it."""
    _get_department(connection, department_id)
    held = connection.execute("SELECT 1 FROM membership WHERE department_id = ?", (department_id,)).fetchone()
    if department_id == ROOT_DEPARTMENT or held or len(all_below(connection, department_id)) > 1:
        raise NotPossible("the root, and departments with members or departments below them, stay")
    connection.execute("DELETE FROM department WHERE id = ?", (department_id,))
    _tell_department(connection, now_us, "delete_party", department_id)


def _move(
    connection: sqlite3.Connection, userid: str, departments: list[int] | None, leads: list[int] | None
) -> None:
    query = "SELECT department_id, is_leader FROM membership WHERE userid = ? ORDER BY place"
    current = connection.execute(query, (userid,)).fetchall()
    wanted = [row["department_id"] for row in current] if departments is None else departments
    if not 1 <= len(wanted) <= MOST_DEPARTMENTS:
        raise NotPossible(f"1 to {MOST_DEPARTMENTS} departments")
    for department_id in wanted:
        _get_department(connection, department_id)
    led = {row["department_id"] for row in current if row["is_leader"]} if leads is None else set(leads)
    put_memberships(connection, userid, wanted, led)
    connection.execute("UPDATE person SET department_id = ? WHERE userid = ?", (wanted[0], userid))


def _departments(connection: sqlite3.Connection, person: dict[str, Any]) -> str:
    rows = connection.execute(
        "SELECT department_id FROM membership WHERE userid = ? ORDER BY place", (person["userid"],)
    )
    return ",".join(str(row["department_id"]) for row in rows)


def _get(connection: sqlite3.Connection, userid: str) -> sqlite3.Row:
    row = find_person(connection, userid)
    if row is None or row["status"] == DELETED:
        raise NotPossible(f"{userid} is not there")
    return row


def _get_department(connection: sqlite3.Connection, department_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM department WHERE id = ?", (department_id,)
    ).fetchone()
    if row is None:
        raise NotPossible(f"department {department_id} is not there")
    return row


def _refuse_name(connection: sqlite3.Connection, name: str, parent_id: int, own_id: int) -> None:
    _get_department(connection, parent_id)
    query = "SELECT 1 FROM department WHERE parentid = ? AND name = ? AND id <> ?"
    if wrong_name(name) or connection.execute(query, (parent_id, name, own_id)).fetchone():
        raise NotPossible(f"{name}: taken there, too long, or with a forbidden character")


def _userid_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every column that names a member, whichever subject's table it stands in."""
    rows = connection.execute(
        """SELECT tables.name AS tab, columns.name AS col
           FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
           WHERE tables.type = 'table' AND columns.name <> 'external_userid'
               AND (columns.name = 'userid' OR columns.name LIKE '%\\_userid' ESCAPE '\\'
                    OR columns.name IN ('owner', 'direct_leader', 'creator', 'anchor'))"""
    )
    return [(row["tab"], row["col"]) for row in rows]


def _tell_person(
    connection: sqlite3.Connection, now_us: int, change: str, userid: str, **fields: object
) -> None:
    emit(connection, now_us, {"Event": "change_contact", "ChangeType": change, "UserID": userid, **fields})


def _tell_department(
    connection: sqlite3.Connection, now_us: int, change: str, department_id: int, **fields: object
) -> None:
    emit(connection, now_us, {"Event": "change_contact", "ChangeType": change, "Id": department_id, **fields})
