"""message/send: who receives an app message, duplicates, and the silent limit (facts 3.14, 5.1)."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3

from app.sandbox import receivers, rules
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, whole_number
from app.sandbox.cards import Sender
from app.sandbox.clock import HOUR, MINUTE, SECOND
from app.sandbox.contents import content_of
from app.sandbox.corp_days import day_of
from app.sandbox.presses import issue_response_code, wants_response_code

PER_MINUTE = 30
PER_HOUR = 1_000
PER_ACCOUNT_A_DAY = 200
DUPLICATE_DEFAULT_S = 1_800
DUPLICATE_MOST_S = 4 * 3_600


def send(call: Call) -> Answer:
    """Deliver a message to the phones of its receivers.

    Answers 0 even if part of the receivers is unknown (invaliduser, lower-cased); 81013 if all are;
    beyond 30 a minute or 1,000 an hour per person the surplus is recorded as dropped and the answer
    is still ok; 45009 beyond the app's day. With enable_duplicate_check the same request within the
    interval gets the first answer again and nobody gets a second message.
    """
    body = call.body()
    check_agent(call, body)
    receivers.check_given(body)
    with call.world.store.writing() as connection:
        in_force = rules.of(connection)
        content = content_of(body, Sender(connection, call.now, in_force))
        fingerprint = _fingerprint(call, body)
        earlier = _earlier_answer(connection, call, body, fingerprint)
        if earlier is not None:
            return earlier
        wanted = receivers.receivers_of(connection, body, in_force)
        _reserve_task_id(connection, call, content)
        _count_day(connection, call, len(wanted.userids), in_force.account_limit)
        answer = ok(**wanted.invalid_fields(), msgid=secrets.token_urlsafe(32))
        _deliver(connection, call, body["msgtype"], content, fingerprint, answer, wanted.userids)
    return answer


def check_agent(call: Call, body: Body) -> None:
    """Raises 41011, 40056 or 301002 unless the body names the app that is asking."""
    agent_id = body.get("agentid")
    if agent_id is None:
        raise WeComError(41011)
    if not isinstance(agent_id, int) or isinstance(agent_id, bool):
        raise WeComError(40056, "agentid is not an integer")
    if call.world.settings.app_of_agent(agent_id) is None:
        raise WeComError(40056)
    if agent_id != call.app.agent_id:
        raise WeComError(301002)


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


def _count_day(connection: sqlite3.Connection, call: Call, count: int, accounts: int) -> None:
    """An app sends accounts x 200 person-times a day of China's calendar (facts 5.1); 45009 beyond."""
    sent = connection.execute(
        """INSERT INTO app_day VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sent = sent + excluded.sent
           RETURNING sent""",
        (call.app.agent_id, day_of(call.now).toordinal(), count),
    ).fetchone()["sent"]
    if sent > accounts * PER_ACCOUNT_A_DAY:
        raise WeComError(45009)


def _deliver(
    connection: sqlite3.Connection,
    call: Call,
    msgtype: str,
    content: Body,
    fingerprint: str,
    answer: Answer,
    userids: list[str],
) -> None:
    """Keep the message and a delivery for each receiver; the answer gets its response code."""
    agent_id, now = call.app.agent_id, call.now
    message_id = int(
        connection.execute(
            """INSERT INTO message (msgid, agent_id, msgtype, body, fingerprint, answer, sent_at)
               VALUES (?, ?, ?, ?, ?, '', ?)""",
            (answer["msgid"], agent_id, msgtype, _json(content), fingerprint, now),
        ).lastrowid
        or 0
    )
    if msgtype == "template_card" and wants_response_code(content):
        answer["response_code"] = issue_response_code(connection, message_id, now)
    connection.execute("UPDATE message SET answer = ? WHERE id = ?", (_json(answer), message_id))
    for userid in userids:
        state = "dropped" if _over_limit(connection, agent_id, userid, now) else "delivered"
        connection.execute(
            "INSERT INTO delivery (message_id, agent_id, userid, state, sent_at) VALUES (?, ?, ?, ?, ?)",
            (message_id, agent_id, userid, state, now),
        )


def _over_limit(connection: sqlite3.Connection, agent_id: int, userid: str, now: int) -> bool:
    for span, most in ((MINUTE, PER_MINUTE), (HOUR, PER_HOUR)):
        got = connection.execute(
            """SELECT count(*) FROM delivery WHERE userid = ? AND agent_id = ?
               AND state IN ('delivered', 'recalled') AND sent_at > ? AND sent_at <= ?""",
            (userid, agent_id, now - span, now),
        ).fetchone()[0]
        if got >= most:
            return True
    return False


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


ENDPOINTS = {"message/send": Endpoint(send, post=True)}
