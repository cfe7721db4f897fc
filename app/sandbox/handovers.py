"""Handovers under way: what the customer does, and what time does (facts 3.10, 4.2).

A handover waits for its time, 24 hours unless the rules say otherwise; the customer may refuse until then.
"""

from __future__ import annotations

import sqlite3
from enum import IntEnum
from typing import Any

from app.sandbox import campaign_rules, chats, relations
from app.sandbox.callbacks import emit
from app.sandbox.calls import World
from app.sandbox.relations import API_STAGES, GraphRefused, Source, Stage

ON_JOB, RESIGNED = "onjob", "resigned"
LEFT = 5  # of a person's status
ASSIGNED = 202  # of add_way (facts 3.4)
DEFAULT_MESSAGE = "您好，您的服务已升级，后续将由我的同事接替我的工作，继续为您服务。"


class HandoverStatus(IntEnum):
    """As transfer_result says it; NONE is the answer where there is no handover."""

    DONE = 1
    WAITING = 2
    REFUSED = 3
    FULL = 4
    NONE = 5


def catch_up(world: World) -> None:
    """Complete what is due, if anything is: for every call of the API, and after a jump in time."""
    now = world.clock.now()
    with world.store.reading() as connection:
        if not _due(connection, now):
            return
    with world.store.writing() as connection:
        settle(connection, world, now)


def settle(connection: sqlite3.Connection, _world: World, now: int) -> int:
    """Complete the handovers whose time has come; how many."""
    note_who_left(connection, now)
    due = _due(connection, now)
    for row in due:
        _complete(connection, now, row)
    return len(due)


def offers_to(connection: sqlite3.Connection, external_userid: str) -> list[dict[str, Any]]:
    """What the customer may still refuse: {handover, takeover, takeover_name, started_at}."""
    rows = connection.execute(
        """SELECT handover, takeover, person.name AS takeover_name, started_at
           FROM handover JOIN person ON person.userid = takeover
           WHERE external_userid = ? AND handover.status = ? ORDER BY id""",
        (external_userid, HandoverStatus.WAITING),
    )
    return [dict(row) for row in rows]


def refuse(
    connection: sqlite3.Connection, _world: World, now: int, external_userid: str, takeover: str
) -> None:
    """The customer does not want the new member: transfer_fail. Raises GraphRefused where nothing waits."""
    row = connection.execute(
        "SELECT * FROM handover WHERE external_userid = ? AND takeover = ? AND status = ?",
        (external_userid, takeover, HandoverStatus.WAITING),
    ).fetchone()
    if row is None:
        raise GraphRefused("没有等待中的交接")
    _fail(connection, now, row, HandoverStatus.REFUSED, "customer_refused")


def is_full(connection: sqlite3.Connection, userid: str) -> bool:
    """Whether the member has as many customers as the rules let them have."""
    most = campaign_rules.of(connection).most_customers(userid)
    if most is None:
        return False
    had = connection.execute("SELECT count(*) FROM follow WHERE userid = ?", (userid,)).fetchone()[0]
    return bool(had >= most)


def note_who_left(connection: sqlite3.Connection, now: int) -> None:
    """Remember since when a member is gone, and forget who came back."""
    connection.execute(
        "INSERT OR IGNORE INTO dimission SELECT userid, ? FROM person WHERE status = ?", (now, LEFT)
    )
    connection.execute(
        "DELETE FROM dimission WHERE userid NOT IN (SELECT userid FROM person WHERE status = ?)", (LEFT,)
    )


def _due(connection: sqlite3.Connection, now: int) -> list[sqlite3.Row]:
    return connection.execute(
        # The 2 of WAITING is written out: only so the index of the waiting ones is used.
        "SELECT * FROM handover WHERE status = 2 AND started_at <= ? ORDER BY started_at, id",
        (now - campaign_rules.of(connection).transfer_us,),
    ).fetchall()


def _complete(connection: sqlite3.Connection, now: int, row: sqlite3.Row) -> None:
    relation = relations.find_relation(connection, row["handover"], row["external_userid"])
    if relation is None or relation["stage"] not in API_STAGES:
        connection.execute("DELETE FROM handover WHERE id = ?", (row["id"],))
        return
    if is_full(connection, row["takeover"]):
        _fail(connection, now, row, HandoverStatus.FULL, "customer_limit_exceed")
        return
    relations.end(connection, row["handover"], row["external_userid"])
    if row["kind"] == ON_JOB:
        _tell(connection, now, "del_external_contact", row["handover"], row, {"Source": "DELETE_BY_TRANSFER"})
    _take_over(connection, now, row)
    _set_status(connection, now, row, HandoverStatus.DONE)


def _take_over(connection: sqlite3.Connection, now: int, row: sqlite3.Row) -> None:
    """The new relation, without a welcome code: the handover's own message is what the customer gets."""
    takeover, external_userid = row["takeover"], row["external_userid"]
    had = relations.find_relation(connection, takeover, external_userid)
    if had is None or had["stage"] != Stage.MUTUAL:
        source = Source(ASSIGNED, by_associate=True)
        relations.begin(connection, now, takeover, external_userid, source, Stage.MUTUAL)
        _tell(connection, now, "add_external_contact", takeover, row, {})
    message = {"msgtype": "text", "text": {"content": row["message"] or DEFAULT_MESSAGE}}
    chats.append(connection, now, takeover, external_userid, chats.ASSOCIATE, message)


def _fail(
    connection: sqlite3.Connection, now: int, row: sqlite3.Row, status: HandoverStatus, reason: str
) -> None:
    _set_status(connection, now, row, status)
    _tell(connection, now, "transfer_fail", row["takeover"], row, {"FailReason": reason})


def _set_status(connection: sqlite3.Connection, now: int, row: sqlite3.Row, status: HandoverStatus) -> None:
    connection.execute(
        "UPDATE handover SET status = ?, settled_at = ? WHERE id = ?", (status, now, row["id"])
    )


def _tell(
    connection: sqlite3.Connection,
    now: int,
    change: str,
    userid: str,
    row: sqlite3.Row,
    fields: dict[str, str],
) -> None:
    event = {"Event": "change_external_contact", "ChangeType": change, "UserID": userid}
    emit(connection, now, {**event, "ExternalUserID": row["external_userid"], **fields})
