"""Presses of template cards' buttons: kept once, and the one call that shows on the card that it was taken.

A response code is good once (facts 3.14), so the press is claimed before WeCom is called: claim (commit) → call →
record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.db import insert_rows, table_of
from app.messaging.models import CardPress, CardUpdate

REASON = 255


@dataclass(frozen=True, slots=True)
class Press:
    """Who pressed what on which card, and what was selected: question → options."""

    event_key: str
    task_id: str
    wecom_userid: str
    button: str
    card_type: str
    selected: Mapping[str, Sequence[str]]
    pressed_at: datetime


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """What came of showing it on the card."""

    state: CardUpdate
    reason: str = ""


def claim_press(session: Session, press: Press, *, needs_update: bool) -> bool:
    """Keep a press; True where the caller, and nobody else ever, is to update its card. A repeat is False."""
    its = select(CardPress.event_key).where(CardPress.event_key == press.event_key)
    if session.scalar(its) is not None:
        return False
    row = {
        "event_key": press.event_key,
        "task_id": press.task_id[:128],
        "wecom_userid": press.wecom_userid[:64],
        "button": press.button[:1024],
        "card_type": press.card_type[:32],
        "selected": json.dumps(press.selected, ensure_ascii=False),
        "pressed_at": press.pressed_at,
        "card_update": CardUpdate.CLAIMED if needs_update else CardUpdate.UNNEEDED,
        "reason": "",
    }
    insert_rows(session, CardPress, [row])
    return needs_update


def release_press(session: Session, event_key: str) -> None:
    """WeCom was not reached: the press may be claimed again."""
    table = table_of(CardPress)
    mine = (table.c.event_key == event_key) & (table.c.card_update == CardUpdate.CLAIMED)
    session.connection().execute(delete(table).where(mine))


def record_update(session: Session, event_key: str, outcome: UpdateOutcome) -> None:
    """Write down what came of the update; the first record stands."""
    table = table_of(CardPress)
    mine = (table.c.event_key == event_key) & (table.c.card_update == CardUpdate.CLAIMED)
    said = {"card_update": outcome.state, "reason": outcome.reason[:REASON]}
    session.connection().execute(update(table).where(mine).values(said))
