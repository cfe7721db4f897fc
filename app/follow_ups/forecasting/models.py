"""Tables of dry runs that pages ask for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

# More than MariaDB's TEXT of 64 KB holds.
Long = Text().with_variant(MEDIUMTEXT(), "mysql")


class PlanDryRun(Base):
    """A dry run of one plan document, asked for by a page (试运行); waiting until `began_at`.

    `document` is canonical JSON; `stores` (JSON) the codes where it is tried as a canary, "" for everywhere; `tried_on`
    (JSON) whose members it is tried on. `result` is JSON once it has come to its end; `trouble` says why it could not.
    """

    __tablename__ = "plan_dry_runs"
    __table_args__ = (Index(None, "code", "id"), Index(None, "finished_at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(32))
    content_hash: Mapped[str] = mapped_column(String(32))
    document: Mapped[str] = mapped_column(Text)
    stores: Mapped[str] = mapped_column(Text)
    days: Mapped[int] = mapped_column(Integer)
    asked_at: Mapped[datetime]
    asked_by: Mapped[int | None]
    began_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    tried_on: Mapped[str] = mapped_column(Text)
    members: Mapped[int]
    looked_at: Mapped[int]
    trouble: Mapped[str] = mapped_column(String(255))
    result: Mapped[str] = mapped_column(Long)


class PlanDryRunPart(Base):
    """What some members of a dry run under way came to; gone with its end."""

    __tablename__ = "plan_dry_run_parts"

    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    part_no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    counts: Mapped[str] = mapped_column(Long)
