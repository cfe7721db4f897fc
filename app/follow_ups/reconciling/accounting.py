"""Holding what was written against what is owed, some members at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.follow_ups.reconciling.bearing import read_bearing
from app.follow_ups.reconciling.calendars import SILENCE, read_calendars
from app.follow_ups.reconciling.claims import PURCHASE, Claim, Claims, Key
from app.follow_ups.reconciling.clocks import read_clocks
from app.follow_ups.reconciling.doubts import Doubt
from app.follow_ups.reconciling.limits import NOBODY, read_limits
from app.follow_ups.reconciling.owed import Family, Owed, Series
from app.follow_ups.reconciling.papers import OF_CALENDAR, read_papers
from app.follow_ups.reconciling.raw import Facts, Reader
from app.follow_ups.reconciling.report import Discrepancy, Fault, Report
from app.follow_ups.reconciling.settling import Settler, discrepancy
from app.follow_ups.reconciling.written import Written
from app.follow_ups.states import EnrollmentState, StepOutcome
from app.sealing import Keyring

# How the anchor of a calendar plan is named in its series → what the plan starts by.
NAMES = {"date": "dates"}
OF_EVENT = "event"
# What a row can bring about by what it says.
UNREADABLE = (LookupError, ValueError, TypeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Matched:
    """A series and what was written of it: nothing where it is missing."""

    series: Series
    row: Any | None


class Accountant:
    """Accounts for members. It reads what concerns everybody once, so it is made anew for every run or piece of one."""

    def __init__(self, session: Session, keys: Keyring | None = None) -> None:
        self.papers = read_papers(session)
        self.shops = read_clocks(session)
        self._reader = Reader(self.papers, keys)
        self._claims = Claims(self.papers, self.shops, read_calendars(session, list(self.shops.values())))
        self._limits = read_limits(session)
        self._bearing = read_bearing(session, self._limits)

    def account(self, session: Session, member_ids: Sequence[int], report: Report) -> None:
        """Add to the report what is owed to these members and what became of it.

        Whoever cannot be accounted for, because of something that stands in a row of theirs, is an alarm by name.
        """
        part = Report()
        try:
            self._account(session, member_ids, part)
        except UNREADABLE as error:
            if len(member_ids) > 1:
                middle = len(member_ids) // 2
                self.account(session, member_ids[:middle], report)
                self.account(session, member_ids[middle:], report)
                return
            part = Report(alarms=[_unreadable(member_ids[0], clock.now(session).date(), error)])
        report.add(part)

    def _account(self, session: Session, member_ids: Sequence[int], report: Report) -> None:
        now = clock.now(session)
        facts, written = self._reader.read(session, member_ids), Written(session, member_ids)
        settler = Settler(written, self._bearing, report, now)
        for member_id in member_ids:
            if member_id in facts:
                self._account_for(facts[member_id], written, settler, now)

    def missing_of(self, session: Session, member_id: int) -> list[tuple[Discrepancy, Owed]]:
        """What one member misses now, with what is owed."""
        report = Report()
        facts = self._reader.read(session, [member_id])
        written, now = Written(session, [member_id]), clock.now(session)
        settler = Settler(written, self._bearing, report, now)
        for member in facts.values():
            self._account_for(member, written, settler, now)
        return settler.missed

    def _account_for(self, facts: Facts, written: Written, settler: Settler, now: datetime) -> None:
        by_plan: dict[int, list[Claim]] = defaultdict(list)
        for claim in self._claims.of(facts, now):
            by_plan[claim.plan_id].append(claim)
        for plan_id in sorted(by_plan.keys() | written.plans_of[facts.member_id]):
            rows = written.series.get((facts.member_id, plan_id), [])
            matched = self._match(by_plan[plan_id], rows, settler)
            family = Family([one.series for one in matched], facts, self.papers, now)
            found = {id(one.series.claim): one.row for one in matched}
            for owed in family.owed():
                settler.settle(owed, found[id(owed.series.claim)])
            for one in matched:
                self._check_arm(one, written, settler)
        self._check_limits(facts.member_id, written, settler)

    def _match(self, claims: Iterable[Claim], rows: Sequence[Any], settler: Settler) -> list[Matched]:
        by_key: dict[Key, list[Any]] = defaultdict(list)
        for row in rows:
            by_key[key_of(row)].append(row)
        matched = []
        for claim in sorted(claims, key=lambda one: not one.is_sure):
            left = by_key.get(claim.key, [])
            if claim.kind == PURCHASE:
                live = [row for row in left if row.state != EnrollmentState.CANCELLED] or left
                row, left[:] = (live[-1] if live else None), []
            else:
                row = left.pop(0) if left else None
            if row is not None or claim.is_sure:
                matched.append(self._series(claim, row, settler))
        for row in (row for left in by_key.values() for row in left):
            if key_of(row)[0] in OF_CALENDAR:
                matched.append(self._series(_claim_of(row), row, settler))
            else:
                settler.report.unexplained.append(_unexplained(row))
        return matched

    def _series(self, claim: Claim, row: Any | None, settler: Settler) -> Matched:
        """A series is of the version it began with; where it cannot have begun with that one, it differs."""
        version_id = claim.versions[0] if row is None else row.plan_version_id
        if row is not None and claim.until is not None and claim.on <= row.anchor_on <= claim.until:
            claim = replace(claim, on=row.anchor_on, at=row.anchor_at)
        series = Series(claim, self.papers.versions[version_id], self.shops[claim.store_id])
        if row is not None and version_id not in claim.versions:
            what = f"expected version {claim.versions[0]}, found {version_id}"
            settler.report.differs.append(discrepancy(series, None, what, Fault.DIFFERS, row))
        return Matched(series, row)

    def _check_arm(self, one: Matched, written: Written, settler: Settler) -> None:
        row, paper = one.row, one.series.paper
        if row is None:
            return
        arm = self._limits.arm_of(row.member_id, paper.code, paper.per_mille, row)
        if row.arm != arm:
            self._alarm(settler, one, 0, f"expected in {arm}, found in {row.arm}", Fault.WRONG_ARM)
        for promise in paper.promises:
            record = written.records.get((row.id, promise.step_no))
            if arm != NOBODY and record is not None and record.outcome == StepOutcome.OPENED:
                what = f"opened for a member of {arm}"
                self._alarm(settler, one, promise.step_no, what, Fault.HELD_OUT)

    def _alarm(self, settler: Settler, one: Matched, step_no: int, what: str, fault: Fault) -> None:
        found = discrepancy(one.series, None, what, fault, one.row)
        settler.report.alarms.append(replace(found, step_no=step_no))

    def _check_limits(self, member_id: int, written: Written, settler: Settler) -> None:
        items = written.items_of.get(member_id, [])
        if not items:
            return
        over = {item.id for item in self._limits.over_cap(items, written.seen_by[member_id])}
        for item in items:
            task = written.task_of.get(item.id)
            if task is None:
                continue
            shop = self.shops[written.series_by_id[task.enrollment_id].store_id]
            if item.id in over:
                settler.alarm_of(item, task, shop, Fault.OVER_CAP)
            if self._limits.in_quiet_hours(item.opened_at, shop):
                settler.alarm_of(item, task, shop, Fault.QUIET_HOURS)


def key_of(row: Any) -> Key:
    """By what the claim to a series is found again: its name begins with the kind of its anchor."""
    name, _, rest = row.anchor_event.partition(":")
    if name == OF_EVENT:
        return rest.partition(":")[0], row.anchor_on, row.anchor_at
    if name == SILENCE:
        return name, date.fromisoformat(rest), None
    return NAMES.get(name, name), row.anchor_on, None


def _claim_of(row: Any) -> Claim:
    """The claim a series stands for of which raw facts, as they are now, tell no more."""
    kind, on = key_of(row)[0], row.anchor_on
    return Claim(
        plan_id=row.plan_id,
        member_id=row.member_id,
        kind=kind,
        event=row.anchor_event,
        on=on,
        at=row.anchor_at,
        time_known=bool(row.time_known),
        store_id=row.store_id,
        versions=(row.plan_version_id,),
        doubt=Doubt.CALENDAR,
        known_at=row.enrolled_at,
    )


def _unreadable(member_id: int, today: date, error: Exception) -> Discrepancy:
    return Discrepancy(
        member_id=member_id,
        on=today,
        step_no=0,
        what=f"{type(error).__name__}: {error}",
        fault=Fault.UNREADABLE,
        plan_id=0,
        store_id=0,
        due_on=today,
        kind="",
    )


def _unexplained(row: Any) -> Discrepancy:
    kind, on, _ = key_of(row)
    day: date = on
    return Discrepancy(
        member_id=row.member_id,
        on=day,
        step_no=0,
        what=f"enrollment {row.id} has no {kind}",
        fault=Fault.UNEXPLAINED,
        plan_id=row.plan_id,
        store_id=row.store_id,
        due_on=day,
        kind=kind,
        enrollment_id=row.id,
    )
