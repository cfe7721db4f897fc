"""The inbox table."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

Payload = Text().with_variant(MEDIUMTEXT(), "mysql")


class InboundState(StrEnum):
    """What became of an event."""

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
