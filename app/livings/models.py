"""The table of livings."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class LivingStatus(IntEnum):
    """Where a living stands, with WeCom's numbers (facts 4.3); a RESERVED one expires without an event."""

    RESERVED = 0
    LIVE = 1
    ENDED = 2
    EXPIRED = 3
    CANCELLED = 4


class Living(Base):
    """A living, `anchor_userid` being who speaks; `version` as with `ExternalContact`."""

    __tablename__ = "livings"
    __table_args__ = (Index(None, "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    living_id: Mapped[str] = mapped_column(String(64), unique=True)
    theme: Mapped[str] = mapped_column(String(255))
    anchor_userid: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    reserved_at: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    length_s: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
