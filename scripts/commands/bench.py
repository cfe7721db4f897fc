"""Speed as ratios measured in one run; absolute figures depend on the machine and are shown for orientation only.

Usage: scripts/bench import [--purchases 100000] [--rounds 1]
       scripts/bench send [--sends 3000] [--rounds 1]
       scripts/bench fire [--due 150000] [--rounds 3] [--steps 2000]
       scripts/bench schedule [--rounds 3] [--jobs 200]
       scripts/bench lost-day [--due 150000] [--late 37500] [--seconds 120] [--clocks 1]

import   the rate at which a generated file is imported on MariaDB, against a hand-written SQLAlchemy Core executemany
         that writes the very rows the import wrote, in transactions of the same size
send     the processor time of sending an app message, against wechatpy's bare client and the same server
fire     claiming and firing due steps on MariaDB, against a status index with SKIP LOCKED and against set-based
         statements by hand; late batches, memory and urges behind a backlog. Exit code 1 where a promise is not kept
schedule steps scheduled and run, against APScheduler's date jobs in its SQLAlchemy store. Exit code as above
lost-day how late 30-minute steps open and are told at ten times a peak's purchases, without a backlog and behind that
         of a lost day, by the product's clock processes in real time; and how fast the backlog goes. Exit code as above
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select

from app import clock
from app.db import Base, Database, table_of
from app.follow_ups.models import Enrollment, StepRecord
from app.inbound.models import Inbound
from app.intake.importing import ImportOptions, import_file
from app.intake.service import MAX_BATCH
from app.members.models import Member, MemberCare, MemberIdentity
from app.orders.models import MemberPurchases, Order, OrderLine, Refund, RefundLine
from app.timers import Timer
from config.settings import ROOT
from scripts.commands.bench_fires import bench_fires, bench_schedules, fewest_due, show_verdicts
from scripts.commands.bench_lost_day import bench_lost_day
from scripts.commands.bench_sends import bench_sends
from scripts.commands.load_chain import load_chain
from scripts.commands.migrate import migrate
from tests.servers.mariadb import MariaDB

WRITTEN: tuple[type[Base], ...] = (
    Inbound,
    MemberIdentity,
    Member,
    MemberCare,
    Order,
    OrderLine,
    Refund,
    RefundLine,
    MemberPurchases,
    Enrollment,
    StepRecord,
    Timer,
)
# The generator's own shape: purchases a member makes a day (measured: 108,677 sales for 40,000 members in a year).
SALES_PER_MEMBER_DAY = 108_677 / 40_000 / 365
DAYS = 365
FIRST_DAY = date(2024, 1, 1)
BLOCKS = 20  # of sends: in turns, so that whatever else the machine does meets both

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One round: seconds of either side, and what was written."""

    ours_s: float
    floor_s: float
    events: int
    rows: int


