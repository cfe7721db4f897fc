"""Claims and fires of `scripts/bench fire`, in turns, so that whatever else the machine does meets all alike."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Executable, func, inspect, select, text
from sqlalchemy.orm import Session

from app.db import Base, Database, table_of
from app.follow_ups.models import Enrollment, FollowUpTask, StepRecord
from app.messaging.models import Notice
from app.timers import Lane, Timer
from app.worklist.models import WorkItem
from scripts.commands.bench_fires_designs import Design
from scripts.commands.bench_fires_floors import CHUNKS
from scripts.commands.bench_fires_hands import CLAIM, FIRE, FLOOR, Hands, Turn

GROWN: tuple[type[Base], ...] = (StepRecord, WorkItem, FollowUpTask, Notice)
EXPIRIES = text("SELECT COUNT(*) FROM waiting_steps WHERE status = 'pending' AND lane = 'expiry'")
OURS, STATUS = Design.OURS, Design.STATUS_INDEX

Rates = dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """Rounds in which each contestant claims or fires `steps` a process, in batches of `size`."""

    rounds: int
    steps: int
    size: int


def race_claims(working: Hands, workers: int, plan: Plan) -> Rates:
    """Steps a second of either design, claiming only: the median of the rounds."""
    turns = {str(design): Turn(CLAIM, design, plan.steps // plan.size, plan.size) for design in Design}
    return _race(working, workers, plan, turns, {})


def race_fires(working: Hands, workers: int, plan: Plan, databases: Mapping[Design, Database]) -> Rates:
    """Steps a second of whole fires: both designs, and by hand in chunks.

    Raises `AssertionError` where one of them did not write what ours writes.
    """
    turns = {str(design): Turn(FIRE, design, plan.steps // plan.size, plan.size) for design in Design}
    turns |= {floor_name(chunk): Turn(FLOOR, OURS, -(-plan.steps // chunk), chunk) for chunk in CHUNKS}
    return _race(working, workers, plan, turns, databases)


def floor_name(chunk: int) -> str:
    """How the floor of this chunk is called in what is shown."""
    return f"by hand, {chunk:,} at once"


def _race(
    working: Hands,
    workers: int,
    plan: Plan,
    turns: Mapping[str, Turn],
    databases: Mapping[Design, Database],
) -> Rates:
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(plan.rounds):
        for name, turn in _in_turn(list(turns.items()), number):
            before = _counts(databases.get(turn.design))
            seconds, worked = working.work(turn)
            steps = sum(each.steps for each in worked)
            assert steps == turn.batches * turn.size * workers, (
                f"{name}: {steps} steps, the world is too small"
            )
            _check_written(name, before, _counts(databases.get(turn.design)), steps)
            rates[name].append(steps / seconds)
    return {name: statistics.median(several) for name, several in rates.items()}


def _in_turn(items: Sequence[tuple[str, Turn]], number: int) -> Sequence[tuple[str, Turn]]:
    """Whoever goes first changes with each round."""
    first = number % len(items)
    return [*items[first:], *items[:first]]


def _counts(database: Database | None) -> dict[str, int]:
    """Rows that a fire adds or moves; of timers the expiries, for the usual design has a step's next one already."""
    if database is None:
        return {}
    with database.reading() as session:
        found = {
            table_of(model).name: session.scalar(select(func.count()).select_from(table_of(model))) or 0
            for model in GROWN
        }
        found["expiries"] = sum(session.scalar(waiting) or 0 for waiting in _waiting(session))
        moved = select(func.count()).where(Enrollment.next_step_no > 2)
        found["advanced enrollments"] = session.scalar(moved) or 0
    return found


def _waiting(session: Session) -> Iterator[Executable]:
    yield select(func.count()).where(Timer.lane == str(Lane.EXPIRY))
    if inspect(session.connection()).has_table("waiting_steps"):
        yield EXPIRIES


def _check_written(name: str, before: Mapping[str, int], after: Mapping[str, int], steps: int) -> None:
    """One row more in each table for each step."""
    for table, count in after.items():
        assert count - before[table] == steps, f"{name}: {count - before[table]} {table} for {steps} steps"
