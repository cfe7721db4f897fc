"""What a check is, and walking a table with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select, true
from sqlalchemy.orm import Session

# Keys looked at by one query: well within the minute after which a connection gives up.
SPAN = 50_000

Faults = Select[*tuple[Any, ...]]
# The condition that a column lies in the span being looked at.
Within = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Check:
    """`faults` selects what is wrong in a span of `key`, an indexed column; `only` leaves rows of its table out."""

    says: str
    key: Any
    faults: Callable[[Within], Faults]
    only: ColumnElement[bool] = field(default_factory=true)


@dataclass(slots=True)
class Finding:
    """How often a check failed, with the first examples in words."""

    says: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, fault: Mapping[str, Any], most: int) -> None:
        """Count one fault."""
        self.count += 1
        if len(self.examples) < most:
            self.examples.append(", ".join(f"{name} {value}" for name, value in fault.items()))


def run_check(session: Session, check: Check, most: int) -> Finding:
    """Look at the whole table, span by span; at most so many examples are kept."""
    finding = Finding(check.says)
    for within in spans(session, check.key, check.only):
        for row in session.execute(check.faults(within)).mappings():
            finding.add({str(name): value for name, value in row.items()}, most)
    return finding


def spans(session: Session, key: Any, only: ColumnElement[bool]) -> Iterator[Within]:
    """Spans that hold every key: the first has no lower and the last no upper end."""
    low: Any = None
    while True:
        rest = select(key).where(only, _within(low, None, key))
        high = session.scalar(rest.order_by(key).offset(SPAN - 1).limit(1))
        yield partial(_within, low, high)
        if high is None:
            return
        low = high


def _within(low: Any, high: Any, column: Any) -> ColumnElement[bool]:
    bounds = [] if low is None else [column > low]
    return and_(true(), *bounds, *([] if high is None else [column <= high]))
