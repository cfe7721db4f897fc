"""The balance: what is owed, what became of it, and what is wrong, each by name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from app.follow_ups.bookkeeping.checks import Finding
from app.follow_ups.reconciling.doubts import Doubt


class Became(StrEnum):
    """What became of an owed step."""

    DONE = "done"
    OPEN = "open"
    SKIPPED = "skipped"
    MERGED = "merged"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WITHHELD = "withheld"
    WAITING = "waiting"  # due, and held back until somebody may be asked
    QUARANTINED = "quarantined"
    MISSING = "missing"
    TO_COME = "to_come"  # not due yet


class Fault(StrEnum):
    """What is wrong with a step or a series."""

    NO_ENROLLMENT = "no enrollment"
    NO_RECORD = "no record"
    NO_TIMER = "no timer"
    NO_TASK = "no task"
    NO_WORK_ITEM = "no work item"
    NO_EXPIRY_TIMER = "open without expiry timer"
    UNEXPLAINED = "unexplained"  # a series nobody has a claim to
    DIFFERS = "differs"  # settled otherwise than the plan says
    HELD_OUT = "held out"  # somebody who is held out was asked about
    WRONG_ARM = "wrong arm"  # not in the part of the comparison that the published hash says
    OVER_CAP = "over the cap"
    QUIET_HOURS = "quiet hours"
    UNFOUNDED = "unfounded"  # raw facts do not bear out why the step was not opened, or late
    UNREADABLE = "unreadable"  # the member could not be accounted for at all


MISSING = frozenset(
    {
        Fault.NO_ENROLLMENT,
        Fault.NO_RECORD,
        Fault.NO_TIMER,
        Fault.NO_TASK,
        Fault.NO_WORK_ITEM,
        Fault.NO_EXPIRY_TIMER,
    }
)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is wrong: `what` in short, `on` the day of the anchor, `due_on` that of the step.

    `enrollment_id` and `item_id` are 0 where there is none.
    """

    member_id: int
    on: date
    step_no: int
    what: str
    fault: Fault
    plan_id: int
    store_id: int
    due_on: date
    kind: str
    event: str = ""
    enrollment_id: int = 0
    item_id: int = 0


class Cell(NamedTuple):
    """What is counted together."""

    plan_id: int
    store_id: int
    due_on: date
    became: Became


class Trusted(NamedTuple):
    """What is counted together of what is taken on trust."""

    cell: Cell
    doubt: Doubt


class Pending(NamedTuple):
    """A step that is due and waits, or is in quarantine."""

    cell: Cell
    member_id: int
    on: date
    step_no: int
    enrollment_id: int
    why: str


@dataclass(slots=True)
class Report:
    """The balance. It holds when nothing is missing, `owed` equals the sum of `settled`, and no check failed.

    `settled` counts by step and what became of it, in words; `cells` by plan, store and day due, missing ones too;
    `trusted` are those steps of which the engine alone knows that they are owed or became so, by why that is.
    """

    owed: int = 0
    settled: Counter[tuple[int, str]] = field(default_factory=Counter)
    cells: Counter[Cell] = field(default_factory=Counter)
    trusted: Counter[Trusted] = field(default_factory=Counter)
    missing: list[Discrepancy] = field(default_factory=list)
    differs: list[Discrepancy] = field(default_factory=list)
    unexplained: list[Discrepancy] = field(default_factory=list)
    alarms: list[Discrepancy] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    quarantined_events: int = 0
    books: list[Finding] = field(default_factory=list)

    @property
    def accounts(self) -> bool:
        """True when every owed step is accounted for, nothing was opened that nobody owed, and no limit was broken."""
        return not (self.missing or self.unexplained or self.alarms) and self.owed == self.settled.total()

    @property
    def balances(self) -> bool:
        """True when it accounts for everything owed and every check of the books found nothing."""
        return self.accounts and not any(finding.count for finding in self.books)

    @property
    def unverifiable(self) -> int:
        """How many owed steps were taken on trust."""
        return self.trusted.total()

    def doubts(self) -> Counter[Doubt]:
        """How many owed steps were taken on trust, by why."""
        found: Counter[Doubt] = Counter()
        for (_, doubt), number in self.trusted.items():
            found[doubt] += number
        return found

    def add(self, other: Report) -> None:
        """Take in what was found of other members."""
        self.owed += other.owed
        self.settled.update(other.settled)
        self.cells.update(other.cells)
        self.trusted.update(other.trusted)
        for name in ("missing", "differs", "unexplained", "alarms", "pending"):
            getattr(self, name).extend(getattr(other, name))

    def settle(self, step_no: int, label: str, cell: Cell, doubt: Doubt | None) -> None:
        """Book one owed step under what became of it; `doubt`: why it is taken on trust, where it is."""
        self.owed += 1
        self.settled[step_no, label] += 1
        self._count(cell, doubt)

    def miss(self, missing: Discrepancy, doubt: Doubt | None) -> None:
        """Book one owed step as missing."""
        self.owed += 1
        self.missing.append(missing)
        cell = Cell(missing.plan_id, missing.store_id, missing.due_on, Became.MISSING)
        self._count(cell, doubt)

    def _count(self, cell: Cell, doubt: Doubt | None) -> None:
        self.cells[cell] += 1
        if doubt is not None:
            self.trusted[Trusted(cell, doubt)] += 1
