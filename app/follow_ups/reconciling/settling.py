"""Booking one owed step under what was written of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.follow_ups.reconciling.bearing import HOLD_OUTS, Bearing
from app.follow_ups.reconciling.clocks import StoreClock
from app.follow_ups.reconciling.doubts import Doubt, doubt_about
from app.follow_ups.reconciling.owed import Expected, Owed, Series
from app.follow_ups.reconciling.report import Became, Cell, Discrepancy, Fault, Pending, Report
from app.follow_ups.reconciling.written import Written
from app.follow_ups.states import EnrollmentState, StepOutcome, StepReason
from app.worklist.models import WorkState

# Asked before other purchases are: these may stand where the plan says that another purchase took the step's place.
ASKED_FIRST = frozenset(
    {
        StepReason.TOO_LATE,
        StepReason.OPTED_OUT,
        StepReason.QUIET_HOURS,
        StepReason.OFF_DUTY,
        StepReason.MEMBER_CAP,
        StepReason.PAUSED,
        StepReason.GAVE_WAY,
    }
)
# What may come between a step and its task; `bearing` asks raw facts whether it did.
CIRCUMSTANCES = ASKED_FIRST | {
    StepReason.NOBODY_TO_ASK,
    StepReason.NO_CHANNEL,
    StepReason.NO_PHONE,
    StepReason.QUOTA_FULL,
    StepReason.SAME_DAY,
    StepReason.NO_WORDS,
    StepReason.SEEN_BY_ALL,
}
OF_RECORD = {
    StepOutcome.MERGED: Became.MERGED,
    StepOutcome.SKIPPED: Became.SKIPPED,
    StepOutcome.CANCELLED: Became.CANCELLED,
    StepOutcome.EXPIRED: Became.EXPIRED,
    StepOutcome.WITHHELD: Became.WITHHELD,
}
OF_TASK = {
    WorkState.OPEN: Became.OPEN,
    WorkState.DONE: Became.DONE,
    WorkState.CANCELLED: Became.CANCELLED,
    WorkState.EXPIRED: Became.EXPIRED,
}


class Settler:
    """Settles what is owed to some members into a report; `missed` keeps what is missing together with what is owed."""

    def __init__(self, written: Written, bearing: Bearing, report: Report, now: datetime) -> None:
        self.report = report
        self.missed: list[tuple[Discrepancy, Owed]] = []
        self._written = written
        self._bearing = bearing
        self._now = now

    def settle(self, owed: Owed, row: Any | None) -> None:
        """Book one owed step; `row` is its series, None where there is none."""
        if row is None:
            self._miss(owed, Fault.NO_ENROLLMENT, row)
            return
        record = self._written.records.get((row.id, owed.step_no))
        if record is None:
            self._settle_pending(owed, row)
        elif record.outcome == StepOutcome.OPENED:
            self._settle_task(owed, row, record)
        else:
            became = OF_RECORD[StepOutcome(record.outcome)]
            borne_out = self._bearing.of(owed, row, record, self._written)
            label = f"{record.outcome}: {record.reason}"
            self._book(owed, label, became, record, doubt_about(record.reason) if borne_out is None else None)
            self._compare(owed, row, record.reason)
            if borne_out is False:
                self._alarm_unfounded(owed, row, record)

    def alarm_of(self, item: Any, task: Any, shop: StoreClock, fault: Fault) -> None:
        """A work item that should not have been opened when it was."""
        series = self._written.series_by_id[task.enrollment_id]
        self.report.alarms.append(
            Discrepancy(
                member_id=item.member_id,
                on=series.anchor_on,
                step_no=task.step_no,
                what=str(fault),
                fault=fault,
                plan_id=series.plan_id,
                store_id=series.store_id,
                due_on=shop.day_of(item.opened_at),
                kind=series.anchor_event.partition(":")[0],
                enrollment_id=series.id,
                item_id=item.id,
            )
        )

    def _settle_pending(self, owed: Owed, row: Any) -> None:
        if row.state == EnrollmentState.QUARANTINED:
            self._wait(owed, row, f"quarantined: {row.ended_reason}", Became.QUARANTINED, row.ended_reason)
        elif (
            row.state != EnrollmentState.ACTIVE or row.next_step_no is None or row.next_step_no > owed.step_no
        ):
            self._miss(owed, Fault.NO_RECORD, row)
        elif not row.has_timer:
            self._miss(owed, Fault.NO_TIMER, row)
        else:
            became = Became.WAITING if owed.due_at <= self._now else Became.TO_COME
            self._wait(owed, row, "pending", became, row.waiting_for)

    def _settle_task(self, owed: Owed, row: Any, record: Any) -> None:
        task = self._written.tasks.get(record.task_id or 0)
        item = self._written.items.get(task.work_item_id) if task else None
        if item is None:
            self._miss(owed, Fault.NO_WORK_ITEM if task else Fault.NO_TASK, row)
            return
        if item.state == WorkState.OPEN and not item.has_timer:
            self._miss(owed, Fault.NO_EXPIRY_TIMER, row, item.id)
            return
        says_it_all = item.state in (WorkState.OPEN, WorkState.DONE)
        label = f"task {item.state}" if says_it_all else f"task {item.state}: {item.close_reason}"
        self._book(owed, label, OF_TASK[WorkState(item.state)], record)
        self._compare(owed, row, Expected.OPENED)
        if not self._bearing.of_opened(owed, record):
            self._alarm_unfounded(owed, row, record)

    def _alarm_unfounded(self, owed: Owed, row: Any, record: Any) -> None:
        what = f"nothing bears out {record.outcome}: {record.reason}"
        self.report.alarms.append(discrepancy(owed.series, owed, what, Fault.UNFOUNDED, row))

    def _compare(self, owed: Owed, row: Any, found: str) -> None:
        expected = owed.expected
        if not expected or found in expected or found in owed.ended:
            return
        if found == StepReason.BEFORE_START and row.enrolled_at >= owed.ends_at:
            return
        if Expected.OPENED in expected and (
            found in CIRCUMSTANCES
            or found in HOLD_OUTS
            or (found == StepReason.CONDITION and owed.promise.asks)
        ):
            return
        if expected & {Expected.NEW_PURCHASE, Expected.KEPT_EARLIER} and found in ASKED_FIRST:
            return
        what = f"expected {' or '.join(sorted(expected))}, found {found}"
        self.report.differs.append(discrepancy(owed.series, owed, what, Fault.DIFFERS, row))

    def _book(self, owed: Owed, label: str, became: Became, record: Any, doubt: Doubt | None = None) -> None:
        cell = _cell(owed, record.due_at, became)
        self.report.settle(owed.step_no, label, cell, owed.series.claim.doubt or doubt)

    def _wait(self, owed: Owed, row: Any, label: str, became: Became, why: str) -> None:
        cell = _cell(owed, owed.due_at, became)
        self.report.settle(owed.step_no, label, cell, owed.series.claim.doubt)
        if became is not Became.TO_COME:
            claim = owed.series.claim
            waits = Pending(cell, claim.member_id, claim.on, owed.step_no, row.id, why)
            self.report.pending.append(waits)

    def _miss(self, owed: Owed, fault: Fault, row: Any | None, item_id: int = 0) -> None:
        missing = discrepancy(owed.series, owed, str(fault), fault, row, item_id)
        self.report.miss(missing, owed.series.claim.doubt)
        self.missed.append((missing, owed))


def discrepancy(
    series: Series, owed: Owed | None, what: str, fault: Fault, row: Any | None, item_id: int = 0
) -> Discrepancy:
    """Something that is wrong with a series, or with one of its steps."""
    claim = series.claim
    return Discrepancy(
        member_id=claim.member_id,
        on=claim.on,
        step_no=owed.step_no if owed else 0,
        what=what,
        fault=fault,
        plan_id=claim.plan_id,
        store_id=claim.store_id,
        due_on=series.shop.day_of(owed.due_at) if owed else claim.on,
        kind=claim.kind,
        event=claim.event,
        enrollment_id=row.id if row is not None else 0,
        item_id=item_id,
    )


def _cell(owed: Owed, due_at: datetime, became: Became) -> Cell:
    claim = owed.series.claim
    return Cell(claim.plan_id, claim.store_id, owed.series.shop.day_of(due_at), became)
