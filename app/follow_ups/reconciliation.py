"""Holding what was done against what was owed: every owed step is accounted for, or it is missing by name.

owed = tasks done, open, expired or cancelled + steps merged, skipped, cancelled or expired + pending + quarantined
+ missing. Beside that account stand the checks of the books (bookkeeping), which know nothing of what is owed.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.follow_ups.bookkeeping.books import check_books
from app.follow_ups.bookkeeping.checks import Finding
from app.follow_ups.models import Enrollment, FollowUpTask, PlanRelease, PlanVersion, StepRecord
from app.follow_ups.owed import Bought, Expected, Owed, Promise, by_member, owed_to, promise_of
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason
from app.inbound.models import Inbound, InboundState
from app.orders.models import Order
from app.stores.models import Store
from app.timers import Lane, Timer
from app.worklist.models import WorkItem, WorkState

MEMBERS_AT_ONCE = 1000
# What purchases cannot tell: whether somebody could be asked, and how much the member was to hear that day.
CIRCUMSTANCES = frozenset(
    {
        StepReason.NOBODY_TO_ASK,
        StepReason.TOO_LATE,
        StepReason.OPTED_OUT,
        StepReason.CONDITION,
        StepReason.PLAN_HOLD_OUT,
        StepReason.GLOBAL_HOLD_OUT,
        StepReason.NO_CHANNEL,
        StepReason.QUIET_HOURS,
        StepReason.OFF_DUTY,
        StepReason.MEMBER_CAP,
        StepReason.SAME_DAY,
        StepReason.PAUSED,
    }
)
# Asked before other purchases are: these may stand where the plan says that another purchase took the step's place.
ASKED_FIRST = frozenset(
    {
        StepReason.TOO_LATE,
        StepReason.OPTED_OUT,
        StepReason.QUIET_HOURS,
        StepReason.OFF_DUTY,
        StepReason.MEMBER_CAP,
        StepReason.PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """An owed step that is not accounted for (`missing`), or was settled otherwise than the plan says (`differs`)."""

    member_id: int
    on: date
    step_no: int
    what: str


@dataclass(slots=True)
class Report:
    """The balance. It holds when nothing is missing, `owed` equals the sum of `settled`, and no check failed."""

    owed: int = 0
    settled: Counter[tuple[int, str]] = field(default_factory=Counter)
    missing: list[Discrepancy] = field(default_factory=list)
    differs: list[Discrepancy] = field(default_factory=list)
    unexplained: list[Discrepancy] = field(default_factory=list)
    quarantined_events: int = 0
    books: list[Finding] = field(default_factory=list)

    @property
    def accounts(self) -> bool:
        """True when every owed step is accounted for and nothing was opened that nobody owed."""
        return not self.missing and not self.unexplained and self.owed == self.settled.total()

    @property
    def balances(self) -> bool:
        """True when it accounts for everything owed and every check of the books found nothing."""
        return self.accounts and not any(finding.count for finding in self.books)


def reconcile(session: Session, *, with_books: bool = True) -> Report:
    """Recompute everything owed so far and account for it, a thousand members at a time; then check the books.

    Checking them costs three dozen statements however small the database: tests that ask all the time leave it out.
    """
    report, now = Report(), clock.now(session)
    count = select(func.count()).where(Inbound.state == InboundState.QUARANTINED)
    report.quarantined_events = session.scalar(count) or 0
    promises = _promises(session)
    stores = {store.id: store for store in session.scalars(select(Store))}
    for member_ids in _member_chunks(session):
        bought = _bought(session, member_ids, stores)
        written = {plan_id: _Written(session, plan_id, member_ids) for plan_id in promises}
        for plan_id, history in promises.items():
            for purchases in by_member(bought).values():
                for owed in owed_to(purchases, partial(_in_force, history), now):
                    report.owed += 1
                    written[plan_id].settle(owed, report)
            written[plan_id].list_unexplained(report)
    report.books = check_books(session) if with_books else []
    return report


class _Written:
    """What was really written about some members and one plan."""

    def __init__(self, session: Session, plan_id: int, member_ids: Sequence[int]) -> None:
        enrollments = table_of(Enrollment)
        mine = (enrollments.c.plan_id == plan_id) & enrollments.c.member_id.in_(member_ids)
        self._series: dict[tuple[int, date], list[Any]] = defaultdict(list)
        for row in session.execute(select(enrollments).where(mine).order_by(enrollments.c.id)):
            self._series[row.member_id, row.anchor_on].append(row)
        ids = select(enrollments.c.id).where(mine)
        records = session.scalars(select(StepRecord).where(StepRecord.enrollment_id.in_(ids)))
        self._records = {(record.enrollment_id, record.step_no): record for record in records}
        tasks = session.scalars(select(FollowUpTask).where(FollowUpTask.enrollment_id.in_(ids)))
        self._tasks = {task.id: task for task in tasks}
        items = session.scalars(select(WorkItem).where(WorkItem.member_id.in_(member_ids)))
        self._items = {item.id: item for item in items}
        timers = session.scalars(select(Timer).where(Timer.member_id.in_(member_ids)))
        self._timers = {(timer.lane, timer.due_at, timer.subject_id) for timer in timers}
        self._explained: set[tuple[int, date]] = set()

    def settle(self, owed: Owed, report: Report) -> None:
        """Book one owed step under what became of it, or as missing."""
        self._explained.add((owed.member_id, owed.on))
        series = self._series.get((owed.member_id, owed.on), [])
        if not series:
            self._miss(owed, "no enrollment", report)
            return
        live = [row for row in series if row.state != EnrollmentState.CANCELLED] or series
        record = self._records.get((live[-1].id, owed.step_no))
        if record is None:
            self._settle_pending(owed, live[-1], report)
        elif record.outcome != StepOutcome.OPENED:
            report.settled[owed.step_no, f"{record.outcome}: {record.reason}"] += 1
            self._compare(owed, record.reason, report)
        else:
            self._settle_task(owed, record, report)

    def list_unexplained(self, report: Report) -> None:
        """Series that no purchase asks for."""
        for (member_id, on), rows in self._series.items():
            if (member_id, on) not in self._explained:
                report.unexplained.append(
                    Discrepancy(member_id, on, 0, f"enrollment {rows[-1].id} has no purchase")
                )

    def _settle_pending(self, owed: Owed, row: Any, report: Report) -> None:
        if row.state == EnrollmentState.QUARANTINED:
            report.settled[owed.step_no, f"quarantined: {row.ended_reason}"] += 1
        elif (
            row.state != EnrollmentState.ACTIVE or row.next_step_no is None or row.next_step_no > owed.step_no
        ):
            self._miss(owed, "no record", report)
        elif (row.next_lane, row.next_due_at, row.id) not in self._timers:
            self._miss(owed, "no timer", report)
        else:
            report.settled[owed.step_no, "pending"] += 1

    def _settle_task(self, owed: Owed, record: StepRecord, report: Report) -> None:
        task = self._tasks.get(record.task_id or 0)
        item = self._items.get(task.work_item_id) if task else None
        if task is None or item is None:
            self._miss(owed, "no task" if task is None else "no work item", report)
            return
        if item.state == WorkState.OPEN and (Lane.EXPIRY, item.valid_until, item.id) not in self._timers:
            self._miss(owed, "open without expiry timer", report)
            return
        label = (
            item.state
            if item.state in (WorkState.OPEN, WorkState.DONE)
            else f"{item.state}: {item.close_reason}"
        )
        report.settled[owed.step_no, f"task {label}"] += 1
        self._compare(owed, Expected.OPENED, report)

    def _compare(self, owed: Owed, found: str, report: Report) -> None:
        if owed.expected is Expected.OPENED_OR_RESTARTED and found in (
            Expected.OPENED,
            Expected.NEW_PURCHASE,
        ):
            return
        if owed.expected in (Expected.OPENED, Expected.OPENED_OR_RESTARTED) and found in CIRCUMSTANCES:
            return
        if owed.expected in (Expected.NEW_PURCHASE, Expected.KEPT_EARLIER) and found in ASKED_FIRST:
            return
        if owed.expected not in (found, Expected.REFUNDED):
            what = f"expected {owed.expected}, found {found}"
            report.differs.append(Discrepancy(owed.member_id, owed.on, owed.step_no, what))

    def _miss(self, owed: Owed, what: str, report: Report) -> None:
        report.missing.append(Discrepancy(owed.member_id, owed.on, owed.step_no, what))


def _member_chunks(session: Session) -> Iterator[list[int]]:
    """Everybody who bought or is enrolled, in ascending chunks."""
    last = -1
    while True:
        bought = select(Order.member_id).where(Order.member_id > last)
        enrolled = select(Enrollment.member_id).where(Enrollment.member_id > last)
        union = bought.union(enrolled).subquery()
        ids = list(
            session.scalars(select(union.c.member_id).order_by(union.c.member_id).limit(MEMBERS_AT_ONCE))
        )
        if not ids:
            return
        yield ids
        last = ids[-1]


def _bought(session: Session, member_ids: Sequence[int], stores: dict[int, Store]) -> list[Bought]:
    query = select(Order).where(Order.member_id.in_(member_ids), Order.goods_fen > 0, Order.enrolls.is_(True))
    return [
        Bought(
            order.member_id or 0,
            order.purchased_at,
            order.time_known,
            ZoneInfo(stores[order.store_id].time_zone),
            stores[order.store_id].opens_at,
            stores[order.store_id].closes_at,
            order.wholly_refunded,
            order.recorded_at,
        )
        for order in session.scalars(query)
    ]


History = list[tuple[datetime, list[Promise]]]


def _promises(session: Session) -> dict[int, History]:
    """Per plan, what was in force everywhere since when, read from the documents themselves."""
    history: dict[int, History] = defaultdict(list)
    query = (
        select(PlanRelease.plan_id, PlanRelease.released_at, PlanVersion.document)
        .join(PlanVersion, PlanVersion.id == PlanRelease.plan_version_id)
        .order_by(PlanRelease.id)
    )
    for plan_id, released_at, document in session.execute(query):
        steps = enumerate(json.loads(document)["steps"], start=1)
        history[plan_id].append((released_at, [promise_of(number, step) for number, step in steps]))
    return history


def _in_force(history: History, known_at: datetime) -> list[Promise]:
    """The version that was the newest at that instant; the first where none was published yet."""
    published = [promises for released_at, promises in history if released_at <= known_at]
    return published[-1] if published else history[0][1]
