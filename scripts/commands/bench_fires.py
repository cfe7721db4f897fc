"""`scripts/bench fire`: every promise about firing, measured in one run on a MariaDB of its own, as a ratio."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.firing import lane as firing
from app.timers import Lane, TimerKey, clear_timers, set_timers
from app.worklist.claiming import claim_items
from app.worklist.models import WorkItem, WorkState
from scripts.commands.bench_fires_designs import Design, keep_by_status, restore_waiting
from scripts.commands.bench_fires_floors import CHUNKS
from scripts.commands.bench_fires_hands import CLAIM, FIRE, Turn, hands
from scripts.commands.bench_fires_turns import Plan, Rates, floor_name, race_claims, race_fires
from scripts.commands.bench_fires_world import PATIENCE_S, World, build_world
from scripts.commands.bench_schedule import bench_schedule
from tests.servers.mariadb import MariaDB

FEW = 10_000
BATCHES_IN_A_ROW = 100
CLAIMS_A_FIRE = 5  # they are put back, and take a fraction of the time
AT_AN_END = 5  # batches of which the median is the first's, and the last's
WARM_UP_BATCHES = 2
MEASURED_BATCHES = 10
URGES = 200
URGES_AT_ONCE = 10
# The server keeps its promises about committing, as in production, and has the room that a small one has there.
OPTIONS = ("--innodb-buffer-pool-size=2G", "--innodb-log-file-size=512M")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A measured figure beside what was promised: at least, or at most."""

    what: str
    figure: float
    target: float
    is_least: bool = True
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        """Whether the promise is kept."""
        return self.figure >= self.target if self.is_least else self.figure <= self.target

    def __str__(self) -> str:
        sign, word = ("≥" if self.is_least else "≤"), ("" if self.is_met else "  MISSED")
        return f"{self.what:<58} {self.figure:8.2f} {self.unit:<2} {sign} {self.target:g}{word}"


@dataclass(frozen=True, slots=True)
class Worlds:
    """The same chain three times: kept by our timers, by a status index, and by our timers with few steps due."""

    ours: World
    status: World
    few: World

    @property
    def urls(self) -> dict[Design, str]:
        """Where each design keeps its steps."""
        return {Design.OURS: self.ours.url, Design.STATUS_INDEX: self.status.url}


def bench_fires(folder: Path, due: int, rounds: int, steps: int) -> list[Verdict]:
    """Measure everything with `due` due steps; in each round every contestant does `steps` in each of its processes.

    Prints rates as it goes. Raises `AssertionError` where a contestant did not write the rows it should have written.
    """
    with ExitStack() as stack:
        server = MariaDB(folder / "m", durable=True, options=OPTIONS)
        server.start()
        stack.callback(server.stop)
        worlds = _build(server, folder, due)
        databases = {design: Database(url, patience_s=PATIENCE_S) for design, url in worlds.urls.items()}
        for database in databases.values():
            stack.callback(database.close)
        verdicts = [_urges(databases[Design.OURS]), _memory(worlds), *_in_a_row(worlds, databases)]
        for workers in (1, 2):
            verdicts += _races(worlds, databases, workers, Plan(rounds, steps, firing.BATCH))
    return verdicts


