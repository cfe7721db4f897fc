"""Fill an empty installation for scripts/run: a chain, people in the sandbox, real purchases that end today.

Usage: python -m scripts.commands.prepare_demo [--purchases FILE]

Repeating it loads nothing twice; an interrupted load is finished with the same shift of days.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from app import clock
from app.db import Database
from app.intake.importing import ImportOptions, file_hash, import_file, local_span
from app.intake.imports import find_import
from app.intake.reading import LocalSpan
from app.intake.refusals import UnreadableFile
from app.wecom.sandbox_control import SandboxControl
from config.settings import ROOT, Settings
from scripts.commands.demo_members import demo_members
from scripts.commands.import_purchases import default_report, print_progress
from scripts.commands.load_chain import contacts_of, load_chain, load_members

DEMO = ROOT / "config" / "demo"
EXCERPT = DEMO / "purchases_excerpt.csv"
SOURCE = "pos"


def prepare(database: Database, control: SandboxControl, purchases: Path) -> None:
    """Load the demo chain and the purchases, and let business time stand after the last of them."""
    chain = json.loads((DEMO / "chain.json").read_text(encoding="utf-8"))
    load_chain(database, DEMO)
    members = list(demo_members(purchases, chain))
    load_members(database, members)
    names = {store["code"]: store["name"] for store in chain["stores"]}
    people = [
        {"userid": person["userid"], "name": person["name"], "department": names.get(person["store"], "总部")}
        for person in chain["associates"]
    ]
    control.put_people(people)
    control.put_contacts(contacts_of(members))
    _load_purchases(database, control, purchases, ZoneInfo(chain["time_zone"]), sorted(names))


def _load_purchases(
    database: Database, control: SandboxControl, purchases: Path, zone: ZoneInfo, stores: list[str]
) -> None:
    with database.reading() as session:
        known = find_import(session, SOURCE, file_hash(purchases))
        now = clock.now(session)
    if known is not None and known.finished_at is not None:
        return
    span = local_span(purchases)
    if span is None:
        sys.exit(f"{purchases}: no purchases in it")
    shift = known.shift_days if known else (now.astimezone(zone).date() - span.last.date()).days
    _pass_last_purchase(database, control, span, shift, zone)
    options = ImportOptions(
        source=SOURCE, stores=tuple(stores), shift_days=shift, report=default_report(purchases)
    )
    summary = import_file(database, purchases, options, print_progress)
    counts = summary.counts
    sys.stderr.write(
        f"{purchases.name}: {counts.rows} rows, {counts.applied} receipts and refunds loaded, "
        f"{summary.refused_rows} rows refused (see {options.report})\n"
    )


def _pass_last_purchase(
    database: Database, control: SandboxControl, span: LocalSpan, shift: int, zone: ZoneInfo
) -> None:
    """Move business time past the last purchase of today, where that lies ahead: a demo never buys in the future."""
    last = (span.last + timedelta(days=shift)).replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=1)
    with database.transaction() as session:
        offset = clock.jump_to(session, max(last, clock.now(session)))
    control.set_clock(offset)


def main() -> None:
    """Entry, called by scripts/run; exit code 2 for a file that is no purchase file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--purchases", type=Path, default=EXCERPT)
    arguments = parser.parse_args()
    settings = Settings.from_env()
    try:
        prepare(Database(settings.database_url), SandboxControl(settings.wecom_api_url), arguments.purchases)
    except (UnreadableFile, OSError) as problem:
        sys.stderr.write(f"{arguments.purchases}: {problem}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
