"""Live a purchase file forward in the sandbox: from its first purchase to so many days after its last.

Usage: scripts/replay FILE [--days-after 95] [--fresh] [--chain FOLDER]

The clock is set to the file's first day and jumps from one due instant to the next; every purchase arrives at its own
time and everything that falls due on the way is done by the same lanes that production runs, up to the messages in a
sandbox of its own. The database is DATABASE_URL, or .local/replay.sqlite3.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import clock
from app.follow_ups.reconciliation import reconcile
from app.inbound.events import Event
from app.intake.building import Context
from app.intake.importing import local_span
from app.intake.reading import LocalSpan, ReadInvoice, read_purchases
from app.intake.refusals import UnreadableFile
from app.intake.service import MAX_BATCH, EventStatus, apply_events
from app.orders.models import Order
from app.stores.queries import stores_by_code
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT, Settings
from scripts.commands.demo_members import demo_members
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

    def run(self, span: LocalSpan, days_after: int) -> None:
        """Set the scene, let every purchase arrive at its time, and live on to `days_after` the last of them."""
        zone = self._set_scene(span)
        shown = time.monotonic()
        applied = refused = 0
        for instant, events in self._arrivals(span, zone):
            live_until(self.hands, max(instant, self._now()), self.control.set_clock)
            results = apply_events(self.hands.database, SOURCE, events, enrolls=True)
            applied += sum(result.status is EventStatus.APPLIED for result in results)
            refused += sum(
                result.status in (EventStatus.REFUSED, EventStatus.QUARANTINED) for result in results
            )
            if time.monotonic() - shown > SHOWN_EVERY_S:
                shown = time.monotonic()
                sys.stderr.write(
                    f"{instant.astimezone(zone):%Y-%m-%d}  {applied:,} receipts  {refused} refused\n"
                )
        end = span.last.replace(tzinfo=zone).astimezone(UTC) + timedelta(days=days_after)
        live_until(self.hands, end, self.control.set_clock)
        sys.stderr.write(
            f"lived to {end.astimezone(zone):%Y-%m-%d}: {applied:,} receipts, {refused} refused\n"
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
        if not (self.chain / "members.csv").exists():
            members = list(demo_members(self.file, chain))
            load_members(self.hands.database, members)
            self.control.put_contacts(contacts_of(members))
        return zone

    def _arrivals(self, span: LocalSpan, zone: ZoneInfo) -> Iterator[tuple[datetime, list[Event]]]:
        """What the tills report, by the instant they report it, at most a batch at a time."""
        with self.hands.database.reading() as session:
            stores = stores_by_code(session)
        latest = span.last.replace(tzinfo=zone).astimezone(UTC) + timedelta(days=1)
        context = Context(stores, tuple(sorted(stores)), latest)
        with self.file.open("rb") as file:
            read = (one.event for one in read_purchases(file, context) if isinstance(one, ReadInvoice))
            for instant, events in groupby(read, key=lambda event: event.occurred_at):
                together = list(events)
                for start in range(0, len(together), MAX_BATCH):
                    yield instant, together[start : start + MAX_BATCH]

    def _now(self) -> datetime:
        with self.hands.database.reading() as session:
            return clock.now(session)


def main() -> None:
    """Entry of scripts/replay; exit code 1 where the balance does not hold, 2 for a file that cannot be read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--days-after", type=int, default=95)
    parser.add_argument("--chain", type=Path, default=DEMO, help="folder with a chain.json")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier replay")
    arguments = parser.parse_args()
    LOCAL.mkdir(exist_ok=True)
    settings = Settings.from_env()
    if "DATABASE_URL" not in os.environ:
        settings = replace(settings, database_url=f"sqlite:///{LOCAL / 'replay.sqlite3'}")
    if arguments.fresh:
        migrate(settings.database_url, "base")
    migrate(settings.database_url)
    try:
        span = local_span(arguments.file)
    except UnreadableFile as problem:
        sys.stderr.write(f"{arguments.file}: {problem}\n")
        sys.exit(2)
    if span is None:
        sys.exit(f"{arguments.file}: no purchases in it")
    with sandbox_process(LOCAL / "replay-sandbox.sqlite3", fresh=arguments.fresh) as url:
        settings = replace(settings, wecom_api_url=url)
        hands = hands_of(settings)
        Replay(hands, SandboxControl(url), arguments.file, arguments.chain).run(span, arguments.days_after)
    with hands.database.reading() as session:
        report = reconcile(session)
    sys.stdout.write(describe(report, 20) + "\n")
    sys.exit(0 if report.balances else 1)


if __name__ == "__main__":
    main()