def fewest_due(rounds: int, steps: int) -> int:
    """How many due steps these rounds use up."""
    in_turns = sum(-(-steps // size) * size for size in (firing.BATCH, *CHUNKS))
    batches = MEASURED_BATCHES + BATCHES_IN_A_ROW + 8 * WARM_UP_BATCHES
    return in_turns * 3 * rounds + batches * firing.BATCH + steps * CLAIMS_A_FIRE * 2


def _build(server: MariaDB, folder: Path, due: int) -> Worlds:
    _say(f"building {due:,} due steps, twice")
    ours = build_world(server, "ours", folder / "chain", due)
    status = build_world(server, "status", folder / "chain", due)
    few = build_world(server, "few", folder / "chain", FEW)
    database = Database(status.url, patience_s=PATIENCE_S)
    keep_by_status(database)
    database.close()
    return Worlds(ours, status, few)


def _urges(database: Database) -> Verdict:
    """Claims in the lane of urges, every due fire lying beside them. Of work items that are closed, so that is all."""
    with database.transaction() as session:
        now = clock.now(session)
        closed = select(WorkItem.id, WorkItem.member_id).where(WorkItem.state != WorkState.OPEN).limit(URGES)
        rows = session.execute(closed).all()
        set_timers(session, ((TimerKey(Lane.URGE, now, row.id), row.member_id) for row in rows))
    seconds = []
    for _ in range(URGES // URGES_AT_ONCE):
        started = time.perf_counter()
        taken = database.in_transaction(_claim_urges)
        seconds.append(time.perf_counter() - started)
        assert taken == URGES_AT_ONCE
    _say(f"claims of urges: median {_median(seconds) * 1e3:.1f} ms, slowest {max(seconds) * 1e3:.1f} ms")
    return Verdict(
        "claiming urges behind every due fire", _median(seconds) * 1e3, 10.0, is_least=False, unit="ms"
    )


def _claim_urges(session: Session) -> int:
    due = claim_items(session, Lane.URGE, clock.now(session), URGES_AT_ONCE)
    clear_timers(session, due)
    return len(due)


def _memory(worlds: Worlds) -> Verdict:
    """Memory of a process that has fired, many steps waiting, to that of one that has with few of them waiting."""
    kib = [_memory_of(world.url) for world in (worlds.few, worlds.ours)]
    _say(
        f"memory of a process: {kib[0]:,} KiB with {worlds.few.due:,} waiting, {kib[1]:,} with {worlds.ours.due:,}"
    )
    return Verdict(
        f"memory, {worlds.ours.due:,} to {worlds.few.due:,} waiting", kib[1] / kib[0], 1.1, is_least=False
    )


def _memory_of(url: str) -> int:
    with hands(1, {Design.OURS: url}) as working:
        _, (worked,) = working.work(Turn(FIRE, Design.OURS, MEASURED_BATCHES, firing.BATCH))
    return worked.resident_kib


def _in_a_row(worlds: Worlds, databases: Mapping[Design, Database]) -> list[Verdict]:
    verdicts = []
    with hands(1, {Design.OURS: worlds.ours.url}) as working:
        for what in (CLAIM, FIRE):
            working.work(Turn(what, Design.OURS, WARM_UP_BATCHES, firing.BATCH))
            _, (worked,) = working.work(Turn(what, Design.OURS, BATCHES_IN_A_ROW, firing.BATCH))
            first, last = _median(worked.batch_s[:AT_AN_END]), _median(worked.batch_s[-AT_AN_END:])
            _say(f"{what}: first batches {first * 1e3:.1f} ms, 100th {last * 1e3:.1f} ms")
            name = f"{what}: the 100th batch in a row to the first"
            verdicts.append(Verdict(name, last / first, 1.3, is_least=False))
            restore_waiting(databases)
    return verdicts


def _races(worlds: Worlds, databases: Mapping[Design, Database], workers: int, plan: Plan) -> list[Verdict]:
    with hands(workers, worlds.urls) as working:
        for what in (CLAIM, FIRE):
            for design in Design:
                working.work(Turn(what, design, WARM_UP_BATCHES, plan.size))
        restore_waiting(databases)
        claims = race_claims(working, workers, replace(plan, steps=plan.steps * CLAIMS_A_FIRE))
        restore_waiting(databases)
        fires = race_fires(working, workers, plan, databases)
    _show("claim", workers, claims)
    _show("fire", workers, fires)
    ours, status = str(Design.OURS), str(Design.STATUS_INDEX)
    floor = max(fires[floor_name(chunk)] for chunk in CHUNKS)
    of = f", {workers} process" + ("es" if workers > 1 else "")
    return [
        Verdict(f"claim, to the status index{of}", claims[ours] / claims[status], 3.0),
        Verdict(f"whole fire, to the status index{of}", fires[ours] / fires[status], 1.1),
        Verdict(f"whole fire, to the best by hand{of}", fires[ours] / floor, 0.5),
    ]


def _show(what: str, workers: int, rates: Rates) -> None:
    for name, rate in rates.items():
        _say(f"{what}, {workers} at once: {name:<24} {rate:9,.0f} steps/s")


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show_verdicts(verdicts: Sequence[Verdict]) -> int:
    """Print them; returns the exit code: 1 where a promise is not kept."""
    for verdict in verdicts:
        _say(str(verdict))
    return 0 if all(verdict.is_met for verdict in verdicts) else 1


def bench_schedules(folder: Path, rounds: int, jobs: int) -> list[Verdict]:
    """Scheduling and running steps, ours beside APScheduler."""
    with ExitStack() as stack:
        server = MariaDB(folder / "m", durable=True, options=OPTIONS)
        server.start()
        stack.callback(server.stop)
        world = build_world(server, "few", folder / "chain", FEW)
        scheduling, running = bench_schedule(world.url, rounds, jobs)
    for what, rates in (("schedule", scheduling), ("run", running)):
        _say(f"{what}: ours {rates.ours:,.0f} steps/s, APScheduler {rates.apscheduler:,.0f}")
    return [
        Verdict("scheduling a purchase's steps, to APScheduler", scheduling.ratio, 100.0),
        Verdict("running steps, to APScheduler", running.ratio, 25.0),
    ]
