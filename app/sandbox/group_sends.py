"""Group sends (企业群发): an order makes tasks, and members confirm them on their phones (facts 3.8).

Nothing is sent before a member confirms; confirming is in group_send_tasks.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any

from app.sandbox import attachments, campaign_rules
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, optional_text, text_of, whole_number
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.cursors import limit_of, paged
from app.sandbox.group_send_targets import Targets, customers_of, groups_of
from app.sandbox.people import get_person

CORP, PERSONAL = 0, 1
SPAN_S = 31 * 86_400
REMINDERS_A_DAY = 3
UNSENT, SENT = 0, 2


def add(call: Call) -> Answer:
    """externalcontact/add_msg_template: an order. Answers its msgid and those it cannot reach (fail_list)."""
    body = call.body()
    chat_type = body.get("chat_type", "single")
    if chat_type not in ("single", "group"):
        raise WeComError(40058, "chat_type")
    allow_select = body.get("allow_select", False)
    if not isinstance(allow_select, bool):
        raise WeComError(40058, "allow_select")
    with call.world.store.writing() as connection:
        content = attachments.content_of(connection, call.now, body)
        targets = (customers_of if chat_type == "single" else groups_of)(connection, body)
        order = {
            "agent_id": call.app.agent_id,
            "chat_type": chat_type,
            "creator": "",
            "create_type": CORP,
            "content": content,
            "allow_select": allow_select and chat_type == "single",
            "created_at": call.now,
        }
        msgid = put_order(connection, order, targets)
    return ok(fail_list=targets.unreached, msgid=msgid)


def put_order(connection: sqlite3.Connection, order: dict[str, Any], targets: Targets) -> str:
    """Write an order with a task for each member in `targets`; its msgid."""
    msgid = f"msg{secrets.token_urlsafe(24)}"
    send_id = connection.execute(
        """INSERT INTO group_send (msgid, agent_id, chat_type, creator, create_type, content, allow_select, created_at)
           VALUES (:msgid, :agent_id, :chat_type, :creator, :create_type, :content, :allow_select, :created_at)""",
        {**order, "msgid": msgid},
    ).lastrowid
    for userid, reached in targets.by_userid.items():
        connection.execute("INSERT INTO group_send_task VALUES (?, ?, NULL)", (send_id, userid))
        connection.executemany(
            "INSERT INTO group_send_target VALUES (?, ?, ?, 0, NULL)",
            [(send_id, userid, target) for target in reached],
        )
    return msgid


def list_sends(call: Call) -> Answer:
    """externalcontact/get_groupmsg_list_v2: orders of a time span of one month at most (else 40058)."""
    body = call.body()
    chat_type = text_of(body, "chat_type")
    begin, end = whole_number(body, "start_time", 0), whole_number(body, "end_time", 0)
    if chat_type not in ("single", "group") or not 0 < begin <= end <= begin + SPAN_S:
        raise WeComError(40058, "chat_type, start_time, end_time")
    chosen = whole_number(body, "filter_type", 2)
    if chosen not in (CORP, PERSONAL, 2):
        raise WeComError(40058, "filter_type")
    wanted = {
        "chat_type": chat_type,
        "begin": begin * SECOND,
        "end": (end + 1) * SECOND,
        "creator": optional_text(body, "creator") or "",
        "kind": chosen,
    }
    with call.world.store.reading() as connection:
        rows, cursor = paged(connection, _LIST, wanted, body, limit_of(body, 50, 100))
    return ok(group_msg_list=[_as_listed(row) for row in rows], next_cursor=cursor)


_LIST = """
SELECT * FROM group_send WHERE chat_type = :chat_type AND created_at >= :begin AND created_at < :end
    AND (:creator = '' OR creator = :creator) AND (:kind = 2 OR create_type = :kind) ORDER BY id
