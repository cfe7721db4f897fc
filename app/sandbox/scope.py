"""Whom the app may see (可见范围): the members of some departments and of all below them, or the whole corp."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from app.sandbox import rules
from app.sandbox.answers import WeComError

ROOT = 1

_IN_SCOPE = """
SELECT 1 FROM membership JOIN department_within USING (department_id)
WHERE userid = ? AND within_id IN (SELECT value FROM json_each(?))
"""


def sees(connection: sqlite3.Connection, userid: str) -> bool:
    """Whether the member is in the app's scope, through any of their departments; nobody and the deleted are not."""
    departments = rules.of(connection).scope
    within = json.dumps([1] if departments is None else list(departments))
    return connection.execute(_IN_SCOPE, (userid, within)).fetchone() is not None


def check(connection: sqlite3.Connection, userid: str, code: int = 60011) -> None:
    """Raises `code` for a member the app may not see."""
    if not sees(connection, userid):
        raise WeComError(code)


def departments_seen(connection: sqlite3.Connection) -> set[int] | None:
    """The departments in scope with all below them; None for all there are."""
    wanted = rules.of(connection).scope
    return None if wanted is None or ROOT in wanted else with_below(connection, wanted)


def visible(connection: sqlite3.Connection, departments: set[int] | None) -> list[str]:
    """The active members of these departments (None: of the corp) that the app may see, in order."""
    rows = connection.execute(
        """SELECT DISTINCT person.userid FROM person JOIN membership USING (userid)
           WHERE person.status = 1
               AND (:wanted IS NULL OR membership.department_id IN (SELECT value FROM json_each(:wanted)))
               AND (:seen IS NULL OR EXISTS (
                   SELECT 1 FROM membership AS other WHERE other.userid = person.userid
                       AND other.department_id IN (SELECT value FROM json_each(:seen))))
           ORDER BY person.userid""",
        {"wanted": _json(departments), "seen": _json(departments_seen(connection))},
    )
    return [row["userid"] for row in rows]


def filtering(connection: sqlite3.Connection) -> str | None:
    """The userids the app may see as JSON, for a query to choose from; None where it may see everybody."""
    seen = departments_seen(connection)
    return None if seen is None else json.dumps(visible(connection, None))


def with_below(connection: sqlite3.Connection, departments: Iterable[int]) -> set[int]:
    """These departments and all below them."""
    rows = connection.execute(
        "SELECT department_id FROM department_within WHERE within_id IN (SELECT value FROM json_each(?))",
        (_json(set(departments)),),
    )
    return {row["department_id"] for row in rows}


def _json(departments: set[int] | None) -> str | None:
    return None if departments is None else json.dumps(sorted(departments))