def bench_import(server: MariaDB, folder: Path, number: int) -> Measured:
    """Import the generated chain in `folder` into an empty database, then write the same rows by hand into another."""
    ours = _empty(server, f"ours{number}", folder)
    before = _row_counts(ours)
    started = time.perf_counter()
    summary = import_file(ours, folder / "purchases.csv", ImportOptions(source="pos"))
    ours_s = time.perf_counter() - started
    written = {model: _written(ours, model) for model in WRITTEN}
    rows = sum(map(len, written.values()))
    assert before == 0, "the bench counts every row of these tables"
    events = summary.counts.applied
    batches = -(-events // MAX_BATCH)
    floor = _empty(server, f"floor{number}", folder)
    floor_s = _write_by_hand(floor, written, batches)
    assert _row_counts(floor) == rows
    ours.close()
    floor.close()
    return Measured(ours_s, floor_s, events, rows)


def _write_by_hand(database: Database, written: Mapping[type[Base], Rows], batches: int) -> float:
    """Write all rows with one executemany per table and transaction; returns seconds."""
    shares = {table_of(model): _shares(rows, batches) for model, rows in written.items()}
    started = time.perf_counter()
    for number in range(batches):
        with database.engine.begin() as connection:
            for table, share in shares.items():
                if share[number]:
                    connection.execute(insert(table), share[number])
    return time.perf_counter() - started


def _shares(rows: Rows, batches: int) -> Sequence[Rows]:
    size = -(-len(rows) // batches) if rows else 0
    return [rows[number * size : (number + 1) * size] for number in range(batches)]


def _empty(server: MariaDB, name: str, chain: Path) -> Database:
    """A migrated database with the chain but no members, its clock at the end of the generated year."""
    url = server.create_database(name)
    migrate(url)
    database = Database(url)
    with database.transaction() as session:
        end = datetime.combine(FIRST_DAY + timedelta(days=DAYS), datetime.min.time(), UTC)
        clock.jump_to(session, end)
    load_chain(database, chain)
    return database


def _row_counts(database: Database) -> int:
    with database.reading() as session:
        return sum(
            session.scalar(select(func.count()).select_from(table_of(model))) or 0 for model in WRITTEN
        )


def _written(database: Database, model: type[Base]) -> Rows:
    table: Table = table_of(model)
    with database.reading() as session:
        query = select(table).order_by(*table.primary_key)
        return [dict(row._mapping) for row in session.connection().execute(query)]


def _generate(folder: Path, purchases: int) -> None:
    members = round(purchases / SALES_PER_MEMBER_DAY / DAYS)
    command = [
        sys.executable,
        str(ROOT / "scripts" / "generate_chain"),
        "--seed",
        "1",
        "--members",
        str(members),
    ]
    command += ["--days", str(DAYS), "--start", FIRST_DAY.isoformat(), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (folder / "members.csv").unlink()  # members arrive with their purchases, as rows the import writes


def main() -> None:
    """Entry of scripts/bench."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["import", "send", "fire", "schedule", "lost-day"])
    parser.add_argument("--purchases", type=int, default=100_000)
    parser.add_argument("--sends", type=int, default=3_000)
    parser.add_argument(
        "--due", type=int, default=150_000, help="at least; more where the rounds use up more"
    )
    parser.add_argument("--steps", type=int, default=2_000, help="fired in a turn by each process")
    parser.add_argument("--jobs", type=int, default=200, help="run by APScheduler in a round")
    parser.add_argument(
        "--late", type=int, help="30-minute steps of the lost day, overdue as well; default: a fifth of all"
    )
    parser.add_argument("--seconds", type=float, default=120, help="of purchases, without and with a backlog")
    parser.add_argument("--clocks", type=int, default=1, help="clock processes")
    parser.add_argument("--rounds", type=int, help="default: 1; of fire and schedule 3")
    arguments = parser.parse_args()
    if arguments.what == "send":
        _show_sends(arguments.sends, arguments.rounds or 1)
    elif arguments.what == "import":
        _show_imports(arguments.purchases, arguments.rounds or 1)
    elif arguments.what == "lost-day":
        sys.exit(_show_lost_day(arguments))
    else:
        sys.exit(_show_fires(arguments))


def _show_sends(sends: int, rounds: int) -> None:
    for number in range(1, rounds + 1):
        cost = bench_sends(BLOCKS, max(1, sends // BLOCKS))
        sys.stdout.write(
            f"round {number}: {cost.sends:,} sends of either\n"
            f"  ours           {cost.ours_s / cost.sends * 1e6:7.0f} us of CPU a send\n"
            f"  bare wechatpy  {cost.bare_s / cost.sends * 1e6:7.0f} us of CPU a send\n"
            f"  ratio          {cost.ratio:7.2f}\n"
        )


def _show_fires(arguments: argparse.Namespace) -> int:
    rounds = arguments.rounds or 3
    with tempfile.TemporaryDirectory(prefix="dianban-") as folder:
        if arguments.what == "schedule":
            return show_verdicts(bench_schedules(Path(folder), rounds, arguments.jobs))
        due = max(arguments.due, fewest_due(rounds, arguments.steps))
        return show_verdicts(bench_fires(Path(folder), due, rounds, arguments.steps))


def _show_lost_day(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="dianban-") as folder:
        late = arguments.due // 4 if arguments.late is None else arguments.late
        measured = bench_lost_day(Path(folder), arguments.due, late, arguments.seconds, arguments.clocks)
    return show_verdicts(measured)


def _show_imports(purchases: int, rounds: int) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dianban-")))
        _generate(folder, purchases)
        server = MariaDB(folder / "m")
        server.start()
        stack.callback(server.stop)
        for number in range(1, rounds + 1):
            measured = bench_import(server, folder, number)
            sys.stdout.write(
                f"round {number}: {measured.events:,} purchases and refunds, {measured.rows:,} rows\n"
                f"  import        {measured.ours_s:7.1f} s  {measured.events / measured.ours_s:8,.0f} events/s\n"
                f"  by hand       {measured.floor_s:7.1f} s  {measured.events / measured.floor_s:8,.0f} events/s\n"
                f"  ratio of rates {measured.floor_s / measured.ours_s:.2f}\n"
            )


if __name__ == "__main__":
    main()
