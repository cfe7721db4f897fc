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

from app.associates.models import Associate
from app.db import insert_rows, table_of
from app.messaging.models import CardPress, CardUpdate, Notice, OutboundMessage

REASON = 255
# A digest's card is called by the digest's key after this; its one button that comes back to us has this key.
DIGEST_CARD = "digest-"
LATER = "later"


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


@dataclass(frozen=True, slots=True)
class Told:
    """A digest as its card was pressed: whose it is, and what it told of."""

    associate_id: int
    work_item_ids: tuple[int, ...]


def find_digest(session: Session, press: Press) -> Told | None:
    """The digest whose card was pressed by who got it; None for any other card, and for anybody else."""
    if not press.task_id.startswith(DIGEST_CARD):
        return None
    query = (
        select(OutboundMessage.id, OutboundMessage.associate_id)
        .join(Associate, Associate.id == OutboundMessage.associate_id)
        .where(
            OutboundMessage.dedupe_key == press.task_id.removeprefix(DIGEST_CARD),
            Associate.wecom_userid == press.wecom_userid,
        )
    )
    message = session.execute(query).first()
    if message is None:
        return None
    items = select(Notice.work_item_id).where(Notice.message_id == message.id).order_by(Notice.work_item_id)
    return Told(message.associate_id, tuple(dict.fromkeys(session.scalars(items))))


def claim_press(session: Session, press: Press, *, needs_update: bool) -> bool:
    """Keep a press; True where the caller, and nobody else ever, is to do what it means. A repeat is False."""
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
    return True


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
