"""Live a purchase file forward in the sandbox: from its first purchase to so many days after its last.

Usage: scripts/replay FILE [--days-after 95] [--fresh] [--chain FOLDER]

The clock is set to the file's first day and jumps from one full minute in which something happens to the next: every
purchase arrives at its own time and everything that falls due on the way is done, never early and at most a minute
late, by the same lanes that production runs, up to the messages in a sandbox of its own. The database is DATABASE_URL,
or .local/replay.sqlite3.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.follow_ups.reconciliation import reconcile
from app.inbound.events import Event
from app.intake.importing import local_span
from app.intake.reading import LocalSpan
from app.intake.refusals import UnreadableFile, reason_of
from app.intake.report import RefusalReport
from app.intake.service import apply_events
from app.intake.sifting import EventStatus
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT, Mode, Settings
from scripts.commands.import_purchases import default_report
from scripts.commands.life_scene import SOURCE, LivedAlready, arrivals, set_scene
from scripts.commands.migrate import migrate
from scripts.commands.reconcile import describe
from scripts.commands.sandbox_process import sandbox_process
from tasks.lanes import Hands, hands_of
from tasks.travel import MINUTE, live_until

DEMO = ROOT / "config" / "demo"
LOCAL = ROOT / ".local"
SHOWN_EVERY_S = 2.0


@dataclass
class Replay:
    """One life of a file."""

    hands: Hands
    control: SandboxControl
    file: Path
    chain: Path
    refusals: RefusalReport
    counts: Counter[EventStatus] = field(default_factory=Counter)

    def run(self, span: LocalSpan, days_after: int) -> None:
        """Set the scene, let every purchase arrive at its time, and live on to `days_after` the last of them.

        Purchases arrive in the file's order; one that stands behind a later one arrives late, as it would from a till.
        """
        database = self.hands.database
        try:
            zone = set_scene(database, self.control, self.chain, self.file, span.first)
        except LivedAlready:
            sys.exit("this database has a life already: scripts/replay --fresh forgets it")
        shown = time.monotonic()
        for instant, events in arrivals(database, self.file, span, zone, self.refusals, MINUTE):
            self._live_until(instant)
            self._report(events)
            if time.monotonic() - shown > SHOWN_EVERY_S:
                shown = time.monotonic()
                self._tell(instant.astimezone(zone))
        end = span.last.replace(tzinfo=zone) + timedelta(days=days_after)
        self._live_until(end.astimezone(UTC))
        self.refusals.close()
        self._tell(end)

    def _live_until(self, instant: datetime) -> None:
        live_until(self.hands, instant, self.control.set_clock, quantum=MINUTE)

    def _report(self, events: list[Event]) -> None:
        for result in apply_events(self.hands.database, SOURCE, events, enrolls=True):
            self.counts[result.status] += 1

    def _tell(self, day: datetime) -> None:
        rows = (
            f", {self.refusals.rows:,} rows refused (see {self.refusals.path})" if self.refusals.rows else ""
        )
        told = [
            f"{count:,} {status}"
            for status, count in self.counts.items()
            if status is not EventStatus.APPLIED
        ]
        other = "".join(f", {text}" for text in told)
        sys.stderr.write(
            f"{day:%Y-%m-%d}  {self.counts[EventStatus.APPLIED]:,} receipts and refunds{other}{rows}\n"
        )


def main() -> None:
    """Entry of scripts/replay; exit code 1 where the balance does not hold, 2 for a file that cannot be read."""
    arguments = _parser().parse_args()
    LOCAL.mkdir(exist_ok=True)
    settings = _own_database(fresh=arguments.fresh)
    try:
        span = local_span(arguments.file)
    except UnreadableFile as problem:
        reason = reason_of(problem.code)
        sys.stderr.write(f"{arguments.file}: {reason.zh} / {reason.en}\n")
        sys.exit(2)
    if span is None:
        sys.exit(f"{arguments.file}: no purchases in it")
    with sandbox_process(LOCAL / "replay-sandbox.sqlite3", fresh=arguments.fresh) as url:
        hands = hands_of(replace(settings, wecom_api_url=url))
        refusals = RefusalReport(default_report(arguments.file))
        replay = Replay(hands, SandboxControl(url), arguments.file, arguments.chain, refusals)
        replay.run(span, arguments.days_after)
    with hands.database.reading() as session:
        report = reconcile(session)
    sys.stdout.write(f"{describe(report, 20)}\n")
    if "DATABASE_URL" not in os.environ:
        sys.stdout.write(f"again: scripts/reconcile --database {settings.database_url}\n")
    sys.exit(0 if report.balances else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--days-after", type=int, default=95)
    parser.add_argument("--chain", type=Path, default=DEMO, help="folder with a chain.json")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier replay")
    return parser


def _own_database(*, fresh: bool) -> Settings:
    """Settings with the migrated database this life is lived in; only our own file is ever forgotten."""
    settings = Settings.from_env()
    if settings.mode is Mode.PRODUCTION:
        sys.exit("scripts/replay moves the clock: it never runs in production")
    if "DATABASE_URL" not in os.environ:
        file = LOCAL / "replay.sqlite3"
        if fresh:
            for stale in LOCAL.glob(f"{file.name}*"):
                stale.unlink()
        settings = replace(settings, database_url=f"sqlite:///{file}")
    elif fresh:
        sys.exit("--fresh forgets .local/replay.sqlite3 only; empty DATABASE_URL with scripts/migrate base")
    migrate(settings.database_url)
    return settings


if __name__ == "__main__":
    main()
