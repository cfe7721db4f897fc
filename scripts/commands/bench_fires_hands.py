"""Processes that claim and fire for `scripts/bench fire`, as many at once as are asked for.

Each keeps its connections and has done one batch of everything before it is measured. How long a turn took is what the
one who called them waited for all.
"""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import cast

from pymysql.cursors import Cursor
from sqlalchemy import Connection, func, select

from app.db import Database
from app.follow_ups.firing import lane as firing
from app.follow_ups.firing.falling_due import DueTimer
from app.follow_ups.firing.lane import fire_due
from app.lanes import Deadline
from app.messaging.models import Notice
from app.timers import Lane
from scripts.commands.bench_fires_designs import CLAIMINGS, Design, claim_batch, designed
from scripts.commands.bench_fires_floors import fire_chunk, floor_values, make_temporary_tables
from tasks.clock import settle

PATIENCE_S = 3_600.0
FLOOR_IDS = 1_000_000_000_000  # of one process: far below those that anybody else is given
CLAIM = "claim"
FIRE = "fire"
FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class Turn:
    """Claim, fire, or fire by hand, so many batches of such a size."""

    what: str
    design: Design
    batches: int
    size: int


@dataclass(frozen=True, slots=True)
class Worked:
    """What one process did in its turn: steps, seconds of each batch, and its memory afterwards."""

    steps: int
    batch_s: list[float] = field(default_factory=list)
    resident_kib: int = 0


class Hands:
    """So many processes, each with every database at hand."""

    def __init__(self, count: int, urls: Mapping[Design, str]) -> None:
        self._pipes: list[Pipe] = []
        self._processes = []
        context = multiprocessing.get_context("spawn")
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, dict(urls), number), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def work(self, turn: Turn) -> tuple[float, list[Worked]]:
        """All do the turn at once; returns seconds and what each did. Raises `EOFError` where one died."""
        started = time.perf_counter()
        for pipe in self._pipes:
            pipe.send(turn)
        worked = [pipe.recv() for pipe in self._pipes]
        return time.perf_counter() - started, worked

    def stop(self) -> None:
        """Let them end and wait for it."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()


@contextmanager
def hands(count: int, urls: Mapping[Design, str]) -> Iterator[Hands]:
    """Processes that end with the block."""
    working = Hands(count, urls)
    try:
        yield working
    finally:
        working.stop()


def resident_kib() -> int:
    """Memory of this process that is in use, in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LookupError("VmRSS")


def _work(pipe: Pipe, urls: dict[Design, str], number: int) -> None:
    databases = {design: Database(url) for design, url in urls.items()}
    floor = _Floor(databases[Design.OURS], number)
    settle()
    while True:
        try:
            turn: Turn = pipe.recv()
        except EOFError:
            return
        database = databases[turn.design]
        with designed(turn.design):
            if turn.what == CLAIM:
                worked = _claim(database, turn)
            elif turn.what == FIRE:
                worked = _fire(database, turn)
            else:
                worked = floor.fire(turn)
        pipe.send(worked)


def _claim(database: Database, turn: Turn) -> Worked:
    claiming, steps, laps = CLAIMINGS[turn.design], 0, _Laps()
    last: DueTimer | None = None
    for _ in range(turn.batches):
        taken = database.in_transaction(lambda session: claim_batch(session, claiming, turn.size, last))  # noqa: B023
        steps, last = steps + len(taken), taken[-1]
        laps.lap()
    return Worked(steps, laps.seconds, resident_kib())


def _fire(database: Database, turn: Turn) -> Worked:
    firing.BATCH = turn.size
    started, laps = itertools.count(), _Laps()

    def is_enough() -> bool:
        """Asked before each batch."""
        number = next(started)
        if number:
            laps.lap()
        return number >= turn.batches

    progress = fire_due(database, Lane.DAYS, Deadline(PATIENCE_S, is_enough))
    return Worked(progress.done, laps.seconds, resident_kib())


class _Laps:
    """Seconds from lap to lap."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = time.perf_counter()

    def lap(self) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._began)
        self._began = now


class _Floor:
    """Firing by hand, on one connection of its own because of its temporary tables."""

    def __init__(self, database: Database, number: int) -> None:
        self._database = database
        self._connection: Connection | None = None
        least = (number + 1) * FLOOR_IDS
        with database.reading() as session:
            its = select(func.max(Notice.id)).where(Notice.id.between(least, least + FLOOR_IDS - 1))
            self._base = session.scalar(its) or least

    def fire(self, turn: Turn) -> Worked:
        steps, laps = 0, _Laps()
        for _ in range(turn.batches):
            steps += self._chunk(turn.size)
            laps.lap()
        return Worked(steps, laps.seconds, resident_kib())

    def _chunk(self, size: int) -> int:
        if self._connection is None:
            self._connection = self._database.engine.connect()
            with self._connection.begin():
                make_temporary_tables(self._cursor())
        with self._connection.begin():
            values = {**floor_values(self._database), "chunk": size, "base": self._base}
            fired = fire_chunk(self._cursor(), values)
        self._base += 3 * size + 3
        return fired

    def _cursor(self) -> Cursor:
        assert self._connection is not None
        return cast(Cursor, self._connection.connection.cursor())
