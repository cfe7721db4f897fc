"""What happens in a live: it begins and ends, people watch and share it (facts 3.18, 4.3)."""

from __future__ import annotations

import sqlite3

from app.sandbox.callbacks import emit
from app.sandbox.calls import World
from app.sandbox.control_input import WrongInput
from app.sandbox.livings import (
    CANCELLED,
    ENDED,
    LIVE,
    RESERVED,
    TO_SHARE,
    find_living,
    is_external,
    put_code,
    status_of,
)

NEXT = {RESERVED: (LIVE, CANCELLED), LIVE: (ENDED,)}


def move_to(connection: sqlite3.Connection, now: int, livingid: str, status: int) -> None:
    """The anchor begins, ends or cancels it: living_status_change. Raises WrongInput for another change."""
    row = _get(connection, livingid)
    if status not in NEXT.get(status_of(row, now), ()):
        raise WrongInput("status: 1 begins or 4 cancels a reserved live, 2 ends one that is on")
    connection.execute("UPDATE living SET status = ? WHERE livingid = ?", (status, livingid))
    if status == LIVE:
        connection.execute("UPDATE living SET began_at = ? WHERE livingid = ?", (now, livingid))
    if status == ENDED:
        connection.execute("UPDATE living SET ended_at = ? WHERE livingid = ?", (now, livingid))
    event = {"Event": "living_status_change", "FromUserName": row["anchor_userid"], "LivingId": livingid}
    emit(connection, now, {**event, "Status": status}, agent_id=row["agent_id"])


def watch(
    connection: sqlite3.Connection,
    livingid: str,
    viewer: str,
    seconds: int,
    *,
    commented: bool = False,
    spoke: bool = False,
    invitor: str = "",
) -> None:
    """Somebody watched so many seconds more."""
    _get(connection, livingid)
    connection.execute(
        """INSERT INTO living_viewer VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (livingid, viewer) DO UPDATE SET watch_time = watch_time + excluded.watch_time,
               is_comment = max(is_comment, excluded.is_comment), is_mic = max(is_mic, excluded.is_mic)""",
        (livingid, viewer, is_external(viewer), seconds, commented, spoke, invitor),
    )


def share(connection: sqlite3.Connection, world: World, livingid: str, viewer: str, invitor: str) -> str:
    """The viewer opens what the invitor shared; the ww_share_code that the page gets, good for five minutes."""
    _get(connection, livingid)
    return put_code(connection, world.clock.real_now(), TO_SHARE, (livingid, viewer, invitor))


def _get(connection: sqlite3.Connection, livingid: str) -> sqlite3.Row:
    row = find_living(connection, livingid)
    if row is None:
        raise WrongInput("livingid: no such live")
    return row
