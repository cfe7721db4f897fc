"""Tables of what follow-ups brought: attributed purchases, how scripts did, and members by arm."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Double, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Attribution(Base):
    """One entry of the ledger of attributed purchases (归因): a task's share of a purchase, or of what came back of it.

    Only ever added: a refund takes back by an entry of its own (`refund_id`, 0 for the purchase itself), booked in the
    month in which it became known, so a closed month never changes. What rested on a word that was taken back within
    minutes alone goes. Amounts are the share, negative for what came back; pieces are thousandths.
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


class ScriptDay(Base):
    """How often a script was sent at a step in tasks due on one day of the chain's, and how often a purchase followed.

    Written once all that can be credited to them is; never for tasks done later than a week after.
    """

    __tablename__ = "script_days"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    step_kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    script_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    sent: Mapped[int]
    succeeded: Mapped[int]


class ScriptResult(Base):
    """What the last half year of `ScriptDay` adds up to: by it scripts are chosen until the next night."""

    __tablename__ = "script_results"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    step_kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    script_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    sent: Mapped[int]
    succeeded: Mapped[int]
    counted_at: Mapped[datetime]


class ArmResult(Base):
    """Members' stretches of `window_days` since they entered a plan (0: any plan), by store, arm, share and how far.

    `entered_in` is the first of the month in which they began, `members` how many there are. What was done in them:
    `pieces` and `fen` are net of what came back; `pieces_squared` and `fen_squared` sum each one's square. `per_mille`
    is the hold-out share in force throughout, 0 where there was none. Only ever added to, once each (counting.py).
    """

    __tablename__ = "arm_results"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    window_days: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    entered_in: Mapped[date] = mapped_column(primary_key=True)
    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    arm: Mapped[str] = mapped_column(String(16), primary_key=True)
    per_mille: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    reached: Mapped[str] = mapped_column(String(24), primary_key=True)
    members: Mapped[int]
    replied: Mapped[int]
    buyers: Mapped[int]
    pieces: Mapped[int]
    pieces_squared: Mapped[int]
    fen: Mapped[int]
    fen_squared: Mapped[float] = mapped_column(Double)  # outgrows 63 bits


class ArmSpan(Base):
    """The first and the last day on which stretches began that are counted in `ArmResult`."""

    __tablename__ = "arm_spans"

    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    window_days: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    first_on: Mapped[date]
    last_on: Mapped[date]
