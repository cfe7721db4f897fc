"""Writing text messages down, in firing's transaction: the task and what is to be sent for it are there together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.db import insert_rows
from app.follow_ups.texting.models import SmsMessage, SmsState
from app.follow_ups.texting.rules import sms_text
from app.sales_scripts.models import SalesScript
from app.sales_scripts.queries import scripts_by_code
from app.sales_scripts.rules import unfilled
from app.timers import Lane, TimerKey, set_timers


@dataclass(frozen=True, slots=True)
class NewText:
    """A task to be done by text message: its words, of which script they are, and what the variables stand for."""

    task_id: int
    work_item_id: int
    member_id: int
    store_id: int
    text: str
    script_code: str
    values: Mapping[str, str]
    is_service: bool
    valid_until: datetime


def write_texts(session: Session, texts: Sequence[NewText], now: datetime) -> None:
    """Have them sent at once; callers have made sure that the gateway has a template for them, and nothing is open."""
    if not texts:
        return
    scripts = scripts_by_code(session, {one.script_code for one in texts})
    rows = [_row(one, scripts[one.script_code], now) for one in texts]
    insert_rows(session, SmsMessage, rows)
    set_timers(session, [(TimerKey(Lane.SMS, now, row["task_id"]), row["member_id"]) for row in rows])


def _text(one: NewText) -> str:
    return sms_text(one.text, is_service=one.is_service)


def _row(one: NewText, script: SalesScript, now: datetime) -> dict[str, Any]:
    variables = {name: one.values[name] for name in unfilled(script.body) if name in one.values}
    return {
        "task_id": one.task_id,
        "work_item_id": one.work_item_id,
        "member_id": one.member_id,
        "store_id": one.store_id,
        "template": script.sms_template,
        "variables": json.dumps(variables, ensure_ascii=False),
        "text": _text(one),
        "state": SmsState.READY,
        "reason": "",
        "request_id": "",
        "gateway_id": "",
        "fence": 0,
        "attempts": 0,
        "looks": 0,
        "valid_until": one.valid_until,
        "next_due_at": now,
        "claimed_at": None,
        "sent_at": None,
    }
