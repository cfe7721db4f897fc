"""The table of sales scripts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class SalesScript(Base):
    """A script; `code` is how plans refer to it."""

    __tablename__ = "sales_scripts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(64))
    scene: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
