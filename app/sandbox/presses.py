"""What a tap on a template card does: an event for the app, with a code that lets it replace the card (facts 4.3)."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from app.sandbox import callbacks
from app.sandbox.answers import WeComError
from app.sandbox.calls import World
from app.sandbox.cards import CALLBACK_CARDS, actions_of, menu_keys_of

_DELIVERED = """
SELECT delivery.id, message.id AS message_id, message.agent_id, message.msgtype,
    coalesce(card_now.body, message.body) AS body
FROM delivery JOIN message ON message.id = delivery.message_id
LEFT JOIN card_now ON card_now.delivery_id = delivery.id
WHERE delivery.id = ? AND delivery.userid = ? AND delivery.state = 'delivered'
"""


def press(
    connection: sqlite3.Connection,
    world: World,
    now: int,
    userid: str,
    message_id: int,
    *,
    event_key: str,
    selected: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """A member taps a button of a card, its submit button, or an entry of its menu, on the phone.

    `message_id` is the delivery's, as the phone's feed names it; `selected` gives option ids by question key.
    Queues template_card_event or template_card_menu_event, with a response code of its own, in the caller's
    transaction. Raises WeComError: 42014 for no card with callbacks on this phone, 42017 for a key it has not.
    """
    row = connection.execute(_DELIVERED, (message_id, userid)).fetchone()
    card = json.loads(row["body"]) if row and row["msgtype"] == "template_card" else {}
    if not card.get("task_id"):
        raise WeComError(42014)
    in_menu = event_key in menu_keys_of(card)
    if not in_menu and event_key not in actions_of(card):
        raise WeComError(42017)
    fields: dict[str, Any] = {
        "FromUserName": userid,
        "Event": "template_card_menu_event" if in_menu else "template_card_event",
        "EventKey": event_key,
        "TaskId": card["task_id"],
        "CardType": card["card_type"],
        "ResponseCode": issue_response_code(connection, row["message_id"], now),
    }
    if not in_menu and selected:
        fields["SelectedItems"] = _selected(selected)
    callbacks.emit(connection, now, fields, agent_id=row["agent_id"])


def issue_response_code(connection: sqlite3.Connection, message_id: int, now: int) -> str:
    """A code good once, for 72 hours, for the cards of this message."""
    code = secrets.token_urlsafe(32)
    connection.execute("INSERT INTO response_code VALUES (?, ?, ?, 0)", (code, message_id, now))
    return code


def wants_response_code(card: Mapping[str, Any]) -> bool:
    """Whether sending the card gives a response code: the interactive kinds, and any card with a menu."""
    return card.get("card_type") in CALLBACK_CARDS or bool(card.get("action_menu"))


def _selected(selected: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    items = [
        {"QuestionKey": question, "OptionIds": {"OptionId": list(options)}}
        for question, options in selected.items()
    ]
    return {"SelectedItem": items}
