"""Tables of notices, digest schedules and outbound messages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class NoticeState(StrEnum):
    """What became of a notice; every state but WAITING is final."""

    WAITING = "waiting"
    GATHERED = "gathered"  # it is in the message `message_id`, and in no other
    # Before its digest the work item was closed, put off or given to somebody else, or the associate left.
    DROPPED = "dropped"


class NoticeKind(StrEnum):
    """What a notice says of its work item; of one kind, but for what is new, a digest makes one line."""

    OPENED = "opened"  # to be done by the reader
    MINI_PROGRAM = (
        "mini_program"  # the same, told apart from the digest by a notice of the linked mini program
    )
    URGE = "urge"  # still to be done by the reader
    ESCALATION = "escalation"  # still to be done by somebody of the reader's store, whom `text` names


class Notice(Base):
    """One thing an associate should hear of; joins one message at most."""

    __tablename__ = "notices"
    __table_args__ = (Index(None, "associate_id", "state"), Index(None, "message_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    associate_id: Mapped[int]
    work_item_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16), default=NoticeKind.OPENED)
    text: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(16))
    written_at: Mapped[datetime]
    message_id: Mapped[int | None]


class DigestSchedule(Base):
    """When an associate's waiting notices are gathered; owner of the digest timer, None where none waits.

    The row is the mutex between those who write notices and those who gather them.
    """

    __tablename__ = "digest_schedules"

    associate_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_due_at: Mapped[datetime | None]


class MessageState(StrEnum):
    """Where a message stands; DELIVERED and ABANDONED are final."""

    ENQUEUED = "enqueued"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


class OutboundMessage(Base):
    """A message to one associate, rendered once: every attempt sends the identical body.

    `fence` counts claims; only the latest claim may record. While ENQUEUED it has one timer in the push lane at
    `next_due_at`, in real time: when to try next or, while claimed, when the claim's lease ends. `maybe_sent_at`, real
    too, is the claim of the first attempt that WeCom may have taken: from then on it recognises the body, for a while.
    """

    __tablename__ = "outbound_messages"
    __table_args__ = (Index(None, "associate_id", "enqueued_at"), Index(None, "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    associate_id: Mapped[int]
    dedupe_key: Mapped[str] = mapped_column(String(64), unique=True)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255))
    attempts: Mapped[int] = mapped_column(Integer)
    fence: Mapped[int] = mapped_column(Integer)
    enqueued_at: Mapped[datetime]
    next_due_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    maybe_sent_at: Mapped[datetime | None]
    wecom_msgid: Mapped[str] = mapped_column(String(255))


class WelcomeState(StrEnum):
    """What became of a welcome message; every state but CLAIMED is final, and in none is it sent again."""

    CLAIMED = "claimed"  # being sent, or whoever sent it died: told apart by `next_due_at`
    SENT = "sent"
    TAKEN = "taken"  # WeCom says that the two already chat, or that the code was used
    LATE = "late"  # the code's time was over
    FAILED = "failed"
    UNKNOWN = "unknown"  # nobody learned whether it was sent
    UNNEEDED = "unneeded"  # of an account that is nobody of ours


class Welcome(Base):
    """The one welcome message (欢迎语) of a welcome code; the key is its inbound event's.

    Written before WeCom is called, so that a code is never used twice. While CLAIMED it owns a timer in the welcome
    lane at `next_due_at`, in real time. `work_item_id`: the associate was asked to greet by hand.
    """

    __tablename__ = "welcomes"
    __table_args__ = (Index(None, "work_item_id"), Index(None, "external_userid"))

    inbound_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wecom_userid: Mapped[str] = mapped_column(String(64))
    external_userid: Mapped[str] = mapped_column(String(64))
    associate_id: Mapped[int | None]
    contact_name: Mapped[str] = mapped_column(String(128))
    text: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255))
    claimed_at: Mapped[datetime]
    next_due_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime | None]
    work_item_id: Mapped[int | None]
    completed_by: Mapped[int | None]


class CardUpdate(StrEnum):
    """What became of showing on the card that its button was pressed; every state but CLAIMED is final."""

    CLAIMED = (
        "claimed"  # being called, or nobody learned what came of it: the code is good once, so never again
    )
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the answer was lost: it may be shown, and the code may be used up
    UNNEEDED = "unneeded"  # it came without a code, or its card has no button to change


class CardPress(Base):
    """A press of a template card's button (模板卡片): once per event, with what was selected as JSON."""

    __tablename__ = "card_presses"
    __table_args__ = (Index(None, "task_id", "pressed_at"),)

    event_key: Mapped[str] = mapped_column(String(190), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(128))
    wecom_userid: Mapped[str] = mapped_column(String(64))
    button: Mapped[str] = mapped_column(String(1024))
    card_type: Mapped[str] = mapped_column(String(32))
    selected: Mapped[str] = mapped_column(Text)
    pressed_at: Mapped[datetime]
    card_update: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255))
