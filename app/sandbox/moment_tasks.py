"""A member's phone and moments: what waits to be published, publishing it, and what customers say (facts 3.9)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox.calls import Body, World
from app.sandbox.control_input import WrongInput
from app.sandbox.group_send_tasks import NothingToConfirm
from app.sandbox.moments import PERSONAL, put_moment
from app.sandbox.people import get_person

REACTIONS = ("comment", "like")


def pending_moments(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """The member's moments still to publish, oldest first: {moment_id, created_at (microseconds), text,
    attachments, viewers (how many may see it)}."""
    rows = connection.execute(
        """SELECT moment.*, (SELECT count(*) FROM moment_viewer WHERE moment_viewer.moment_id = moment.moment_id
               AND moment_viewer.userid = moment_task.userid) AS viewers
           FROM moment_task JOIN moment USING (moment_id)
           WHERE userid = ? AND published_at IS NULL AND cancelled_at IS NULL ORDER BY moment.id""",
        (userid,),
    )
    return [
        {
            "moment_id": row["moment_id"],
            "created_at": row["created_at"],
            **json.loads(row["content"]),
            "viewers": row["viewers"],
        }
        for row in rows
    ]


def confirm_moment(
    connection: sqlite3.Connection, _world: World, now: int, userid: str, moment_id: str
) -> None:
    """The member publishes it; raises NothingToConfirm where there is no such task, or it is done or cancelled."""
    changed = connection.execute(
        """UPDATE moment_task SET published_at = ? WHERE userid = ? AND moment_id = ? AND published_at IS NULL
           AND moment_id IN (SELECT moment_id FROM moment WHERE cancelled_at IS NULL)""",
        (now, userid, moment_id),
    ).rowcount
    if not changed:
        raise NothingToConfirm(moment_id)


def publish_own(connection: sqlite3.Connection, now: int, userid: str, content: Body) -> str:
    """A member's own moment, for all their customers: {text, attachments}; its id."""
    creator = get_person(connection, userid)["userid"]
    kept = {"text": content.get("text", {"content": ""}), "attachments": content.get("attachments", [])}
    moment_id = put_moment(
        connection,
        {"agent_id": 0, "creator": creator, "create_type": PERSONAL, "content": json.dumps(kept)}
        | {"visible_type": 1, "created_at": now},
    )
    connection.execute("INSERT INTO moment_task VALUES (?, ?, ?)", (moment_id, creator, now))
    connection.execute(
        """INSERT INTO moment_viewer SELECT ?, userid, external_userid FROM follow
           WHERE userid = ? AND stage = 'mutual'""",
        (moment_id, creator),
    )
    return moment_id


def react(
    connection: sqlite3.Connection, now: int, userid: str, moment_id: str, external_userid: str, kind: str
) -> None:
    """A customer who may see the member's published moment comments on it or likes it."""
    if kind not in REACTIONS:
        raise WrongInput("kind: comment or like")
    seen = connection.execute(
        """SELECT 1 FROM moment_viewer JOIN moment_task USING (moment_id, userid)
           WHERE moment_id = ? AND userid = ? AND external_userid = ? AND published_at IS NOT NULL""",
        (moment_id, userid, external_userid),
    ).fetchone()
    if seen is None:
        raise WrongInput("external_userid: cannot see this moment")
    connection.execute(
        """INSERT INTO moment_reaction (moment_id, userid, external_userid, kind, reacted_at)
           VALUES (?, ?, ?, ?, ?)""",
        (moment_id, userid, external_userid, kind, now),
    )
