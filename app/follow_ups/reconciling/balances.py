"""Reading what a reconciliation found: the balance of a plan, a store, a day, and the lists behind its numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from app.follow_ups.models import FollowUpPlan
from app.follow_ups.reconciling.doubts import Doubt, doubt_counted
from app.follow_ups.reconciling.models import Reconciliation, ReconciliationCount, ReconciliationGap
from app.follow_ups.reconciling.report import Became
from app.members.models import Member
from app.stores.models import Store

ROWS = 50
# The order in which the balance is told; what is not due yet is no part of it.
SHARES = tuple(one for one in Became if one is not Became.TO_COME)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of everything is looked at; None: all. `is_month`: the month that begins on `day`."""

    plan_id: int | None = None
    store_id: int | None = None
    day: date | None = None
    is_month: bool = False

    @property
    def last_day(self) -> date | None:
        """The last of its days."""
        if self.day is None or not self.is_month:
            return self.day
        return (self.day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    def of(self, table: Any) -> list[ColumnElement[bool]]:
        """The conditions on a table of counts or gaps."""
        wanted = []
        if self.plan_id is not None:
            wanted.append(table.plan_id == self.plan_id)
        if self.store_id is not None:
            wanted.append(table.store_id == self.store_id)
        if self.day is not None:
            wanted += [table.due_on >= self.day, table.due_on <= self.last_day]
        return wanted


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the owed steps of one part: `steps` by what became of them, `trusted` on the engine's word.

    `doubts`: those by why; a run of before they were told apart has none.
    """

    steps: Mapping[Became, int]
    trusted: int
    doubts: Mapping[Doubt, int] = field(default_factory=dict)

    @property
    def owed(self) -> int:
        """Everything that has fallen due; the sum of the shares."""
        return sum(self.steps.get(one, 0) for one in SHARES)

    @property
    def missing(self) -> int:
        """Nobody knows what became of these."""
        return self.steps.get(Became.MISSING, 0)

    @property
    def reasons(self) -> list[tuple[Doubt, int]]:
        """Why steps were taken on trust, the commonest first."""
        return sorted(self.doubts.items(), key=lambda one: (-one[1], one[0]))

    def share(self, became: Became) -> int:
        """How many became so."""
        return self.steps.get(became, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """The balance of a plan, a store or a day."""

    key: Any
    name: str
    balance: Balance


def balance_of(session: Session, run: Reconciliation, part: Part) -> Balance:
    """The balance of one part."""
    found = _sums(session, run, part, None)
    return found.get(None, Balance({}, 0))


def by_plan(session: Session, run: Reconciliation, part: Part) -> list[Line]:
    """The balance of each plan, those that miss most first."""
    names = dict(session.execute(select(FollowUpPlan.id, FollowUpPlan.name)).all())
    return _lines(
        _sums(session, run, part, ReconciliationCount.plan_id), lambda key: names.get(key, str(key))
    )


def by_store(session: Session, run: Reconciliation, part: Part) -> list[Line]:
    """The balance of each store, those that miss most first."""
    names = dict(session.execute(select(Store.id, Store.name)).all())
    return _lines(
        _sums(session, run, part, ReconciliationCount.store_id), lambda key: names.get(key, str(key))
    )


def by_day(session: Session, run: Reconciliation, part: Part, today: date) -> list[Line]:
    """The balance of each day, or month where that is how it was counted.

    Days that miss something come first, then today and those before it, last days to come, of which something was
    settled early; the nearest first in each.
    """
    found = _sums(session, run, part, ReconciliationCount.due_on)
    lines = [Line(key, "", balance) for key, balance in found.items() if balance.owed]
    return sorted(lines, key=lambda line: (not line.balance.missing, line.key > today, abs(line.key - today)))


@dataclass(frozen=True, slots=True)
class GapView:
    """Something by name, as a page shows it."""

    gap: ReconciliationGap
    member_name: str
    store_name: str
    plan_name: str


def gaps_of(
    session: Session, run: Reconciliation, kinds: Iterable[str], part: Part, today: date, page: int = 1
) -> tuple[list[GapView], int]:
    """A page of what is listed under these kinds, and how much there is of it in all: what is missing first.

    Of each kind the nearest day first, those to come after those that have.
    """
    its = (
        ReconciliationGap.run_id == run.id,
        ReconciliationGap.kind.in_(sorted(kinds)),
        *part.of(ReconciliationGap),
    )
    count = session.scalar(select(func.count()).select_from(ReconciliationGap).where(*its)) or 0
    query = (
        select(ReconciliationGap, Member.name, Store.name, FollowUpPlan.name)
        .outerjoin(Member, Member.id == ReconciliationGap.member_id)
        .outerjoin(Store, Store.id == ReconciliationGap.store_id)
        .outerjoin(FollowUpPlan, FollowUpPlan.id == ReconciliationGap.plan_id)
        .where(*its)
        .order_by(*_by_weight(today))
        .limit(ROWS)
        .offset((page - 1) * ROWS)
    )
    rows = [GapView(gap, *(name or "" for name in names)) for gap, *names in session.execute(query)]
    return rows, count


def _by_weight(today: date) -> list[Any]:
    gap = ReconciliationGap
    is_to_come = case((gap.due_on > today, 1), else_=0)
    passed = case((gap.due_on <= today, gap.due_on))
    is_missing = case((gap.kind == str(Became.MISSING), 0), else_=1)
    return [is_missing, gap.kind, is_to_come, passed.desc(), gap.due_on, gap.id]


def _sums(session: Session, run: Reconciliation, part: Part, key: Any) -> dict[Any, Balance]:
    keys = [] if key is None else [key]
    counts = ReconciliationCount
    query = select(*keys, counts.became, func.sum(counts.steps), func.sum(counts.trusted)).where(
        counts.run_id == run.id, *part.of(counts)
    )
    steps: dict[Any, Counter[Became]] = defaultdict(Counter)
    trusted: Counter[Any] = Counter()
    doubts: dict[Any, Counter[Doubt]] = defaultdict(Counter)
    for *found, became, number, on_trust in session.execute(query.group_by(*keys, counts.became)):
        its, doubt = found[0] if found else None, doubt_counted(became)
        if doubt is not None:
            doubts[its][doubt] += int(on_trust)
            continue
        steps[its][Became(became)] += int(number)
        trusted[its] += int(on_trust) if became != Became.TO_COME else 0
    return {its: Balance(mine, trusted[its], doubts[its]) for its, mine in steps.items()}


def _lines(sums: Mapping[Any, Balance], name_of: Callable[[Any], str]) -> list[Line]:
    lines = [Line(key, name_of(key), balance) for key, balance in sums.items() if balance.owed]
    return sorted(lines, key=lambda line: (-line.balance.missing, -line.balance.owed, line.name))
