"""Live a whole year while processes are killed at random, and check that nothing was lost, doubled, early or late.

Usage: scripts/faults races [--seconds 60]
       scripts/faults life [--chain DIR | --purchases FILE] [--days 365] [--members 20000] [--seed 1] [--kills 30]

Without a folder or a file a chain is generated. The life has a MariaDB and a sandbox of its own, which are gone
afterwards; purchases arrive at their own business time, a worker and the product's clock process work beside the
process that moves time, and associates do a share of their tasks. At moments drawn from the seed one of them, the
database, or all of them at once are killed with -9 and started again.

What falls due within one quantum is lived together at its end: never early, at most so much later, which no check takes
for lateness. At two hours a day has six instants at which China's stores are open, the last of them an hour before they
close: a promise of the last hour waits for the morning, as one that is told late by its till would.

Exit code 1 where anything is lost, doubled, early or over a person's limits, or where more than one step in a hundred
opened over ten seconds after its quantum had ended though nobody was down.

`races` has several processes cancel, buy, send, call, complete, skip, undo, hand over, opt out and balance against
firing, text messages and group sends for so many seconds on either database, and tells violations and retries.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from app.db import Database
from config.settings import ROOT
from scripts.chain_generator.files import ChainSize, write_chain
from scripts.commands.fault_races import race
from scripts.commands.life_crew import cpu_seconds
from scripts.commands.life_run import Life, LifePlan, Lived
from scripts.commands.migrate import migrate
from scripts.commands.reconcile import describe
from tests.servers.mariadb import MariaDB

DEMO = ROOT / "config" / "demo"
LAST_DAY = date(2024, 12, 31)
MEMBERS_OF_AN_ASSOCIATE = 100
ASSOCIATES_OF_A_STORE = 5
# Survives kill -9 of the server, which is what happens here: what is written is with the kernel at each commit. Only a
# power cut would need it on the disk, which costs most of the time on a slow one.
SERVER = ("--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M")


def main() -> int:
    """Entry of scripts/faults."""
    arguments = _parser().parse_args()
    if "seconds" in arguments:
        return race(arguments.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped on the way out
    folder = Path(tempfile.mkdtemp(prefix="dianban-life-"))
    try:
        lived = _live(arguments, folder)
    finally:
        if arguments.keep:
            _say(f"kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if lived.verdict.holds else 1


def _live(arguments: argparse.Namespace, folder: Path) -> Lived:
    file, chain = _purchases(arguments, folder)
    plan = LifePlan(
        file,
        chain,
        folder,
        seed=arguments.seed,
        kills=arguments.kills,
        days_after=arguments.days_after,
        share=arguments.share / 100,
        quantum=timedelta(seconds=arguments.quantum),
    )
    server = MariaDB(folder / "m", durable=True, options=SERVER)
    (folder / "m").mkdir()
    server.start()
    began = time.monotonic()
    try:
        server.create_database("life")
        url = server.socket_url("life")
        migrate(url)
        database = Database(url)
        lived = Life(plan, database, server).live(_say)
        database.close()
    finally:
        server.stop()
    _report(lived, time.monotonic() - began)
    return lived


def _purchases(arguments: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """The file to live and the chain it happens in."""
    if arguments.purchases:
        return arguments.purchases, arguments.chain or DEMO
    if arguments.chain:
        return arguments.chain / "purchases.csv", arguments.chain
    associates = max(1, arguments.members // MEMBERS_OF_AN_ASSOCIATE)
    stores = max(1, associates // ASSOCIATES_OF_A_STORE)
    start = LAST_DAY - timedelta(days=arguments.days - 1)
    chain = folder / "chain"
    write_chain(
        ChainSize(arguments.seed, arguments.members, arguments.days, stores, associates, start), chain
    )
    return chain / "purchases.csv", chain


def _report(lived: Lived, wall_s: float) -> None:
    print(describe(lived.verdict.balance, 20))
    print(f"kills: {len(lived.struck)}")
    for kill, struck in lived.struck:
        print(f"  {struck:%Y-%m-%d %H:%M:%S}  {kill.victim}")
    for line in lived.verdict.told:
        print(line)
    rate = lived.events / max(lived.life_s, 0.001)
    print(
        f"set up in {lived.set_up_s:.0f} s, lived in {lived.life_s:.0f} s, "
        f"of which {lived.year_s:.0f} s to the last purchase, judged in {lived.judged_s:.0f} s: "
        f"{wall_s:.0f} s in all, {cpu_seconds():.0f} s of CPU; {rate:.0f} events/s"
    )
    for problem in lived.verdict.broken:
        print(f"BROKEN: {problem}")
    print("everything holds" if lived.verdict.holds else "DOES NOT HOLD")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    races = commands.add_parser("races", help="race whatever becomes of tasks against firing")
    races.add_argument("--seconds", type=float, default=60, help="on each database")
    life = commands.add_parser("life", help="live a whole year while processes are killed at random")
    life.add_argument("--chain", type=Path, metavar="DIR", help="a chain folder, with its purchases.csv")
    life.add_argument(
        "--purchases", type=Path, metavar="FILE", help="a purchase file, in the demo's chain or --chain"
    )
    life.add_argument("--days", type=int, default=365, help="of the generated chain")
    life.add_argument(
        "--members", type=int, default=20_000, help="of the generated chain; one associate for 100"
    )
    life.add_argument("--seed", type=int, default=1, help="of the chain, the kills and the associates")
    life.add_argument("--kills", type=int, default=30)
    life.add_argument("--days-after", type=int, default=95, metavar="N", help="lived after the last purchase")
    life.add_argument(
        "--share", type=int, default=30, metavar="PERCENT", help="of the tasks that associates do"
    )
    life.add_argument("--quantum", type=float, default=7200, metavar="SECONDS", help="of business time")
    life.add_argument("--keep", action="store_true", help="keep logs, histories and the sandbox's state")
    return parser


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