"""


def list_tasks(call: Call) -> Answer:
    """externalcontact/get_groupmsg_task: who has the task and whether they have sent (0 not yet, 2 sent)."""
    body = call.body()
    limit = limit_of(body, 500, 1_000)
    with call.world.store.reading() as connection:
        send = _dispatched(connection, body, call.now)
        rows, cursor = paged(
            connection,
            "SELECT * FROM group_send_task WHERE send_id = :id ORDER BY userid",
            {"id": send["id"]},
            body,
            limit,
        )
    return ok(task_list=[_as_task(row) for row in rows], next_cursor=cursor)


def list_results(call: Call) -> Answer:
    """externalcontact/get_groupmsg_send_result: 0 not yet, 1 sent, 2 no friend, 3 had its number (facts 3.8)."""
    body = call.body()
    limit = limit_of(body, 500, 1_000)
    userid = text_of(body, "userid", 41009)
    with call.world.store.reading() as connection:
        send = _dispatched(connection, body, call.now)
        get_person(connection, userid)
        rows, cursor = paged(
            connection,
            "SELECT * FROM group_send_target WHERE send_id = :id AND userid = :userid ORDER BY target",
            {"id": send["id"], "userid": userid},
            body,
            limit,
        )
    name = "external_userid" if send["chat_type"] == "single" else "chat_id"
    return ok(send_list=[_as_result(row, name) for row in rows], next_cursor=cursor)


def remind(call: Call) -> Answer:
    """externalcontact/remind_groupmsg_send: thrice in 24 hours for one order (41094)."""
    with call.world.store.writing() as connection:
        send = _open_order(connection, call)
        reminded = connection.execute(
            "SELECT count(*) FROM group_send_reminder WHERE send_id = ? AND reminded_at > ?",
            (send["id"], call.now - 24 * HOUR),
        ).fetchone()[0]
        if reminded >= REMINDERS_A_DAY:
            raise WeComError(41094)
        connection.execute("INSERT INTO group_send_reminder VALUES (?, ?)", (send["id"], call.now))
    return ok()


def cancel(call: Call) -> Answer:
    """externalcontact/cancel_groupmsg_send: whoever has not confirmed no longer can; a second time is 41093."""
    with call.world.store.writing() as connection:
        send = _open_order(connection, call)
        connection.execute("UPDATE group_send SET cancelled_at = ? WHERE id = ?", (call.now, send["id"]))
    return ok()


def _open_order(connection: sqlite3.Connection, call: Call) -> sqlite3.Row:
    send = _dispatched(connection, call.body(), call.now)
    if send["agent_id"] != call.app.agent_id:
        raise WeComError(41047)
    if send["cancelled_at"] is not None:
        raise WeComError(41093)
    return send


def _dispatched(connection: sqlite3.Connection, body: Body, now: int) -> sqlite3.Row:
    """The order; 41046 without a msgid, 41047 for an unknown one, 41063 while it is being dispatched."""
    msgid = text_of(body, "msgid", 41046)
    send: sqlite3.Row | None = connection.execute(
        "SELECT * FROM group_send WHERE msgid = ?", (msgid,)
    ).fetchone()
    if send is None:
        raise WeComError(41047)
    if send["create_type"] == CORP and now < send["created_at"] + campaign_rules.of(connection).dispatch_us:
        raise WeComError(41063)
    return send


def _as_listed(row: sqlite3.Row) -> dict[str, Any]:
    """An order made through the API has no creator."""
    shown = {
        "msgid": row["msgid"],
        "create_time": row["created_at"] // SECOND,
        "create_type": row["create_type"],
        **json.loads(row["content"]),
    }
    return {**shown, "creator": row["creator"]} if row["creator"] else shown


def _as_task(row: sqlite3.Row) -> dict[str, Any]:
    if row["sent_at"] is None:
        return {"userid": row["userid"], "status": UNSENT}
    return {"userid": row["userid"], "status": SENT, "send_time": row["sent_at"] // SECOND}


def _as_result(row: sqlite3.Row, name: str) -> dict[str, Any]:
    shown = {name: row["target"], "userid": row["userid"], "status": row["status"]}
    return {**shown, "send_time": row["sent_at"] // SECOND} if row["sent_at"] is not None else shown


ENDPOINTS = {
    "externalcontact/add_msg_template": Endpoint(add, post=True, contacts=True),
    "externalcontact/get_groupmsg_list_v2": Endpoint(list_sends, post=True, contacts=True),
    "externalcontact/get_groupmsg_task": Endpoint(list_tasks, post=True, contacts=True),
    "externalcontact/get_groupmsg_send_result": Endpoint(list_results, post=True, contacts=True),
    "externalcontact/remind_groupmsg_send": Endpoint(remind, post=True, contacts=True),
    "externalcontact/cancel_groupmsg_send": Endpoint(cancel, post=True, contacts=True),
}
