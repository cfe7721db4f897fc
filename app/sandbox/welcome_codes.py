"""Welcome codes (欢迎语 code): 20 seconds, once, and only where a welcome is due (facts 3.7).

They live by the machine's clock, as tokens do: a fast-forward must not end one that was issued a moment ago.
"""

from __future__ import annotations

import secrets
import sqlite3

from app.sandbox import graph_rules
from app.sandbox.answers import WeComError
from app.sandbox.calls import World
from app.sandbox.clock import SECOND

LIFE = 20 * SECOND


def issue(connection: sqlite3.Connection, world: World, userid: str, external_userid: str) -> str:
    """A code for the event of a relation that has just begun, or "" where none is due (facts 3.7):
    the console welcomes by itself, the welcome was sent, the two talk already, or it is a colleague of
    another corp (type 2)."""
    if not _is_due(connection, userid, external_userid):
        return ""
    code = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO welcome_code VALUES (?, ?, ?, ?, NULL)",
        (code, userid, external_userid, world.clock.real_now()),
    )
    return code


def redeem(connection: sqlite3.Connection, world: World, code: str) -> tuple[str, str]:
    """The pair (userid, external_userid) this code welcomes; it is used up.

    Raises 41050 for an unknown code or one older than 20 s, 41051 when the welcome was sent or the two
    talk already.
    """
    row = connection.execute("SELECT * FROM welcome_code WHERE code = ?", (code,)).fetchone()
    if row is None:
        raise WeComError(41050)
    pair, now = (str(row["userid"]), str(row["external_userid"])), world.clock.real_now()
    if _is_welcomed(connection, *pair):
        raise WeComError(41051, "welcome was sent")
    if now - row["issued_at"] > LIFE:
        raise WeComError(41050, "older than 20 s")
    if _talked(connection, *pair):
        raise WeComError(41051, "in chat")
    connection.execute("UPDATE welcome_code SET used_at = ? WHERE code = ?", (now, code))
    return pair


def forget(connection: sqlite3.Connection, userid: str, external_userid: str) -> None:
    """The codes of the pair end: its relation begins anew."""
    connection.execute(
        "DELETE FROM welcome_code WHERE userid = ? AND external_userid = ?", (userid, external_userid)
    )


def _is_due(connection: sqlite3.Connection, userid: str, external_userid: str) -> bool:
    if graph_rules.switches_of(connection, userid).console_welcome:
        return False
    kind = connection.execute(
        "SELECT kind FROM contact WHERE external_userid = ?", (external_userid,)
    ).fetchone()["kind"]
    welcomed = _is_welcomed(connection, userid, external_userid)
    return kind == 1 and not welcomed and not _talked(connection, userid, external_userid)


def _is_welcomed(connection: sqlite3.Connection, userid: str, external_userid: str) -> bool:
    query = (
        "SELECT 1 FROM welcome_code WHERE userid = ? AND external_userid = ? AND used_at IS NOT NULL LIMIT 1"
    )
    return connection.execute(query, (userid, external_userid)).fetchone() is not None


def _talked(connection: sqlite3.Connection, userid: str, external_userid: str) -> bool:
    """Whether anything was said since the relation began."""
    query = """SELECT 1 FROM chat_message JOIN follow USING (userid, external_userid)
               WHERE follow.userid = ? AND external_userid = ? AND chat_message.id > chat_from LIMIT 1"""
    return connection.execute(query, (userid, external_userid)).fetchone() is not None
