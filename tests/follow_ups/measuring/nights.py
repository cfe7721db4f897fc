"""Nights of counting for tests: the jobs as they are registered, on a world that has lived."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app import clock
from app.db import Base, Database, table_of
from app.lanes import Deadline
from app.nightly import ensure_jobs, run_nightly
from tasks.nightly import JOBS
from tests.world import at

COUNTING = {name: job for name, job in JOBS.items() if name.startswith("count_")}


def begin(database: Database) -> None:
    """From now on the nights are worked."""
    ensure_jobs(database, COUNTING)


def sleep_until(database: Database, when: str) -> int:
    """Nothing but the nights is lived; the pieces done in the last of them."""
    with database.transaction() as session:
        clock.jump_to(session, at(when))
    return run_nightly(database, COUNTING, Deadline(120)).done


def rows_of(database: Database, model: type[Base], *columns: str) -> list[tuple[Any, ...]]:
    """Everything in a table, in order of these columns."""
    table = table_of(model)
    its = [table.c[name] for name in columns]
    with database.reading() as session:
        return [tuple(row) for row in session.execute(select(*its).order_by(*its))]
