"""Tables of reconciliations: what was counted when, and what was found wrong."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

# Nobody's id: it was asked for by a journey of the sandbox's clock that passed a night.
BY_JOURNEY = 0


class Reconciliation(Base):
    """One reconciliation (对账) of everybody; asked for by somebody, or nightly.

    Until it began it waits; `looked_at` of `members` have been accounted for. `real_at` is when it began in real time.
    `asked_by` None: by nobody, it was night.
    `books` is JSON: which checks of the books failed, how often.
    """

    __tablename__ = "reconciliations"
    __table_args__ = (Index(None, "finished_at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime]
    asked_by: Mapped[int | None]
    began_at: Mapped[datetime | None]
    real_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    members: Mapped[int] = mapped_column(default=0)
    looked_at: Mapped[int] = mapped_column(default=0)
    owed: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    unexplained: Mapped[int] = mapped_column(default=0)
    alarms: Mapped[int] = mapped_column(default=0)
    differing: Mapped[int] = mapped_column(default=0)
    trusted: Mapped[int] = mapped_column(default=0)
    quarantined_events: Mapped[int] = mapped_column(default=0)
    books: Mapped[str] = mapped_column(Text, default="{}")


class ReconciliationCount(Base):
    """How many owed steps of a plan, store and day due became what; `trusted` of them on the engine's word.

    Beside these rows stand those of why (`doubts`): named so in `became`, with no steps of their own.
    Days before the last few months, and days to come, are counted under the first of their month.
    """

    __tablename__ = "reconciliation_counts"

    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plan_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    became: Mapped[str] = mapped_column(String(16), primary_key=True)
    steps: Mapped[int]
    trusted: Mapped[int]


class ReconciliationGap(Base):
    """One thing by name: a step that is missing, waits or differs, a series nobody has a claim to, a limit broken.

    `kind` says which list it is in (`Listed`), `fault` what is wrong, `anchor` and `event` what the series counts from.
    `step_no` 0: the whole series. 0 stands for no enrollment and no work item. `outcome` is what a repair came to
    (`Mended`), "" before it.
    """

    __tablename__ = "reconciliation_gaps"
    __table_args__ = (Index(None, "run_id", "kind", "id"), Index(None, "run_id", "member_id"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    run_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    fault: Mapped[str] = mapped_column(String(32))
    plan_id: Mapped[int]
    store_id: Mapped[int]
    due_on: Mapped[date]
    member_id: Mapped[int]
    anchor: Mapped[str] = mapped_column(String(16))
    anchor_on: Mapped[date]
    event: Mapped[str] = mapped_column(String(64))
    step_no: Mapped[int] = mapped_column(Integer)
    enrollment_id: Mapped[int]
    work_item_id: Mapped[int]
    what: Mapped[str] = mapped_column(String(255))
    mended_at: Mapped[datetime | None]
    mended_by: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(String(16), default="")
