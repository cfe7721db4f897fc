"""What can be changed about a message that was sent: a card replaced, a message recalled (facts 3.14)."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from app.sandbox import receivers, rules
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, object_of, text_of, whole_number
from app.sandbox.cards import CALLBACK_CARDS, Sender, check_card
from app.sandbox.clock import HOUR
from app.sandbox.messages import check_agent

RESPONSE_CODE_LIFE = 72 * HOUR
RECALLABLE = 24 * HOUR


def update_template_card(call: Call) -> Answer:
    """message/update_template_card: a grey text instead of the buttons, or another card, on some phones.

    The response code is used up. 42015 for another app's card, 42016 for a card that is gone, 42017 for
    `button` on a card that has none, 42020 without its text; 40058 for a response code unknown, used or
    older than 72 hours (WeCom documents no code for these). invaliduser lists whose phone has not the card.
    """
    body = call.body()
    check_agent(call, body)
    with call.world.store.writing() as connection:
        row = _card_of(connection, call, text_of(body, "response_code"))
        userids, invalid = _phones(connection, body)
        change = _change_of(body, json.loads(row["body"]), Sender(connection, call.now, rules.of(connection)))
        for userid in userids:
            if not _replace(connection, call.now, row["message_id"], userid, change):
                invalid.append(userid.lower())
        connection.execute("UPDATE response_code SET used = 1 WHERE code = ?", (body["response_code"],))
    return ok(invaliduser=invalid)


def recall(call: Call) -> Answer:
    """message/recall: off the phones again; 42052 after 24 hours, 40058 for another app's or an unknown one."""
    msgid = text_of(call.body(), "msgid")
    with call.world.store.writing() as connection:
        row = connection.execute("SELECT * FROM message WHERE msgid = ?", (msgid,)).fetchone()
        if row is None or row["agent_id"] != call.app.agent_id:
            raise WeComError(40058, "msgid")
        if call.now - row["sent_at"] > RECALLABLE:
            raise WeComError(42052)
        connection.execute(
            "UPDATE delivery SET state = 'recalled' WHERE message_id = ? AND state = 'delivered'",
            (row["id"],),
        )
    return ok()


def _card_of(connection: sqlite3.Connection, call: Call, code: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        """SELECT response_code.*, message.agent_id, message.body FROM response_code
           JOIN message ON message.id = response_code.message_id WHERE code = ?""",
        (code,),
    ).fetchone()
    if row is None:
        raise WeComError(40058, "response_code")
    if row["agent_id"] != call.app.agent_id:
        raise WeComError(42015)
    if row["used"] or call.now - row["issued_at"] > RESPONSE_CODE_LIFE:
        raise WeComError(40058, "response_code")
    shown = "SELECT 1 FROM delivery WHERE message_id = ? AND state != 'recalled'"
    if connection.execute(shown, (row["message_id"],)).fetchone() is None:
        raise WeComError(42016)
    return row


def _phones(connection: sqlite3.Connection, body: Body) -> tuple[list[str], list[str]]:
    """The members named, and none invalid yet; arrays here, unlike message/send."""
    userids = list_of(body, "userids", receivers.USERS_MOST, 40032)
    parties = list_of(body, "partyids", receivers.PARTIES_MOST, 82002)
    tags = list_of(body, "tagids", receivers.TAGS_MOST, 82003)
    if whole_number(body, "atall", 0) == 1:
        rows = connection.execute("SELECT userid FROM person")
        return [row["userid"] for row in rows], []
    if not userids and not parties and not tags:
        raise WeComError(82001)
    if not all(isinstance(userid, str) for userid in userids):
        raise WeComError(40031)
    found = dict.fromkeys(userids)
    for party in parties:
        found.update(dict.fromkeys(receivers.members_of(connection, str(party))))
    return list(found), []


def _change_of(body: Body, card: Body, sender: Sender) -> Body:
    """What changes on the card: all of it, or the text that takes the place of its buttons."""
    if body.get("button") is not None:
        if card["card_type"] not in CALLBACK_CARDS:
            raise WeComError(42017)
        return {"replace_text": text_of(object_of(body, "button"), "replace_name", 42020)}
    wanted = object_of(body, "template_card")
    check_card(wanted, sender, is_update=True)
    return {"task_id": card.get("task_id"), **wanted}


def _replace(
    connection: sqlite3.Connection, now: int, message_id: int, userid: str, change: dict[str, Any]
) -> bool:
    """Whether the member's phone shows the card and now shows the new one."""
    row = connection.execute(
        """SELECT delivery.id, coalesce(card_now.body, message.body) AS body
           FROM delivery JOIN message ON message.id = delivery.message_id
           LEFT JOIN card_now ON card_now.delivery_id = delivery.id
           WHERE delivery.message_id = ? AND delivery.userid = ? AND delivery.state = 'delivered'""",
        (message_id, userid),
    ).fetchone()
    if row is None:
        return False
    new = change if "card_type" in change else {**json.loads(row["body"]), **change}
    connection.execute(
        "INSERT OR REPLACE INTO card_now VALUES (?, ?, ?)",
        (row["id"], json.dumps(new, ensure_ascii=False), now),
    )
    return True


ENDPOINTS = {
    "message/update_template_card": Endpoint(update_template_card, post=True),
    "message/recall": Endpoint(recall, post=True),
}
