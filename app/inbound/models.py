"""The inbox table, and beside it what is still to be done with events from WeCom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

WECOM = "wecom"  # the source of what WeCom tells us; sources of purchases are the chain's own systems
INTERNAL = "internal"  # of what we tell ourselves, e.g. what is to be repaired, and who asked for that
SMS_GATEWAY = "sms_gateway"  # of what members answer to text messages
BY_LANE = (WECOM, INTERNAL, SMS_GATEWAY)  # what is kept as it comes and applied by the inbox lane
Payload = Text().with_variant(MEDIUMTEXT(), "mysql")


class InboundState(StrEnum):
    """What became of an event."""

    RECEIVED = (
        "received"  # kept, not yet applied; only events from WeCom, everything else is applied as it comes
    )
    APPLIED = "applied"
    QUARANTINED = "quarantined"  # applying it failed; kept with its reason, can be replayed


class Inbound(Base):
    """One event from outside, exactly once by (source, event_key)."""

    __tablename__ = "inbound"
    __table_args__ = (
        UniqueConstraint("source", "event_key"),
        Index(None, "state", "id"),
        {"comment": "every event from outside, once"},
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32))
    event_key: Mapped[str] = mapped_column(String(190))
    content_hash: Mapped[str] = mapped_column(String(32))
    payload: Mapped[str] = mapped_column(Payload)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(255), default="")
    enrolls: Mapped[bool]
    received_at: Mapped[datetime]


class ReceivedEvent(Base):
    """The work that an event from WeCom makes, one row each: its timers, its lease, its attempts.

    Apart from the inbox, which holds millions of purchases that need none of this.
    """

    __tablename__ = "received_events"
    __table_args__ = (
        Index(None, "subject", "settled_at"),
        {"comment": "work on events from WeCom"},
    )

    inbound_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(96))  # whose state is read anew; "" where it is nobody's
    next_due_at: Mapped[datetime | None]  # real time; of its timer in the inbox lane, None once settled
    welcome_due_at: Mapped[
        datetime | None
    ]  # real time; of its timer in the welcome lane, None once claimed there
    fence: Mapped[int]
    attempts: Mapped[int]
    excused: Mapped[int]  # attempts that WeCom's own troubles spoilt
    settled_at: Mapped[datetime | None]  # real time; when it was applied
