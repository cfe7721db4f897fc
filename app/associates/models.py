"""The table of associates."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Role(StrEnum):
    """What a person may do; the scope follows from the store."""

    ASSOCIATE = "associate"
    STORE_MANAGER = "store_manager"
    HQ = "hq"


class Associate(Base):
    """A person of the chain with a WeCom account; `store_id` is None at headquarters."""

    __tablename__ = "associates"
    __table_args__ = (
        Index(None, "store_id", "role"),
        CheckConstraint("role <> 'store_manager' OR store_id IS NOT NULL", name="manager_has_store"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wecom_userid: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    store_id: Mapped[int | None] = mapped_column(ForeignKey("stores.id"))
    role: Mapped[str] = mapped_column(String(16))
    ended_at: Mapped[datetime | None]
    access_from: Mapped[datetime | None]  # real time; sessions begun before do not count
    is_synced: Mapped[bool] = mapped_column(
        default=False, server_default=false()
    )  # a sync with WeCom placed them
    # The role was given by hand: a sync leaves it.
    is_role_granted: Mapped[bool] = mapped_column(default=False, server_default=false())


class Shift(Base):
    """When somebody works on a local date (排班); without times it is a day off. Nothing known: on duty all day."""

    __tablename__ = "shifts"
    __table_args__ = (Index(None, "work_on"),)

    associate_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    work_on: Mapped[date] = mapped_column(primary_key=True)
    starts_at: Mapped[time | None]
    ends_at: Mapped[time | None]


class HandoverSchedule(Base):
    """When it is next looked what of somebody's work is to pass to others; owner of the timer in the handover lane.

    Of who left (`Associate.ended_at`) that is everything; of who is here what is left of members they have no more.
    Asked for at `asked_at`. A look goes through their members, then their work items, by id from behind `cursor`;
    `again_at` is when to look again for what could not pass on this one.
    """

    __tablename__ = "handover_schedules"

    associate_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_due_at: Mapped[datetime | None]
    asked_at: Mapped[datetime]
    again_at: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(String(8))
    cursor: Mapped[int]
