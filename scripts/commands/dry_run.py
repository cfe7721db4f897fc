"""Try a follow-up plan over what really happened, before it is published: who would have been asked to do what.

The last days are lived again, and the days to come from what has happened already, once with the plan of the file and
once with what is in force now. Nothing is written. What a dry run takes for granted stands in
app/follow_ups/forecasting/__init__.py.

Usage: scripts/dry_run config/plans/after_purchase.toml [--days 90] [--stores S1,S2] [--members 20000]
Exit code 0, 1 where the database cannot be reached, 2 where the file is no plan.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.db import Database
from app.errors import Invalid
from app.follow_ups.forecasting.counting import TOUCHED_WITHIN, Counts, Side, Span
from app.follow_ups.forecasting.staging import MOST_MEMBERS, Cast, DryRun, cast, member_chunks
from app.follow_ups.forecasting.summary import Summary, fold
from app.follow_ups.plans.documents import Document
from app.follow_ups.plans.drafts import check_text
from app.follow_ups.states import StepOutcome
from app.members.dates import PURPOSE
from app.sealing import Keyring
from app.stores.queries import stores_by_code, stores_by_id
from app.worklist.attention import read_budget
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed
from scripts.commands.publish_plan import mistake_in_words

SPAN = {Span.LAST: "last", Span.NEXT: "next"}
MORE_THAN = {7: 2, 30: 4}
SHOWN = 10


def try_plan(
    database: Database, keys: Keyring, document: Document, days: int, stores: Sequence[str] | None, most: int
) -> tuple[Cast, Summary]:
    """The summary of a dry run of the plan, and whom it was tried on. Raises `Invalid` for an unknown store."""
    with database.reading() as session:
        chosen, counts = cast(session, stores, most=most), Counts()
        where = None
        if stores is not None:
            where = frozenset(store.id for store in stores_by_code(session, stores).values())
        run = DryRun(document, clock.now(session), days, where)
        done = 0
        for members in member_chunks(session, chosen.store_ids):
            run.try_on(session, keys, members, counts)
            done += len(members)
            sys.stderr.write(f"\r{done:,} of {chosen.members:,} members")
        sys.stderr.write("\n" if done else "")
    return chosen, Summary(fold(counts))


def report(session: Session, document: Document, chosen: Cast, summary: Summary, days: int) -> str:
    """The summary as tables."""
    lines = [f"{document.code} ({document.name}), {days} days back and ahead"]
    if chosen.is_sample:
        lines.append(
            f"tried on {chosen.members:,} of {chosen.of_members:,} members:"
            f" everybody in {len(chosen.store_ids)} of {chosen.of_stores} stores"
        )
    capacity = read_budget(session).daily_capacity
    if summary.found_at_first():
        lines.append(f"published now it finds {summary.found_at_first():,} members on its first day")
    for span, name in SPAN.items():
        lines += ["", f"--- the {name} {days} days", *_steps(document, summary, span)]
        lines += ["", *_loads(summary, span, capacity), "", *_touched(summary, span)]
        lines += ["", *_busiest(session, summary, span), "", *_stores(session, summary, span)]
    sent = summary.quota(Side.DRAFT)
    if sent:
        rows = [(month, f"{number:,}", f"{full:,}") for month, number, full in sent]
        lines += ["", *table(("month", "group sends", "stopped by WeCom's quota"), rows)]
    return "\n".join(lines) + "\n"


def _steps(document: Document, summary: Summary, span: Span) -> list[str]:
    titles = {step.step_no: step.title for step in document.steps}
    outcomes = list(StepOutcome)
    rows = [
        (
            f"{row.step_no} {titles.get(row.step_no, '(only now)')}",
            *(f"{row.draft.get(one, 0):,} ({row.now.get(one, 0):,})" for one in outcomes),
            ", ".join(f"{reason} {number:,}" for reason, number in row.reasons[:3]),
        )
        for row in summary.steps(span)
    ]
    return table(("step (in brackets: in force)", *outcomes, "most frequent reasons"), rows)


def _loads(summary: Summary, span: Span, capacity: int) -> list[str]:
    rows = []
    for side, name in ((Side.DRAFT, "with this plan"), (Side.NOW, "as in force")):
        load = summary.load(side, span, capacity)
        tasks = (summary.tasks(side, span), summary.all_tasks(side, span))
        rows.append(
            (name, *(f"{number:,}" for number in (*tasks, load.usual, load.p95, load.most, load.over)))
        )
    head = ("tasks", "of this plan", "of all plans", "usual day", "p95", "fullest", f"days over {capacity}")
    return table(head, rows)


def _touched(summary: Summary, span: Span) -> list[str]:
    rows = [
        (
            f"more than {MORE_THAN[days]} times in {days} days",
            f"{summary.touched(Side.DRAFT, span, days, MORE_THAN[days]):,}",
            f"{summary.touched(Side.NOW, span, days, MORE_THAN[days]):,}",
        )
        for days in TOUCHED_WITHIN
    ]
    return table(("members written to", "with this plan", "as in force"), rows)


def _busiest(session: Session, summary: Summary, span: Span) -> list[str]:
    rows = summary.busiest(span)[:SHOWN]
    query = select(Associate.id, Associate.name).where(Associate.id.in_(sorted({row[0] for row in rows})))
    names = dict(session.execute(query).all())
    return table(
        ("fullest days", "day", "tasks"),
        [(names.get(who, str(who)), on, f"{number:,}") for who, on, number in rows],
    )


def _stores(session: Session, summary: Summary, span: Span) -> list[str]:
    stores = stores_by_id(session)
    rows = [
        (stores[row.store_id].code, f"{row.tasks:,}", row.busiest_on, f"{row.busiest:,}")
        for row in summary.stores(span)[:SHOWN]
    ]
    return table(("store", "tasks of this plan", "fullest day", "tasks then"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; numbers stand to the right."""
    found = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*found, strict=True)]
    return ["  ".join(_padded(*cell) for cell in zip(row, widths, strict=True)).rstrip() for row in found]


def _padded(text: str, width: int) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if text[:1].isdigit() and text[-1:] in "0123456789)" else text + blanks


def _width(text: str) -> int:
    """Chinese letters are two columns wide."""
    return sum(2 if letter > "\u2e80" else 1 for letter in text)


def main() -> int:
    """Entry of scripts/dry_run."""
    arguments = _parser().parse_args()
    path: Path = arguments.file
    stores = arguments.stores.split(",") if arguments.stores else None
    try:
        settings = Settings.from_env()
        database = Database(settings.database_url)
        text = path.read_text(encoding="utf-8")
        with database.reading() as session:
            checked = check_text(session, text)
        for mistake in checked.mistakes:
            sys.stderr.write(f"{path}:{mistake.line or 1}: {mistake_in_words(mistake)}\n")
        if checked.mistakes or checked.document is None:
            return 2
        keys = Keyring(settings.secret_keys, PURPOSE)
        chosen, summary = try_plan(
            database, keys, checked.document, arguments.days, stores, arguments.members
        )
        with database.reading() as session:
            sys.stdout.write(report(session, checked.document, chosen, summary, arguments.days))
    except (OSError, UnicodeDecodeError, SettingsError, Invalid) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/dry_run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE.toml")
    parser.add_argument("--days", type=int, choices=range(1, 181), default=90, metavar="DAYS")
    parser.add_argument("--stores", metavar="S1,S2", help="as a canary in these stores")
    parser.add_argument(
        "--members", type=int, default=MOST_MEMBERS, metavar="MOST", help="try at most so many"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
