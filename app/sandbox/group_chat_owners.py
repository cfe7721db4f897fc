"""Customer groups get another owner, on the job or after leaving (facts 3.10, group errors)."""

from __future__ import annotations

import sqlite3
from typing import Any

from app.sandbox.answers import TEXTS, Answer, WeComError, ok
from app.sandbox.calls import Call, Endpoint, list_of, text_of
from app.sandbox.clock import HOUR
from app.sandbox.corp_days import day_of, start_of
from app.sandbox.group_chats import find_group
from app.sandbox.handovers import LEFT, ON_JOB, RESIGNED
from app.sandbox.people import get_person
from app.sandbox.transfers import takes_over

GROUPS_MOST = 100
GROUPS_A_DAY = 300
ON_JOB_MOST = 2
ON_JOB_WITHIN = 90 * 24 * HOUR


def transfer_of_left(call: Call) -> Answer:
    """externalcontact/groupchat/transfer: groups whose owner left; one owner's 300 a day."""
    return _transfer(call, RESIGNED)


def transfer_on_job(call: Call) -> Answer:
    """externalcontact/groupchat/onjob_transfer: a group twice in 90 days."""
    return _transfer(call, ON_JOB)


def _transfer(call: Call, kind: str) -> Answer:
    body = call.body()
    chat_ids = list_of(body, "chat_id_list", GROUPS_MOST, 40058)
    if not chat_ids or not all(isinstance(one, str) for one in chat_ids):
        raise WeComError(40058, "chat_id_list")
    failed: list[dict[str, Any]] = []
    with call.world.store.writing() as connection:
        new_owner = takes_over(connection, text_of(body, "new_owner", 41009))
        for chat_id in dict.fromkeys(chat_ids):
            errcode = _refused(connection, call.now, kind, chat_id, new_owner)
            if errcode:
                failed.append({"chat_id": chat_id, "errcode": errcode, "errmsg": TEXTS[errcode]})
            else:
                _hand(connection, call.now, kind, chat_id, new_owner)
    return ok(failed_chat_list=failed)


def _refused(connection: sqlite3.Connection, now: int, kind: str, chat_id: str, new_owner: str) -> int:
    """The errcode of one group, 0 where it may be handed over."""
    group = find_group(connection, chat_id)
    if group is None:
        return 90501
    if group["owner"].lower() == new_owner.lower():
        return 90504
    has_left = get_person(connection, group["owner"])["status"] == LEFT
    if kind == RESIGNED:
        if not has_left:
            return 90508 if group["inherited"] else 90500
        return 45009 if _today(connection, now, group["owner"]) >= GROUPS_A_DAY else 0
    if has_left:
        return 90502
    return 40128 if _lately(connection, now, chat_id) >= ON_JOB_MOST else 0


def _hand(connection: sqlite3.Connection, now: int, kind: str, chat_id: str, new_owner: str) -> None:
    """Done through the API, so there is no event of it (facts 4.1)."""
    old_owner = connection.execute("SELECT owner FROM group_chat WHERE chat_id = ?", (chat_id,)).fetchone()[0]
    connection.execute(
        "INSERT INTO group_chat_handover VALUES (?, ?, ?, ?, ?)", (chat_id, old_owner, new_owner, kind, now)
    )
    connection.execute(
        "UPDATE group_chat SET owner = ?, inherited = inherited OR ? WHERE chat_id = ?",
        (new_owner, kind == RESIGNED, chat_id),
    )
    connection.execute(
        """INSERT INTO group_chat_member VALUES (?, ?, 1, ?, 1, '', '', '', 0, NULL)
           ON CONFLICT (chat_id, userid) DO UPDATE SET left_at = NULL""",
        (chat_id, new_owner, now),
    )


def _today(connection: sqlite3.Connection, now: int, owner: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM group_chat_handover WHERE kind = ? AND old_owner = ? AND handed_at >= ?",
        (RESIGNED, owner, start_of(day_of(now))),
    ).fetchone()
    return int(row[0])


def _lately(connection: sqlite3.Connection, now: int, chat_id: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM group_chat_handover WHERE kind = ? AND chat_id = ? AND handed_at > ?",
        (ON_JOB, chat_id, now - ON_JOB_WITHIN),
    ).fetchone()
    return int(row[0])


ENDPOINTS = {
    "externalcontact/groupchat/transfer": Endpoint(transfer_of_left, post=True, contacts=True),
    "externalcontact/groupchat/onjob_transfer": Endpoint(transfer_on_job, post=True, contacts=True),
}
