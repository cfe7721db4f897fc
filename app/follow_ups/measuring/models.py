"""Tables of what follow-ups brought: attributed purchases, and how scripts did."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Attribution(Base):
    """One entry of the ledger of attributed purchases (归因): a task's share of a purchase, or of what came back of it.

    Only ever added: a refund takes back by an entry of its own (`refund_id`, 0 for the purchase itself), booked in the
    month in which it became known, so a closed month never changes. Amounts are the share, negative for what came back;
    pieces are thousandths.
    """

    __tablename__ = "attributions"
    __table_args__ = (
        Index(None, "booked_on", "associate_id"),
        Index(None, "plan_id", "booked_on"),
        Index(None, "task_id"),
    )

    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    refund_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[int]
    associate_id: Mapped[int]
    store_id: Mapped[int]
    plan_id: Mapped[int]
    step_kind: Mapped[str] = mapped_column(String(32))
    script_code: Mapped[str] = mapped_column(String(64))
    evidence: Mapped[str] = mapped_column(String(24))
    share_ppm: Mapped[int] = mapped_column(Integer)
    amount_fen: Mapped[int]
    pieces_milli: Mapped[int]
    booked_on: Mapped[date]
    recorded_at: Mapped[datetime]


class ScriptResult(Base):
    """How often a script was sent at a step, and how often a purchase followed; counted anew every night."""

    __tablename__ = "script_results"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    script_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    sent: Mapped[int]
    succeeded: Mapped[int]
    counted_at: Mapped[datetime]
