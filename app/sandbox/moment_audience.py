"""Who is to publish a moment and who of their customers may see it (facts 3.9, visible_range)."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from app.sandbox import scope
from app.sandbox.answers import WeComError
from app.sandbox.calls import Body, list_of

SENDERS_MOST = 100_000
PUBLIC, PARTIAL = 1, 0

_SENDERS = """
SELECT userid FROM person WHERE status = 1 AND contacts_enabled
    AND (:seen IS NULL OR userid IN (SELECT value FROM json_each(:seen))) AND (:everybody
    OR userid IN (SELECT value COLLATE NOCASE FROM json_each(:users))
    OR userid IN (SELECT membership.userid FROM membership JOIN department_within USING (department_id)
        WHERE within_id IN (SELECT value FROM json_each(:departments)))) ORDER BY userid
"""
_VIEWERS = """
INSERT INTO moment_viewer SELECT :moment_id, userid, external_userid FROM follow
WHERE userid = :userid AND stage = 'mutual' AND (:anyone OR EXISTS (SELECT 1 FROM mark
    WHERE mark.userid = follow.userid AND mark.external_userid = follow.external_userid
    AND tag_id IN (SELECT value FROM json_each(:tags))))
"""


@dataclass(frozen=True)
class Audience:
    """visible_range as sent; what does not exist stands in the invalid lists of the job's result."""

    users: list[str]
    departments: list[int]
    tags: list[str]

    @property
    def visible_type(self) -> int:
        """PUBLIC where nothing was narrowed."""
        return PARTIAL if self.users or self.departments or self.tags else PUBLIC


def audience_of(body: Body) -> Audience:
    """The visible_range; 40058 for anything that is no list of the right kind."""
    wanted = _object(body, "visible_range")
    senders, customers = _object(wanted, "sender_list"), _object(wanted, "external_contact_list")
    return Audience(
        users=_all(senders, "user_list", str),
        departments=_all(senders, "department_list", int),
        tags=_all(customers, "tag_list", str),
    )


def put_tasks(connection: sqlite3.Connection, moment_id: str, audience: Audience) -> int:
    """A task for each sender who has somebody to show it to; how many those are."""
    values = {
        "everybody": not (audience.users or audience.departments),
        "users": json.dumps(audience.users),
        "departments": json.dumps(audience.departments),
        "anyone": not audience.tags,
        "tags": json.dumps(audience.tags),
        "moment_id": moment_id,
        "seen": scope.filtering(connection),
    }
    tasks = 0
    for row in connection.execute(_SENDERS, values).fetchall():
        if connection.execute(_VIEWERS, {**values, "userid": row["userid"]}).rowcount:
            connection.execute("INSERT INTO moment_task VALUES (?, ?, NULL)", (moment_id, row["userid"]))
            tasks += 1
    return tasks


def invalid_of(connection: sqlite3.Connection, audience: Audience) -> dict[str, Any]:
    """The invalid lists of a job's result."""
    users = {userid.lower() for userid in scope.visible(connection, None)}
    departments = {row["id"] for row in connection.execute("SELECT id FROM department")}
    tags = {row["tag_id"] for row in connection.execute("SELECT tag_id FROM tag WHERE NOT deleted")}
    return {
        "invalid_sender_list": {
            "user_list": [user for user in audience.users if user.lower() not in users],
            "department_list": [one for one in audience.departments if one not in departments],
        },
        "invalid_external_contact_list": {"tag_list": [tag for tag in audience.tags if tag not in tags]},
    }


def _object(body: Body, name: str) -> Body:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise WeComError(40058, name)
    return value


def _all(body: Body, name: str, kind: type) -> list[Any]:
    found = list_of(body, name, SENDERS_MOST, 40058)
    if not all(type(one) is kind for one in found):
        raise WeComError(40058, name)
    return found
