"""The corp's customer tags (企业客户标签) and who carries them: rows only. The API is tags, the console tag_console."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from app.sandbox import graph_rules
from app.sandbox.answers import WeComError

MARKS_MOST = 3_000  # of one member on one customer (facts 3.5)
CORP, PERSONAL = 1, 2  # the type of a tag in follow_user (facts 3.4)
CONSOLE = 0  # the agent_id of what people made in the console


def new_id() -> str:
    """The id of a tag or a group (facts 2, "IDs")."""
    return f"et{secrets.token_hex(15)}"


def find_group_named(connection: sqlite3.Connection, name: str) -> sqlite3.Row | None:
    """The living group of this name."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tag_group WHERE name = ? AND NOT deleted", (name,)
    ).fetchone()
    return row


def get_group(connection: sqlite3.Connection, group_id: str) -> sqlite3.Row:
    """The living group of this id; 40068 when there is none."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tag_group WHERE group_id = ? AND NOT deleted", (group_id,)
    ).fetchone()
    if row is None:
        raise WeComError(40068)
    return row


def get_tag(connection: sqlite3.Connection, tag_id: str) -> sqlite3.Row:
    """The living tag of this id; 40068 when there is none."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM tag WHERE tag_id = ? AND NOT deleted", (tag_id,)
    ).fetchone()
    if row is None:
        raise WeComError(40068)
    return row


