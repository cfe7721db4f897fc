"""The members as the sandbox's own pages list them: with what waits unread on each phone."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox.hosts import label_of

_PEOPLE = """
SELECT person.userid, person.name, person.position, department.name AS department,
    (SELECT count(*) FROM delivery WHERE delivery.userid = person.userid
        AND read_at IS NULL AND state = 'delivered') AS unread
FROM person JOIN department ON department.id = person.department_id
WHERE person.status = 1 AND (person.name LIKE :like OR person.userid LIKE :like OR department.name LIKE :like)
ORDER BY department.id, person.userid LIMIT :most
"""

MOST = 1_000


def people_of(connection: sqlite3.Connection, search: str = "", most: int = MOST) -> list[dict[str, Any]]:
    """The active members whose name, id or department contains `search`, in department order."""
    rows = connection.execute(_PEOPLE, {"like": f"%{search.strip()}%", "most": most})
    return [{**dict(row), "label": label_of(row["userid"])} for row in rows]
