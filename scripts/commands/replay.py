"""Live a purchase file forward in the sandbox: from its first purchase to so many days after its last.

Usage: scripts/replay FILE [--days-after 95] [--fresh] [--chain FOLDER]

The clock is set to the file's first day and jumps from one due instant to the next; every purchase arrives at its own
time and everything that falls due on the way is done by the same lanes that production runs, up to the messages in a
sandbox of its own. The database is DATABASE_URL, or .local/replay.sqlite3.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import clock
from app.follow_ups.reconciliation import reconcile
from app.inbound.events import Event
from app.intake.building import Context
from app.intake.importing import local_span
from app.intake.reading import LocalSpan, ReadInvoice, read_purchases
from app.intake.refusals import UnreadableFile, reason_of
from app.intake.report import RefusalReport
from app.intake.service import MAX_BATCH, EventStatus, apply_events
from app.orders.models import Order
from app.stores.queries import stores_by_code
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT, Mode, Settings
from scripts.commands.demo_members import demo_members
from scripts.commands.import_purchases import default_report
from scripts.commands.load_chain import contacts_of, load_chain, load_members
from scripts.commands.migrate import migrate
from scripts.commands.reconcile import describe
from scripts.commands.sandbox_process import sandbox_process
from tasks.lanes import Hands, hands_of
from tasks.travel import live_until

DEMO = ROOT / "config" / "demo"
LOCAL = ROOT / ".local"
SOURCE = "pos"
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
        zone = self._set_scene(span)
        shown = time.monotonic()
        for instant, events in self._arrivals(span, zone):
            live_until(self.hands, max(instant, self._now()), self.control.set_clock)
            self._report(events)
            if time.monotonic() - shown > SHOWN_EVERY_S:
                shown = time.monotonic()
                self._tell(instant.astimezone(zone))
        end = span.last.replace(tzinfo=zone) + timedelta(days=days_after)
        live_until(self.hands, end.astimezone(UTC), self.control.set_clock)
        self.refusals.close()
        self._tell(end)

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

    def _set_scene(self, span: LocalSpan) -> ZoneInfo:
        chain = json.loads((self.chain / "chain.json").read_text(encoding="utf-8"))
        zone = ZoneInfo(chain["time_zone"])
        dawn = span.first.replace(hour=0, minute=0, second=0, tzinfo=zone)
        with self.hands.database.transaction() as session:
            if session.scalar(select(Order.id).limit(1)) is not None:
                sys.exit("this database has a life already: scripts/replay --fresh forgets it")
            self.control.set_clock(clock.jump_to(session, dawn.astimezone(UTC)))
        load_chain(self.hands.database, self.chain)
        self.control.put_people(
            {"userid": person["userid"], "name": person["name"]} for person in chain["associates"]
        )
        members = self.chain / "members.csv"
        if members.exists():  # loaded with the chain
            with members.open(encoding="utf-8", newline="") as file:
                self.control.put_contacts(contacts_of(csv.DictReader(file)))
        else:
            made_up = list(demo_members(self.file, chain))
            load_members(self.hands.database, made_up)
            self.control.put_contacts(contacts_of(made_up))
        return zone

    def _arrivals(self, span: LocalSpan, zone: ZoneInfo) -> Iterator[tuple[datetime, list[Event]]]:
        """What the tills report, by the instant they report it, at most a batch at a time."""
        with self.hands.database.reading() as session:
            stores = stores_by_code(session)
        latest = span.last.replace(tzinfo=zone).astimezone(UTC) + timedelta(days=1)
        context = Context(stores, tuple(sorted(stores)), latest)
        with self.file.open("rb") as file:
            for instant, events in groupby(
                self._readable(file, context), key=lambda event: event.occurred_at
            ):
                together = list(events)
                for start in range(0, len(together), MAX_BATCH):
                    yield instant, together[start : start + MAX_BATCH]

    def _readable(self, file: BinaryIO, context: Context) -> Iterator[Event]:
        for one in read_purchases(file, context):
            if isinstance(one, ReadInvoice):
                yield one.event
            else:
                self.refusals.write(one.ref, one.rows)

    def _now(self) -> datetime:
        with self.hands.database.reading() as session:
            return clock.now(session)


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