def add_group(connection: sqlite3.Connection, now: int, agent_id: int, name: str, order: int) -> sqlite3.Row:
    """A new group, without tags yet."""
    group_id = new_id()
    connection.execute(
        "INSERT INTO tag_group VALUES (?, ?, ?, ?, ?, 0)", (group_id, name, order, now // 1_000_000, agent_id)
    )
    return get_group(connection, group_id)


def add_tags(
    connection: sqlite3.Connection, now: int, agent_id: int, group_id: str, tags: Iterable[tuple[str, int]]
) -> list[sqlite3.Row]:
    """The tags (name, order) that the group did not have; those it had are left as they are.

    Raises 40126 when the corp would have more than it may.
    """
    known = {row["name"] for row in tags_of(connection, group_id)}
    fresh = {name: order for name, order in reversed(list(tags)) if name not in known}
    ids = [new_id() for _ in fresh]
    rows = [
        (tag_id, group_id, name, order, now // 1_000_000, agent_id)
        for tag_id, (name, order) in zip(ids, reversed(fresh.items()), strict=True)
    ]
    connection.executemany("INSERT INTO tag VALUES (?, ?, ?, ?, ?, ?, 0)", rows)
    there_are = connection.execute("SELECT count(*) FROM tag WHERE NOT deleted").fetchone()[0]
    if there_are > graph_rules.of(connection).tag_cap:
        raise WeComError(40126)
    return [get_tag(connection, tag_id) for tag_id in ids]


def tags_of(connection: sqlite3.Connection, group_id: str, *, deleted: bool = False) -> list[sqlite3.Row]:
    """The tags of a group, the larger order first (facts 3.5); with `deleted` also those that are gone."""
    return connection.execute(
        "SELECT * FROM tag WHERE group_id = ? AND deleted <= ? ORDER BY sort_order DESC, created_at_s, rowid",
        (group_id, deleted),
    ).fetchall()


def delete_tags(connection: sqlite3.Connection, tag_ids: Sequence[str]) -> list[str]:
    """The tags are gone from every customer; the ids of the groups that ended with their last tag."""
    groups = {get_tag(connection, tag_id)["group_id"] for tag_id in tag_ids}
    for tag_id in tag_ids:
        connection.execute("UPDATE tag SET deleted = 1 WHERE tag_id = ?", (tag_id,))
        connection.execute("DELETE FROM mark WHERE tag_id = ?", (tag_id,))
    emptied = sorted(group_id for group_id in groups if not tags_of(connection, group_id))
    for group_id in emptied:
        connection.execute("UPDATE tag_group SET deleted = 1 WHERE group_id = ?", (group_id,))
    return emptied


def delete_group(connection: sqlite3.Connection, group_id: str) -> list[str]:
    """The group and its tags are gone; the ids of the tags."""
    tag_ids = [str(row["tag_id"]) for row in tags_of(connection, group_id)]
    delete_tags(connection, tag_ids)
    connection.execute("UPDATE tag_group SET deleted = 1 WHERE group_id = ?", (group_id,))
    return tag_ids


def rename(connection: sqlite3.Connection, row: sqlite3.Row, name: str | None, order: int | None) -> None:
    """Another name or order for the row of a tag or a group; None keeps what is there.

    Raises 40071 where the group has a tag of that name, or the corp a group of that name.
    """
    is_tag = "tag_id" in row.keys()  # noqa: SIM118 - sqlite3.Row has no "in" for columns
    table, column = ("tag", "tag_id") if is_tag else ("tag_group", "group_id")
    if name is not None and _is_taken(connection, row, name, is_tag):
        raise WeComError(40071)
    connection.execute(
        f"UPDATE {table} SET name = coalesce(?, name), sort_order = coalesce(?, sort_order) WHERE {column} = ?",  # noqa: S608
        (name, order, row[column]),
    )


def mark(
    connection: sqlite3.Connection,
    userid: str,
    external_userid: str,
    add: Sequence[str],
    remove: Sequence[str],
) -> None:
    """The member's tags on the customer change; an id in both ends up removed.

    Raises 40068 for an unknown tag and 40058 above 3,000 tags of the pair; nothing changes then.
    """
    for tag_id in (*add, *remove):
        get_tag(connection, tag_id)
    pair = (userid, external_userid)
    connection.executemany("INSERT OR IGNORE INTO mark VALUES (?, ?, ?)", [(*pair, tag) for tag in add])
    connection.executemany(
        "DELETE FROM mark WHERE userid = ? AND external_userid = ? AND tag_id = ?",
        [(*pair, tag) for tag in remove],
    )
    query = "SELECT count(*) FROM mark WHERE userid = ? AND external_userid = ?"
    if connection.execute(query, pair).fetchone()[0] > MARKS_MOST:
        raise WeComError(40058, "too many tags")


def put_personal(
    connection: sqlite3.Connection, userid: str, external_userid: str, names: Iterable[str]
) -> None:
    """Replace the member's own tags on the customer: no ids, no rules (facts 3.4)."""
    pair = (userid, external_userid)
    connection.execute("DELETE FROM personal_mark WHERE userid = ? AND external_userid = ?", pair)
    rows = [(*pair, name) for name in dict.fromkeys(names)]
    connection.executemany("INSERT INTO personal_mark VALUES (?, ?, ?)", rows)


def marks_of(connection: sqlite3.Connection, userid: str, external_userid: str) -> list[dict[str, Any]]:
    """The tags as follow_user shows them; personal ones have no tag_id (facts 3.4)."""
    pair = (userid, external_userid)
    rows = connection.execute(
        """SELECT tag_group.name AS group_name, tag.name AS tag_name, tag.tag_id
           FROM mark JOIN tag USING (tag_id) JOIN tag_group USING (group_id)
           WHERE userid = ? AND external_userid = ? ORDER BY tag.rowid""",
        pair,
    )
    marks = [{**dict(row), "type": CORP} for row in rows]
    personal = connection.execute(
        "SELECT name FROM personal_mark WHERE userid = ? AND external_userid = ? ORDER BY name", pair
    )
    return marks + [{"group_name": "", "tag_name": row["name"], "type": PERSONAL} for row in personal]


def _is_taken(connection: sqlite3.Connection, row: sqlite3.Row, name: str, is_tag: bool) -> bool:
    if is_tag:
        others = tags_of(connection, row["group_id"])
        return any(tag["name"] == name and tag["tag_id"] != row["tag_id"] for tag in others)
    group = find_group_named(connection, name)
    return group is not None and group["group_id"] != row["group_id"]
