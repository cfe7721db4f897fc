"""What several processes share of WeCom's where there is no Redis: tokens, tickets, refusals, blocks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class WeComValue(Base):
    """A value until `ends_at`, sealed; whoever renews it says so until `renewing_until`. In the database's real time.

    A handful of rows, all of which may be deleted at any moment: they only accelerate.
    """

    __tablename__ = "wecom_values"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str | None] = mapped_column(String(2048))
    ends_at: Mapped[datetime | None]
    renewing_until: Mapped[datetime | None]
    holder: Mapped[str | None] = mapped_column(String(32))
