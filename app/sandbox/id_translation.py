"""Names in place of ids in a message's texts, with enable_id_trans (facts 3.14)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any

_PLACEHOLDER = re.compile(r"\$(userName|userAlias|userAliasOrName|departmentName)=([^$\s]+)\$")
_PERSON = "SELECT name, alias FROM person WHERE userid = ?"
_DEPARTMENT = "SELECT name FROM department WHERE id = ?"


def translated(connection: sqlite3.Connection, content: Any) -> Any:
    """The content with `$userName=…$` and its kind replaced in every text; what names nobody stays as it is."""
    if isinstance(content, dict):
        return {name: translated(connection, value) for name, value in content.items()}
    if isinstance(content, list):
        return [translated(connection, value) for value in content]
    return _PLACEHOLDER.sub(_name(connection), content) if isinstance(content, str) else content


def _name(connection: sqlite3.Connection) -> Callable[[re.Match[str]], str]:
    def name(match: re.Match[str]) -> str:
        kind, key = match[1], match[2]
        query = _DEPARTMENT if kind == "departmentName" else _PERSON
        row = connection.execute(query, (key,)).fetchone()
        if row is None:
            return match[0]
        if kind == "userAlias":
            return row["alias"] or match[0]
        return str((kind == "userAliasOrName" and row["alias"]) or row["name"])

    return name
