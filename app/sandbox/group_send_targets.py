"""Which member gets a group send's task, and for whom (facts 3.8, rules 2 and 3)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from app.sandbox import scope
from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of, optional_text
from app.sandbox.people import get_person

CUSTOMERS_MOST = 10_000
GROUPS_MOST = 2_000
TAGS_MOST = 100
TAG_LISTS_MOST = 100

# A chat decides before the day they became friends does.
_REACHABLE = """
SELECT follow.userid, follow.external_userid,
    coalesce((SELECT max(sent_at) FROM chat_message WHERE chat_message.userid = follow.userid
        AND chat_message.external_userid = follow.external_userid AND delivered), 0) AS chatted_at, follow.createtime
FROM follow JOIN person ON person.userid = follow.userid
WHERE person.status = 1 AND person.contacts_enabled AND follow.stage = 'mutual'
    AND (:seen IS NULL OR follow.userid COLLATE NOCASE IN (SELECT value FROM json_each(:seen)))
"""


@dataclass(frozen=True)
class Targets:
    """Each member with those to be reached through them, and those nobody reaches."""

    by_userid: dict[str, list[str]]
    unreached: list[str]


def customers_of(connection: sqlite3.Connection, body: Body) -> Targets:
    """For chat_type single: each customer goes to the member who last chatted with it, or, where a sender is
    named, to that one. 40058 where sender, external_userid and tag_filter are all empty, 41048 for nobody."""
    named = _ids(body, "external_userid", CUSTOMERS_MOST)
    sender = optional_text(body, "sender") or ""
    tag_lists = [] if named else _tag_lists(body)
    if not (named or sender or tag_lists):
        raise WeComError(40058, "sender, external_userid and tag_filter are all empty")
    if sender:
        get_person(connection, sender)
        scope.check(connection, sender, 60111)
    rows = _reachable(connection, named, sender)
    chosen: dict[str, sqlite3.Row] = {}
    for row in rows:
        if all(_has_tag_of(connection, row, tags) for tags in tag_lists):
            best = chosen.setdefault(row["external_userid"], row)
            if _closeness(row) > _closeness(best):
                chosen[row["external_userid"]] = row
    by_userid: dict[str, list[str]] = {}
    for external_userid, row in chosen.items():
        by_userid.setdefault(row["userid"], []).append(external_userid)
    return _some(Targets(by_userid, [name for name in named if name not in chosen]))


def groups_of(connection: sqlite3.Connection, body: Body) -> Targets:
    """For chat_type group: groups that the sender (needed) owns, all of them where none is named; else 41048."""
    sender = optional_text(body, "sender") or ""
    if not sender:
        raise WeComError(40058, "sender")
    userid = get_person(connection, sender)["userid"]
    scope.check(connection, userid, 60111)
    named = _ids(body, "chat_id_list", GROUPS_MOST)
    rows = connection.execute(
        "SELECT chat_id FROM group_chat WHERE owner = ? AND dismissed_at IS NULL ORDER BY id", (userid,)
    )
    owned = [row["chat_id"] for row in rows]
    reached = [chat_id for chat_id in owned if not named or chat_id in named]
    unreached = [chat_id for chat_id in named if chat_id not in reached]
    return _some(Targets({userid: reached} if reached else {}, unreached))


def _some(targets: Targets) -> Targets:
    if not targets.by_userid:
        raise WeComError(41048)
    return targets


def _ids(body: Body, name: str, most: int) -> list[str]:
    ids = list_of(body, name, most, 40058)
    if not all(isinstance(one, str) and one for one in ids):
        raise WeComError(40058, name)
    return list(dict.fromkeys(ids))


def _reachable(connection: sqlite3.Connection, named: Sequence[str], sender: str) -> list[sqlite3.Row]:
    query = _REACHABLE
    if named:
        query += " AND follow.external_userid IN (SELECT value FROM json_each(:named))"
    if sender:
        query += " AND follow.userid = :sender"
    query += " ORDER BY follow.external_userid, follow.userid"
    values = {"named": json.dumps(named), "sender": sender, "seen": scope.filtering(connection)}
    return connection.execute(query, values).fetchall()


def _closeness(row: sqlite3.Row) -> tuple[int, int]:
    return row["chatted_at"], row["createtime"]


def _tag_lists(body: Body) -> list[list[str]]:
    """tag_filter.group_list[].tag_list: any tag of a list, of every list."""
    wanted = body.get("tag_filter") or {}
    if not isinstance(wanted, dict):
        raise WeComError(40058, "tag_filter")
    groups = list_of(wanted, "group_list", TAG_LISTS_MOST, 40058)
    if not all(isinstance(group, dict) for group in groups):
        raise WeComError(40058, "tag_filter.group_list")
    return [_ids(group, "tag_list", TAGS_MOST) for group in groups]


def _has_tag_of(connection: sqlite3.Connection, row: sqlite3.Row, tags: Sequence[str]) -> bool:
    found = connection.execute(
        """SELECT 1 FROM mark WHERE userid = ? AND external_userid = ?
           AND tag_id IN (SELECT value FROM json_each(?))""",
        (row["userid"], row["external_userid"], json.dumps(tags)),
    ).fetchone()
    return found is not None
