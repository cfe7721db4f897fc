"""The table of text messages, and what may become of one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class SmsState(StrEnum):
    """Where a text message stands; those of `FINAL` are final."""

    READY = "ready"  # to be handed to the gateway
    CLAIMED = "claimed"  # being handed over, or whoever did it died: told apart by `next_due_at`
    DOUBTFUL = (
        "doubtful"  # nobody knows whether the gateway has it: it is looked for, never handed over again
    )
    ACCEPTED = "accepted"  # the gateway has it, whether it arrived is not known yet
    DELIVERED = "delivered"
    UNTOLD = "untold"  # the gateway had it, and nobody ever said whether it arrived
    FAILED = "failed"  # it did not arrive
    REFUSED = "refused"
    UNKNOWN = "unknown"  # it was looked for long enough and not found
    TAKEN_BACK = "taken_back"  # its task was closed, or its member wanted none, before it was handed over


FINAL = frozenset(
    {
        SmsState.DELIVERED,
        SmsState.UNTOLD,
        SmsState.FAILED,
        SmsState.REFUSED,
        SmsState.UNKNOWN,
        SmsState.TAKEN_BACK,
    }
)


class SmsReason(StrEnum):
    """Why a text message's task was closed undone, beside the reasons of steps: shown to people."""

    REFUSED = "sms_refused"
    UNKNOWN = "sms_unknown"  # whether the gateway has it could not be told, and a second one must not be sent
    FAILED = "sms_failed"


class SmsMessage(Base):
    """The text message of a follow-up task (短信): at most one each.

    `template` is the one the gateway has approved, `variables` (JSON) what fills it, `text` what the member reads by
    our knowledge. The number is not kept here: it is the member's when the message is handed over. `request_id` is made
    before the gateway is first called and goes with it; `gateway_id` is the gateway's own. Not FINAL it owns one timer
    in the lane of text messages at `next_due_at`, business time. `fence` counts claims.
    """

    __tablename__ = "sms_messages"
    __table_args__ = (Index(None, "member_id"),)

    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_item_id: Mapped[int]
    member_id: Mapped[int]
    store_id: Mapped[int]
    template: Mapped[str] = mapped_column(String(64))
    variables: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(32))
    gateway_id: Mapped[str] = mapped_column(String(64))
    fence: Mapped[int] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer)
    looks: Mapped[int] = mapped_column(Integer)
    valid_until: Mapped[datetime]
    next_due_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
