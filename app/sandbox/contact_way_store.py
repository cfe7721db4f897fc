"""The rows of contact ways, whom a scan leads to, and temporary chats (facts 3.6)."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from app.sandbox import scope
from app.sandbox.calls import Body
from app.sandbox.clock import SECOND

ACTIVE = 1


@dataclass(frozen=True)
class Way:
    """One contact way; `body` is what get_contact_way shows, `expires_at` is 0 for one that lasts."""

    config_id: str
    created_at: int
    body: Body

    @property
    def expires_at(self) -> int:
        """The end of a temporary one by the virtual clock, 0 for none."""
        return self.created_at + int(self.body["expires_in"]) * SECOND if self.body["is_temp"] else 0


def find_way(connection: sqlite3.Connection, now: int, config_id: str) -> Way | None:
    """The way of any app, or None where it was deleted or has run out."""
    row = connection.execute("SELECT * FROM contact_way WHERE config_id = ?", (config_id,)).fetchone()
    way = as_way(row) if row else None
    return None if way is not None and 0 < way.expires_at <= now else way


def as_way(row: sqlite3.Row) -> Way:
    """A row of contact_way."""
    return Way(row["config_id"], row["created_at"], json.loads(row["body"]))


def members_of(connection: sqlite3.Connection, users: list[str], parties: list[int]) -> list[str]:
    """The members named and those of the departments with all below them, each once, in the order named."""
    rows = connection.execute(
        """SELECT person.userid FROM person JOIN json_each(?) AS named ON person.userid = named.value COLLATE NOCASE
           ORDER BY named.key""",
        (json.dumps(users),),
    ).fetchall()
    below = scope.with_below(connection, parties)
    rows += connection.execute(
        """SELECT DISTINCT userid FROM membership WHERE department_id IN (SELECT value FROM json_each(?))
           ORDER BY userid""",
        (json.dumps(sorted(below)),),
    ).fetchall()
    return list(dict.fromkeys(row["userid"] for row in rows))


def choose_member(connection: sqlite3.Connection, way: Way, external_userid: str) -> str | None:
    """Whom this scan leads to: who knows the customer already, or else who was chosen least; None for nobody."""
    members = [
        userid
        for userid in members_of(connection, way.body["user"], way.body["party"])
        if _can_be_added(connection, userid)
    ]
    known = [row["userid"] for row in _followers(connection, external_userid)]
    if way.body["is_exclusive"] and known:
        return str(known[0])
    familiar = [userid for userid in members if userid in known]
    if familiar or not members:
        return familiar[0] if familiar else None
    return min(members, key=lambda userid: _scans(connection, way.config_id, userid))


def count_scan(connection: sqlite3.Connection, config_id: str, userid: str) -> None:
    """The way led to this member once more."""
    connection.execute(
        """INSERT INTO contact_way_scan VALUES (?, ?, 1)
           ON CONFLICT (config_id, userid) DO UPDATE SET scans = scans + 1""",
        (config_id, userid),
    )


def open_temp(connection: sqlite3.Connection, now: int, way: Way, userid: str, external_userid: str) -> None:
    """The two may chat for a while; there is no relation."""
    expires_at = now + int(way.body["chat_expires_in"]) * SECOND
    connection.execute(
        "INSERT OR REPLACE INTO temp_chat VALUES (?, ?, ?, ?)",
        (userid, external_userid, way.config_id, expires_at),
    )


def temp_chat_of(
    connection: sqlite3.Connection, now: int, userid: str, external_userid: str
) -> sqlite3.Row | None:
    """The temporary chat of the two that has not run out, or None."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM temp_chat WHERE userid = ? AND external_userid = ? AND expires_at > ?",
        (userid, external_userid, now),
    ).fetchone()
    return row


def close_temp(connection: sqlite3.Connection, now: int, userid: str, external_userid: str) -> None:
    """The temporary chat ends; the text of its way's conclusions is the last thing said."""
    chat = temp_chat_of(connection, now, userid, external_userid)
    way = find_way(connection, 0, chat["config_id"]) if chat else None
    pair = (userid, external_userid)
    connection.execute("DELETE FROM temp_chat WHERE userid = ? AND external_userid = ?", pair)
    text = way.body["conclusions"].get("text") if way and way.body.get("conclusions") else None
    if text:
        connection.execute(
            """INSERT INTO chat_message (userid, external_userid, sender, msgtype, body, sent_at, read_at)
               VALUES (?, ?, 'associate', 'text', ?, ?, ?)""",
            (*pair, json.dumps(text, ensure_ascii=False), now, now),
        )


def _can_be_added(connection: sqlite3.Connection, userid: str) -> bool:
    query = "SELECT 1 FROM person WHERE userid = ? AND status = ? AND contacts_enabled"
    return connection.execute(query, (userid, ACTIVE)).fetchone() is not None


def _followers(connection: sqlite3.Connection, external_userid: str) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT userid FROM follow WHERE external_userid = ? ORDER BY createtime, userid", (external_userid,)
    ).fetchall()


def _scans(connection: sqlite3.Connection, config_id: str, userid: str) -> int:
    row = connection.execute(
        "SELECT scans FROM contact_way_scan WHERE config_id = ? AND userid = ?", (config_id, userid)
    ).fetchone()
    return int(row["scans"]) if row else 0
