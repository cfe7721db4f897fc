"""Corp tags made and changed by people in WeCom's console: every change is told (change_external_tag, facts 4.3).

Every function works in the caller's write transaction; `now` is the virtual time in microseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from app.sandbox import tag_store
from app.sandbox.callbacks import emit
from app.sandbox.tag_store import CONSOLE

TAG, GROUP = "tag", "tag_group"


def create_tags(connection: sqlite3.Connection, now: int, group_name: str, names: Sequence[str]) -> list[str]:
    """Tags in the group of this name, which is made when there is none: their ids, the new ones alone."""
    group = tag_store.find_group_named(connection, group_name)
    if group is None:
        group = tag_store.add_group(connection, now, CONSOLE, group_name, 0)
        _tell(connection, now, "create", GROUP, group["group_id"])
    named = [(name, 0) for name in names]
    added = tag_store.add_tags(connection, now, CONSOLE, group["group_id"], named)
    for tag in added:
        _tell(connection, now, "create", TAG, tag["tag_id"])
    return [tag["tag_id"] for tag in added]


def edit(connection: sqlite3.Connection, now: int, tag_or_group_id: str, name: str) -> None:
    """Another name for a tag or a group, whoever made it; WeComError 40068 and 40071 as the API has them."""
    kind, row = find(connection, tag_or_group_id)
    tag_store.rename(connection, row, name, None)
    _tell(connection, now, "update", kind, tag_or_group_id)


def delete(connection: sqlite3.Connection, now: int, tag_or_group_id: str) -> None:
    """A tag or a group with its tags, whoever made it; a group ends with its last tag."""
    kind, _row = find(connection, tag_or_group_id)
    if kind == TAG:
        gone = tag_store.delete_tags(connection, [tag_or_group_id])
        _tell(connection, now, "delete", TAG, tag_or_group_id)
        for group_id in gone:
            _tell(connection, now, "delete", GROUP, group_id)
        return
    for tag_id in tag_store.delete_group(connection, tag_or_group_id):
        _tell(connection, now, "delete", TAG, tag_id)
    _tell(connection, now, "delete", GROUP, tag_or_group_id)


def shuffle(connection: sqlite3.Connection, now: int, group_id: str, tag_ids: Sequence[str]) -> None:
    """The tags of the group in another order, the first one first."""
    tag_store.get_group(connection, group_id)
    for place, tag_id in enumerate(tag_ids):
        row = tag_store.get_tag(connection, tag_id)
        tag_store.rename(connection, row, None, len(tag_ids) - place)
    _tell(connection, now, "shuffle", GROUP, group_id)


def find(connection: sqlite3.Connection, tag_or_group_id: str) -> tuple[str, sqlite3.Row]:
    """Which of the two it is, and its row; WeComError 40068 for neither."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tag WHERE tag_id = ? AND NOT deleted", (tag_or_group_id,)
    ).fetchone()
    return (TAG, row) if row else (GROUP, tag_store.get_group(connection, tag_or_group_id))


def _tell(connection: sqlite3.Connection, now: int, change: str, kind: str, tag_or_group_id: str) -> None:
    event = {"Event": "change_external_tag", "ChangeType": change, "Id": tag_or_group_id, "TagType": kind}
    emit(connection, now, event)
