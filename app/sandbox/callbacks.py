"""Events for the app's callback address: emitted, queued, listed (facts 4.1). Posting is in callback_sender.

An event's CreateTime is the sandbox's virtual time, because it says when the thing happened. The
`timestamp` of a request's signature, the pauses between attempts and the answer window are the
machine's time, because freshness and waiting are about the wire. Order is not promised.
"""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from app.sandbox.clock import SECOND, real_time

Fields = dict[str, Any]

LISTED_MOST = 500


class CallbackState(StrEnum):
    """Where an event stands.

    GIVEN_UP: every attempt failed. DROPPED: a test switch swallowed it. UNADDRESSED: no callback
    address was configured when it happened, so it is never sent.
    """

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    UNADDRESSED = "unaddressed"


@dataclass(frozen=True)
class Address:
    """The callback address (接收消息服务器) with its Token and EncodingAESKey; sent to only when verified."""

    url: str
    token: str
    aes_key: str
    verified: bool = False


@dataclass(frozen=True)
class Switches:
    """What tests make of delivery; the defaults are WeCom's behaviour.

    copies: each event so many times · shuffle_s: each is due a random moment up to so many seconds later,
    and waiting ones go in random order · drop_every: every n-th is swallowed, 0 none · drop_everything · hold:
    nothing leaves until it is off again · retries: attempts after the first (facts 4.1: 3) ·
    retry_after_s: the pause before each · answer_s: the window for an answer (facts 4.1: 5).
    """

    copies: int = 1
    shuffle_s: float = 0.0
    drop_every: int = 0
    drop_everything: bool = False
    hold: bool = False
    retries: int = 3
    retry_after_s: float = 1.0
    answer_s: float = 5.0


def emit(connection: sqlite3.Connection, now_us: int, fields: Fields, *, agent_id: int | None = None) -> None:
    """Queue one event in the caller's write transaction; it leaves when that is committed, or never.

    `fields` are the XML's elements without ToUserName; FromUserName ("sys"), CreateTime (`now_us`, virtual,
    in seconds) and MsgType ("event") are added where missing. A dict becomes nested XML, a list repeats
    its element. With `agent_id` it is an app's callback and carries AgentID. Callers emit for what was
    done in the client only: a change through the API has no event (facts 4.1).
    """
    event = {"FromUserName": "sys", "CreateTime": now_us // SECOND, "MsgType": "event", **fields}
    if agent_id is not None:
        event["AgentID"] = agent_id
    switches, addressed = switches_of(connection), address_of(connection) is not None
    first = _queue(connection, now_us, event, agent_id, None, switches, addressed)
    for _ in range(switches.copies - 1):
        _queue(connection, now_us, event, agent_id, first, switches, addressed)


def replay(connection: sqlite3.Connection, ids: list[int], times: int) -> int:
    """Queue these events `times` more times as they were, whatever became of them; how many were queued."""
    switches, addressed = switches_of(connection), address_of(connection) is not None
    rows = connection.execute(
        "SELECT * FROM callback WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (json.dumps(ids),)
    ).fetchall()
    for row in rows:
        original = row["copy_of"] or row["id"]
        for _ in range(times):
            event = json.loads(row["fields"])
            _queue(connection, row["emitted_at"], event, row["agent_id"], original, switches, addressed)
    return len(rows) * times


def address_of(connection: sqlite3.Connection) -> Address | None:
    """The callback address, or None when none is configured."""
    stored = _setting(connection, "callback")
    return Address(**stored) if stored else None


def put_address(connection: sqlite3.Connection, address: Address | None) -> None:
    """Configure the callback address, or take it away; events waiting stay waiting."""
    _put_setting(connection, "callback", asdict(address) if address else None)


def switches_of(connection: sqlite3.Connection) -> Switches:
    """The test switches in force."""
    return Switches(**(_setting(connection, "callback_switches") or {}))


def put_switches(connection: sqlite3.Connection, switches: Switches) -> None:
    """Replace the test switches; an event queued before keeps its copies and its moment."""
    _put_setting(connection, "callback_switches", asdict(switches))


def listed(connection: sqlite3.Connection, after: int, most: int = LISTED_MOST) -> list[dict[str, Any]]:
    """The events with an id above `after`, oldest first, each with its attempts so far."""
    rows = connection.execute(
        "SELECT * FROM callback WHERE id > ? ORDER BY id LIMIT ?", (after, most)
    ).fetchall()
    return [{**dict(row), "fields": json.loads(row["fields"]), **_attempts(connection, row)} for row in rows]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many events stand where; every state is named."""
    found = dict(connection.execute("SELECT state, count(*) FROM callback GROUP BY state").fetchall())
    return {state: found.get(state, 0) for state in CallbackState}


def _queue(
    connection: sqlite3.Connection,
    now_us: int,
    event: Fields,
    agent_id: int | None,
    copy_of: int | None,
    switches: Switches,
    addressed: bool,
) -> int:
    # Not for secrets: a shuffled order need only look like bad luck.
    due_at = real_time() + int(random.uniform(0, switches.shuffle_s) * SECOND)  # noqa: S311
    row_id = connection.execute(
        "INSERT INTO callback (copy_of, agent_id, fields, emitted_at, state, due_at) VALUES (?, ?, ?, ?, ?, ?)",
        (copy_of, agent_id, json.dumps(event, ensure_ascii=False), now_us, CallbackState.WAITING, due_at),
    ).lastrowid
    state = CallbackState.WAITING if addressed else CallbackState.UNADDRESSED
    if switches.drop_everything or (switches.drop_every and int(row_id or 0) % switches.drop_every == 0):
        state = CallbackState.DROPPED
    if state is not CallbackState.WAITING:
        connection.execute("UPDATE callback SET state = ? WHERE id = ?", (state, row_id))
    return int(row_id or 0)


def _attempts(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    attempts = connection.execute(
        "SELECT at, took_ms, status, error, reply FROM callback_attempt WHERE callback_id = ? ORDER BY id",
        (row["id"],),
    )
    return {"attempts": [dict(attempt) for attempt in attempts]}


def _setting(connection: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    stored: dict[str, Any] | None = json.loads(row["value"]) if row else None
    return stored


def _put_setting(connection: sqlite3.Connection, name: str, value: dict[str, Any] | None) -> None:
    connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))
