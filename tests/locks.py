"""Watching the order in which a test locks rows: members first, ascending, then what is of associates.

Only a database that locks rows says so in its statements; on SQLite nothing is seen, as nothing can go wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from app.db import Database

OF_MEMBERS = re.compile(r"FROM member_care\b.*member_id IN \(([^)]*)\).*FOR UPDATE$", re.DOTALL)
OF_ASSOCIATES = re.compile(
    r"(INTO|UPDATE) (balance|handover|digest)_schedules|_schedules\b.*FOR UPDATE", re.DOTALL
)


@contextmanager
def locks_in_order(database: Database) -> Iterator[None]:
    """Fails where a transaction waited for a member after it had locked another one above, or rows of associates."""
    held: dict[int, set[int]] = defaultdict(set)
    has_associates: set[int] = set()
    wrong: list[str] = []

    def look(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        its = id(connection)
        if members := OF_MEMBERS.search(statement):
            wanted = {int(number) for number in re.findall(r"\b\d+\b", members[1])} - held[its]
            if wanted and (its in has_associates or min(wanted) < max(held[its], default=0)):
                wrong.append(f"members {sorted(wanted)} after {sorted(held[its])}")
            held[its] |= wanted
        elif OF_ASSOCIATES.search(statement):
            has_associates.add(its)

    def end(connection: Connection) -> None:
        held.pop(id(connection), None)
        has_associates.discard(id(connection))

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": look,
        "commit": end,
        "rollback": end,
    }
    for name, listener in listeners.items():
        event.listen(database.engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(database.engine, name, listener)
    assert not wrong, wrong
