"""The table of work items."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class WorkState(StrEnum):
    """Where a work item stands; every state but OPEN is final."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class WorkKind(StrEnum):
    """Whose table owns a work item: what it is for, and what completing it means, stands there."""

    FOLLOW_UP = "follow_up"
    WELCOME = "welcome"  # a new contact whom no welcome message reached


class WorkItem(Base):
    """Something to do (待办). It alone holds assignee, state, due and priority of what owns it.

    While OPEN it has exactly one timer in the expiry lane, at `valid_until`. Without a member it is about somebody who
    is none yet; its own row is then the mutex.
    """

    __tablename__ = "work_items"
    __table_args__ = (
        Index(None, "assignee_id", "state", "due_at"),
        Index(None, "store_id", "state", "due_at"),
        Index(None, "member_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    assignee_id: Mapped[int]
    store_id: Mapped[int]
    member_id: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(16), default=WorkKind.FOLLOW_UP)
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str] = mapped_column(String(32))
