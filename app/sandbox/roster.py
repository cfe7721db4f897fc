"""Members and customers as the sandbox's own pages list them: members with what waits unread on each phone."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox.hosts import customer_label_of, label_of

_PEOPLE = """
SELECT person.userid, person.name, person.position, department.name AS department,
    (SELECT count(*) FROM delivery WHERE delivery.userid = person.userid
        AND read_at IS NULL AND state = 'delivered') AS unread
FROM person JOIN department ON department.id = person.department_id
WHERE person.status = 1 AND (person.name LIKE :like OR person.userid LIKE :like OR department.name LIKE :like)
ORDER BY department.id, person.userid LIMIT :most
"""

_CUSTOMERS = """
SELECT contact.external_userid, contact.name,
    coalesce((SELECT group_concat(person.name, '、') FROM follow JOIN person USING (userid)
        WHERE follow.external_userid = contact.external_userid), '') AS members
FROM contact LEFT JOIN (SELECT external_userid, max(id) AS last_id FROM chat_message GROUP BY external_userid)
    AS said USING (external_userid)
WHERE contact.name LIKE :like OR contact.external_userid = :search OR EXISTS (SELECT 1 FROM follow
    WHERE follow.external_userid = contact.external_userid AND follow.remark LIKE :like)
ORDER BY last_id DESC NULLS LAST, contact.rowid DESC LIMIT :most
"""

MOST = 1_000


def people_of(connection: sqlite3.Connection, search: str = "", most: int = MOST) -> list[dict[str, Any]]:
    """The active members whose name, id or department contains `search`, in department order."""
    rows = connection.execute(_PEOPLE, {"like": f"%{search.strip()}%", "most": most})
    return [{**dict(row), "label": label_of(row["userid"])} for row in rows]


def customers_of(connection: sqlite3.Connection, search: str, most: int) -> list[dict[str, Any]]:
    """Customers whose name or a member's remark for them contains `search`: who spoke last stands first."""
    rows = connection.execute(
        _CUSTOMERS, {"like": f"%{search.strip()}%", "search": search.strip(), "most": most}
    )
    return [{**dict(row), "label": customer_label_of(row["external_userid"])} for row in rows]


def find_customer(connection: sqlite3.Connection, external_userid: str) -> sqlite3.Row | None:
    """The customer, connected to anybody or not; or None."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM contact WHERE external_userid = ?", (external_userid,)
    ).fetchone()
    return row
