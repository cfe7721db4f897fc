"""A member's phone and group sends: what waits to be confirmed, and what confirming does (facts 3.8)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from app.sandbox import attachments, campaign_rules, chats, corp_days
from app.sandbox.calls import Body, World
from app.sandbox.control_input import WrongInput
from app.sandbox.group_send_targets import Targets
from app.sandbox.group_sends import PERSONAL, put_order
from app.sandbox.people import get_person

SENT, NO_FRIEND, HAD_ENOUGH = 1, 2, 3
WEEK_QUOTA = 7


class NothingToConfirm(LookupError):
    """The member has no such task, or it is sent or cancelled already."""


def pending(connection: sqlite3.Connection, userid: str) -> list[dict[str, Any]]:
    """The member's tasks still to confirm, oldest first: {msgid, chat_type, created_at (microseconds), text,
    attachments, allow_select, reminded, targets: [{id, name}]}."""
    rows = connection.execute(
        """SELECT group_send.*, (SELECT count(*) FROM group_send_reminder WHERE send_id = group_send.id) AS reminded
           FROM group_send_task JOIN group_send ON group_send.id = send_id
           WHERE userid = ? AND sent_at IS NULL AND cancelled_at IS NULL ORDER BY group_send.id""",
        (userid,),
    ).fetchall()
    return [_as_pending(connection, userid, row) for row in rows]


def confirm(
    connection: sqlite3.Connection,
    _world: World,
    now: int,
    userid: str,
    msgid: str,
    external_userids: Sequence[str] | None = None,
) -> dict[str, int]:
    """The member sends: to all, or, where the order allows choosing, to those named. What went out is in the chats.

    Answers how many were {sent, failed}; those not chosen stay unsent. Raises NothingToConfirm, or WrongInput for
    a choice that the order does not allow.
    """
    send = connection.execute(
        """SELECT group_send.* FROM group_send_task JOIN group_send ON group_send.id = send_id
           WHERE userid = ? AND msgid = ? AND sent_at IS NULL AND cancelled_at IS NULL""",
        (userid, msgid),
    ).fetchone()
    if send is None:
        raise NothingToConfirm(msgid)
    chosen = _chosen(connection, send, userid, external_userids)
    connection.execute(
        "UPDATE group_send_task SET sent_at = ? WHERE send_id = ? AND userid = ?", (now, send["id"], userid)
    )
    outcomes = [_deliver(connection, now, send, userid, target) for target in chosen]
    return {"sent": outcomes.count(SENT), "failed": len(outcomes) - outcomes.count(SENT)}


def send_personally(
    connection: sqlite3.Connection, now: int, userid: str, external_userids: Sequence[str], body: Body
) -> str:
    """A member's own group send (个人群发), which counts against the same quota; its msgid."""
    creator = get_person(connection, userid)["userid"]
    order = {
        "agent_id": 0,
        "chat_type": "single",
        "creator": creator,
        "create_type": PERSONAL,
        "content": attachments.content_of(connection, now, body),
        "allow_select": False,
        "created_at": now,
    }
    msgid = put_order(connection, order, Targets({creator: list(external_userids)}, []))
    send = connection.execute("SELECT * FROM group_send WHERE msgid = ?", (msgid,)).fetchone()
    connection.execute("UPDATE group_send_task SET sent_at = ? WHERE send_id = ?", (now, send["id"]))
    for external_userid in external_userids:
        _deliver(connection, now, send, creator, external_userid)
    return msgid


def _as_pending(connection: sqlite3.Connection, userid: str, send: sqlite3.Row) -> dict[str, Any]:
    targets = connection.execute(
        """SELECT target AS id, coalesce(contact.name, group_chat.name, '') AS name FROM group_send_target
           LEFT JOIN contact ON contact.external_userid = target
           LEFT JOIN group_chat ON group_chat.chat_id = target
           WHERE send_id = ? AND userid = ? ORDER BY target""",
        (send["id"], userid),
    )
    return {
        "msgid": send["msgid"],
        "chat_type": send["chat_type"],
        "created_at": send["created_at"],
        **json.loads(send["content"]),
        "allow_select": bool(send["allow_select"]),
        "reminded": send["reminded"],
        "targets": [dict(row) for row in targets],
    }


def _chosen(
    connection: sqlite3.Connection, send: sqlite3.Row, userid: str, wanted: Sequence[str] | None
) -> list[str]:
    rows = connection.execute(
        "SELECT target FROM group_send_target WHERE send_id = ? AND userid = ? ORDER BY target",
        (send["id"], userid),
    )
    offered = [row["target"] for row in rows]
    if wanted is None or set(wanted) == set(offered):
        return offered
    if not send["allow_select"]:
        raise WrongInput("external_userids: this order does not let its sender choose")
    if not set(wanted) <= set(offered):
        raise WrongInput("external_userids: not among those offered")
    return list(dict.fromkeys(wanted))


def _deliver(connection: sqlite3.Connection, now: int, send: sqlite3.Row, userid: str, target: str) -> int:
    if send["chat_type"] == "group":
        outcome = SENT
        _say_in_group(connection, now, send, userid, target)
    else:
        outcome = _outcome(connection, now, userid, target)
        if outcome == SENT:
            for message in attachments.as_chat(json.loads(send["content"])):
                chats.append(connection, now, userid, target, chats.ASSOCIATE, message)
    connection.execute(
        "UPDATE group_send_target SET status = ?, sent_at = ? WHERE send_id = ? AND userid = ? AND target = ?",
        (outcome, now, send["id"], userid, target),
    )
    return outcome


def _say_in_group(
    connection: sqlite3.Connection, now: int, send: sqlite3.Row, userid: str, chat_id: str
) -> None:
    for message in attachments.as_chat(json.loads(send["content"])):
        content = json.dumps(message[message["msgtype"]], ensure_ascii=False)
        connection.execute(
            "INSERT INTO group_chat_message (chat_id, sender, msgtype, body, sent_at) VALUES (?, ?, ?, ?, ?)",
            (chat_id, userid, message["msgtype"], content, now),
        )


def _outcome(connection: sqlite3.Connection, now: int, userid: str, external_userid: str) -> int:
    friend = connection.execute(
        "SELECT 1 FROM follow WHERE userid = ? AND external_userid = ? AND stage = 'mutual'",
        (userid, external_userid),
    ).fetchone()
    if friend is None:
        return NO_FRIEND
    since, most = _quota(campaign_rules.of(connection).quota, now)
    had = connection.execute(
        "SELECT count(*) FROM group_send_target WHERE target = ? AND status = 1 AND sent_at >= ?",
        (external_userid, since),
    ).fetchone()[0]
    return HAD_ENOUGH if had >= most else SENT


def _quota(kind: str, now: int) -> tuple[int, int]:
    """Since when group sends count, and how many a customer may get from then on (facts 3.8)."""
    today = corp_days.day_of(now)
    if kind == "day":
        return corp_days.start_of(today), 1
    if kind == "week":
        return corp_days.start_of_week(today), WEEK_QUOTA
    return corp_days.start_of_month(today), corp_days.days_in_month(today)
