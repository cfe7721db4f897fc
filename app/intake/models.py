"""The table of file imports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class PurchaseImport(Base):
    """One run over a purchase file; counts grow with each committed batch."""

    __tablename__ = "purchase_imports"
    __table_args__ = (Index(None, "source", "file_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(32))
    file_name: Mapped[str] = mapped_column(String(255))
    file_hash: Mapped[str] = mapped_column(String(64))
    shift_days: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    rows_read: Mapped[int]
    applied: Mapped[int]
    repeated: Mapped[int]
    refused: Mapped[int]
    quarantined: Mapped[int]
