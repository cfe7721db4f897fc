"""message/send: who receives an app message, duplicates, and the silent limit (facts 3.14, 5.1)."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from dataclasses import dataclass, field

from app.sandbox import rules
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, whole_number
from app.sandbox.clock import HOUR, MINUTE, SECOND
from app.sandbox.contents import content_of

PER_MINUTE = 30
PER_HOUR = 1_000
DUPLICATE_DEFAULT_S = 1_800
DUPLICATE_MOST_S = 4 * 3_600


@dataclass
class Receivers:
    """Who is to get a message, and which of the names given are nobody."""

    userids: list[str] = field(default_factory=list)
    invalid: dict[str, list[str]] = field(default_factory=dict)

    def invalid_fields(self) -> dict[str, str]:
        """invaliduser, invalidparty, invalidtag: joined by |, only those that are relevant."""
        return {name: "|".join(values) for name, values in self.invalid.items() if values}


def send(call: Call) -> Answer:
    """Deliver a message to the phones of its receivers.

    Answers 0 even if part of the receivers is unknown (invaliduser, lower-cased); 81013 if all are;
    beyond 30 a minute or 1,000 an hour per person the surplus is recorded as dropped and the answer
    is still ok. With enable_duplicate_check the same request within the interval gets the first
    answer again and nobody gets a second message.
    """
    body = call.body()
    _check_agent(call, body)
    _check_receivers_given(body)
    with call.world.store.writing() as connection:
        content = content_of(body, rules.of(connection))
        fingerprint = _fingerprint(call, body)
        earlier = _earlier_answer(connection, call, body, fingerprint)
        if earlier is not None:
            return earlier
        receivers = _receivers(connection, body)
        if not receivers.userids:
            raise WeComError(81013, **receivers.invalid_fields())
        _reserve_task_id(connection, call, content)
        answer = ok(**receivers.invalid_fields(), msgid=secrets.token_urlsafe(32))
        _deliver(connection, call, body["msgtype"], content, fingerprint, answer, receivers.userids)
    return answer


def _check_agent(call: Call, body: Body) -> None:
    agent_id = body.get("agentid")
    if agent_id is None:
        raise WeComError(41011)
    if not isinstance(agent_id, int) or isinstance(agent_id, bool):
        raise WeComError(40056, "agentid is not an integer")
    if call.world.settings.app_of_agent(agent_id) is None:
        raise WeComError(40056)
    if agent_id != call.app.agent_id:
        raise WeComError(301002)


def _check_receivers_given(body: Body) -> None:
    users, parties, tags = (_names(body, name) for name in ("touser", "toparty", "totag"))
    if not users and not parties and not tags:
        raise WeComError(82001)
    if len(users) > 1_000:
        raise WeComError(40032)
    if len(parties) > 100:
        raise WeComError(82002)
    if len(tags) > 100:
        raise WeComError(82003)


def _names(body: Body, name: str) -> list[str]:
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise WeComError(40058, f"{name} is not a string")
    return [part for part in value.split("|") if part]


def _receivers(connection: sqlite3.Connection, body: Body) -> Receivers:
    """The members meant, each once; with @all the other two fields are ignored."""
    users = _names(body, "touser")
    if users == ["@all"]:
        rows = connection.execute("SELECT userid FROM person WHERE status = 1 ORDER BY userid")
        return Receivers([row["userid"] for row in rows])
    found: dict[str, None] = {}
    invalid: dict[str, list[str]] = {
        "invaliduser": [],
        "invalidparty": [],
        "invalidtag": _names(body, "totag"),
    }
    for name in users:
        row = connection.execute(
            "SELECT userid FROM person WHERE userid = ? AND status = 1", (name,)
        ).fetchone()
        if row is None:
            invalid["invaliduser"].append(name.lower())
        else:
            found[row["userid"]] = None
    for party in _names(body, "toparty"):
        members = _members_of(connection, party)
        if not members:
            invalid["invalidparty"].append(party)
        found.update(dict.fromkeys(members))
    return Receivers(list(found), invalid)


def _members_of(connection: sqlite3.Connection, party: str) -> list[str]:
    rows = connection.execute(
        "SELECT userid FROM person WHERE status = 1 AND (department_id = ? OR ? = '1') ORDER BY userid",
        (party, party),
    )
    return [row["userid"] for row in rows]


def _fingerprint(call: Call, body: Body) -> str:
    canonical = json.dumps([call.app.agent_id, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _earlier_answer(
    connection: sqlite3.Connection, call: Call, body: Body, fingerprint: str
) -> Answer | None:
    """The answer to the same request within the interval, if the caller asked for that check."""
    interval = min(DUPLICATE_MOST_S, whole_number(body, "duplicate_check_interval", DUPLICATE_DEFAULT_S))
    if whole_number(body, "enable_duplicate_check", 0) != 1:
        return None
    row = connection.execute(
        "SELECT answer FROM message WHERE fingerprint = ? AND sent_at > ? AND sent_at <= ? ORDER BY sent_at DESC",
        (fingerprint, call.now - interval * SECOND, call.now),
    ).fetchone()
    answer: Answer | None = json.loads(row["answer"]) if row else None
    return answer


def _reserve_task_id(connection: sqlite3.Connection, call: Call, content: Body) -> None:
    """A card's task_id is unique in its app; a second use is 42014 (facts 3.14, by inference)."""
    task_id = content.get("task_id")
    if task_id is None:
        return
    made = connection.execute("INSERT OR IGNORE INTO card_task VALUES (?, ?)", (call.app.agent_id, task_id))
    if made.rowcount == 0:
        raise WeComError(42014)


def _deliver(
    connection: sqlite3.Connection,
    call: Call,
    msgtype: str,
    content: Body,
    fingerprint: str,
    answer: Answer,
    userids: list[str],
) -> None:
    agent_id, now = call.app.agent_id, call.now
    row_id = connection.execute(
        """INSERT INTO message (msgid, agent_id, msgtype, body, fingerprint, answer, sent_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (answer["msgid"], agent_id, msgtype, _json(content), fingerprint, _json(answer), now),
    ).lastrowid
    for userid in userids:
        state = "dropped" if _over_limit(connection, agent_id, userid, now) else "delivered"
        connection.execute(
            "INSERT INTO delivery (message_id, agent_id, userid, state, sent_at) VALUES (?, ?, ?, ?, ?)",
            (row_id, agent_id, userid, state, now),
        )


def _over_limit(connection: sqlite3.Connection, agent_id: int, userid: str, now: int) -> bool:
    for span, most in ((MINUTE, PER_MINUTE), (HOUR, PER_HOUR)):
        got = connection.execute(
            """SELECT count(*) FROM delivery WHERE userid = ? AND agent_id = ? AND state = 'delivered'
               AND sent_at > ? AND sent_at <= ?""",
            (userid, agent_id, now - span, now),
        ).fetchone()[0]
        if got >= most:
            return True
    return False


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


ENDPOINTS = {"message/send": Endpoint(send, post=True)}
