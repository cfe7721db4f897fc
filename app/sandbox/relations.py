"""The relation of one member and one customer: its row, and whether the API may use it (facts 3.4).

A relation that the member ended has no row. Requests not yet accepted are kept apart: they are no chat.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from app.sandbox.answers import WeComError


class Stage(StrEnum):
    """MUTUAL: both have each other · ONE_WAY: the customer deleted the member, the API works on ·
    HALF: added without asking, not confirmed by the member: they chat, the API answers 84061."""

    MUTUAL = "mutual"
    ONE_WAY = "one_way"
    HALF = "half"


API_STAGES = (Stage.MUTUAL, Stage.ONE_WAY)


class GraphRefused(ValueError):
    """What was asked cannot happen on a phone; the message is for people, in Chinese."""


@dataclass(frozen=True)
class Source:
    """Where a relation comes from: add_way (facts 3.4), the contact way's state, and who asked for it."""

    add_way: int
    state: str = ""
    by_associate: bool = False


def find_relation(connection: sqlite3.Connection, userid: str, external_userid: str) -> sqlite3.Row | None:
    """The relation's row at any stage, or None."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM follow WHERE userid = ? AND external_userid = ?", (userid, external_userid)
    ).fetchone()
    return row


def get_relation(connection: sqlite3.Connection, userid: str, external_userid: str) -> sqlite3.Row:
    """The relation as the API may use it; raises WeComError 84061 when there is none or it is half."""
    row = find_relation(connection, userid, external_userid)
    if row is None or row["stage"] not in API_STAGES:
        raise WeComError(84061)
    return row


def begin(
    connection: sqlite3.Connection, now: int, userid: str, external_userid: str, source: Source, stage: Stage
) -> None:
    """The two are connected from now on; notes of an earlier relation stay, its time and source do not."""
    connection.execute(
        """INSERT INTO follow VALUES (:userid, :external_userid, '', '', '', '[]', :now_s, :add_way, :state,
               :stage, :oper, (SELECT coalesce(max(id), 0) FROM chat_message))
           ON CONFLICT (userid, external_userid) DO UPDATE SET createtime = :now_s, add_way = :add_way,
               state = :state, stage = :stage, oper_userid = :oper, chat_from = excluded.chat_from""",
        {
            "userid": userid,
            "external_userid": external_userid,
            "now_s": now // 1_000_000,
            "add_way": source.add_way,
            "state": source.state,
            "stage": stage,
            "oper": userid if source.by_associate else external_userid,
        },
    )
    _forget_request(connection, userid, external_userid)


def confirm(connection: sqlite3.Connection, now: int, userid: str, external_userid: str) -> None:
    """The member confirms a half relation: it counts from now, with the source it had."""
    connection.execute(
        "UPDATE follow SET stage = ?, createtime = ? WHERE userid = ? AND external_userid = ?",
        (Stage.MUTUAL, now // 1_000_000, userid, external_userid),
    )


def move_to(connection: sqlite3.Connection, userid: str, external_userid: str, stage: Stage) -> None:
    """Another stage of the same relation."""
    connection.execute(
        "UPDATE follow SET stage = ? WHERE userid = ? AND external_userid = ?",
        (stage, userid, external_userid),
    )


def end(connection: sqlite3.Connection, userid: str, external_userid: str) -> None:
    """No relation any more: notes, tags and welcome codes of the pair go with it; what was said stays."""
    for table in ("follow", "mark", "personal_mark", "welcome_code"):
        connection.execute(
            f"DELETE FROM {table} WHERE userid = ? AND external_userid = ?",  # noqa: S608 - our own names
            (userid, external_userid),
        )


def ask(connection: sqlite3.Connection, now: int, userid: str, external_userid: str, source: Source) -> None:
    """The customer asks to be added; the member has not answered."""
    connection.execute(
        "INSERT OR REPLACE INTO friend_request VALUES (?, ?, ?, ?, ?)",
        (userid, external_userid, source.add_way, source.state, now),
    )


def request_of(connection: sqlite3.Connection, userid: str, external_userid: str) -> Source | None:
    """What the customer's request not yet accepted came from, or None."""
    row = connection.execute(
        "SELECT * FROM friend_request WHERE userid = ? AND external_userid = ?", (userid, external_userid)
    ).fetchone()
    return Source(row["add_way"], row["state"]) if row else None


def requests_to(connection: sqlite3.Connection, userid: str) -> list[sqlite3.Row]:
    """Who waits to be accepted by this member: external_userid and name, the oldest first."""
    return connection.execute(
        """SELECT external_userid, contact.name, asked_at FROM friend_request JOIN contact USING (external_userid)
           WHERE userid = ? ORDER BY asked_at, external_userid""",
        (userid,),
    ).fetchall()


def meet_customer(connection: sqlite3.Connection, external_userid_or_name: str) -> str:
    """The external_userid of the customer named, who is made when there is none of this id."""
    wanted = external_userid_or_name.strip()
    if not wanted:
        raise GraphRefused("请填写客户的名字")
    row = connection.execute("SELECT 1 FROM contact WHERE external_userid = ?", (wanted,)).fetchone()
    if row:
        return wanted
    external_userid = f"wm{secrets.token_hex(15)}"
    connection.execute(
        "INSERT INTO contact (external_userid, name, avatar, unionid, kind) VALUES (?, ?, '', ?, 1)",
        (external_userid, wanted, f"o{secrets.token_hex(13)}"),
    )
    return external_userid


def _forget_request(connection: sqlite3.Connection, userid: str, external_userid: str) -> None:
    connection.execute(
        "DELETE FROM friend_request WHERE userid = ? AND external_userid = ?", (userid, external_userid)
    )
