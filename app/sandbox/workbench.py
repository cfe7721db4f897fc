"""What waits for a member on their phone: new customers, group sends, moments. No HTTP here."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox import group_send_tasks, moment_tasks, relations
from app.sandbox.relations import Stage

_WAITING = {
    "newcomers": """
        SELECT (SELECT count(*) FROM friend_request WHERE userid = :userid)
             + (SELECT count(*) FROM follow WHERE userid = :userid AND stage = 'half')""",
    "sends": """
        SELECT count(*) FROM group_send_task JOIN group_send ON group_send.id = send_id
        WHERE userid = :userid AND sent_at IS NULL AND cancelled_at IS NULL""",
    "moments": """
        SELECT count(*) FROM moment_task JOIN moment USING (moment_id)
        WHERE userid = :userid AND published_at IS NULL AND cancelled_at IS NULL""",
}


def waiting(connection: sqlite3.Connection, userid: str) -> dict[str, int]:
    """How many of each kind."""
    return {
        kind: int(connection.execute(query, {"userid": userid}).fetchone()[0])
        for kind, query in _WAITING.items()
    }


def newcomers_of(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """Customers to be accepted: who asked, and who added the member without asking (half)."""
    asked = [
        {"external_userid": row["external_userid"], "name": row["name"], "half": False}
        for row in relations.requests_to(connection, userid)
    ]
    halves = connection.execute(
        "SELECT external_userid, name FROM followed WHERE userid = ? AND stage = ? ORDER BY createtime",
        (userid, Stage.HALF),
    )
    return asked + [{**dict(row), "half": True} for row in halves]


def sends_of(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """Group sends to confirm, each with whom it goes to."""
    return [_in_ms(task) for task in group_send_tasks.pending(connection, userid)]


def moments_of(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """Moments to publish."""
    return [_in_ms(task) for task in moment_tasks.pending_moments(connection, userid)]


def _in_ms(task: dict[str, Any]) -> dict[str, Any]:
    return {**task, "created_ms": task["created_at"] // 1_000}
