"""The table of opened links."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class LinkOpening(Base):
    """That the link of a task was opened (链接打开): one row a task.

    `times` counts what looked like the member, first at `first_at` and last at `last_at`; `others` counts programs, and
    people of the chain's own.
    """

    __tablename__ = "link_openings"

    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    times: Mapped[int] = mapped_column(Integer)
    others: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime | None]
    last_at: Mapped[datetime | None]
