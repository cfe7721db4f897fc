"""The table of member events."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class MemberEventKind(StrEnum):
    """What happened."""

    JOIN = "join"
    REFUND = "refund"
    AFTER_SALES = "after_sales"  # a case was opened
    LEVEL_CHANGE = "level_change"
    UNFRIENDED = "unfriended"
    TAG_GAINED = "tag_gained"
    VISIT = "visit"  # came, and bought nothing
    SERVICE = "service"  # care given, tailoring ready
    SATISFACTION = "satisfaction"
    REVIEW = "review"
    REPLY = "reply"  # the member answered: said by the associate, or a tracked link was opened


class MemberEvent(Base):
    """One thing that happened to a member, once by (member, kind, event_key).

    `data` is JSON, by kind (rules.py). `associate_id` is who noted it, or to whom it happened.
    """

    __tablename__ = "member_events"
    __table_args__ = (
        UniqueConstraint("member_id", "kind", "event_key"),
        Index(None, "kind", "happened_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    event_key: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int]
    associate_id: Mapped[int | None]
    happened_at: Mapped[datetime]
    happened_on: Mapped[date]
    time_known: Mapped[bool]
    data: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime]
