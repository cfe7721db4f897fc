"""Answers to text messages, on their way from the gateway to the members they are of: what is kept of one, and applied.

Kept are the gateway's number of it, the sender's number, sealed, and whether it refuses. The words themselves are not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.texting.answering import Answer, keep_answer
from app.follow_ups.texting.rules import refuses
from app.intake.handlers import Handler, Handlers
from app.members.phones import members_of_phone, open_phone, read_phone, seal_phone
from app.sealing import Keyring
from app.sms.port import SmsAnswer
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort

ANSWERED = "sms_answered"


def event_of(answer: SmsAnswer, keys: Keyring) -> WeComEvent | None:
    """The answer as the inbox keeps it, the same however often it is told; None where no mobile number sent it.

    `keys` seals the number.
    """
    number = read_phone(answer.number)
    if number is None:
        return None
    told = {
        "MsgType": "event",
        "Event": ANSWERED,
        "CreateTime": str(int(answer.sent_at.timestamp())) if answer.sent_at else "0",
        "Answer": answer.answer_id,
        "Number": seal_phone(keys, number, salt=answer.answer_id).sealed,
        "Refuses": "yes" if refuses(answer.words) else "",
    }
    return WeComEvent.of(told)


def sms_handlers(keys: Keyring) -> Handlers:
    """What the inbox lane does with them."""

    def apply(session: Session, event: WeComEvent, _looked: Any) -> None:
        number = open_phone(keys, event.text("Number"))
        if number is None:
            raise ValueError("no secret opens the number")
        now = clock.now(session)
        sent_at = clock.instant_of(event.created_at_s) if event.created_at_s else now
        members = members_of_phone(session, keys, number)
        answer = Answer(event.text("Answer"), sent_at, refuses=bool(event.text("Refuses")))
        keep_answer(session, members, answer, now)

    return {ANSWERED: Handler(_look, apply)}


def _look(_wecom: WeComPort, _event: WeComEvent) -> None:
    """Nothing of it is WeCom's to tell."""
