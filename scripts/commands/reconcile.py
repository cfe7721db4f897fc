"""Account for every step owed to every member, recomputed from what was reported of them, and check the books.

Usage: scripts/reconcile [--list N] [--by plan|store|day] [--database URL]

Exit code 1 where a step is missing, a limit was broken or a check fails, 2 where the database cannot be read. --list
shows so many examples of each (default 20); --by also tells the balance by plan, store or the day on which steps fell
due; --database reads another database than DATABASE_URL, e.g. the one scripts/replay wrote: members' birthdays stay
sealed then, and what they began is taken on trust.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.db import Database
from app.follow_ups.models import FollowUpPlan
from app.follow_ups.reconciliation import Report, reconcile
from app.follow_ups.reconciling.report import Became
from app.members.dates import PURPOSE
from app.sealing import Keyring
from app.stores.models import Store
from config.settings import Settings, SettingsError
from scripts.commands.complaints import database_failed

PLAN, STORE, DAY = "plan", "store", "day"
OWED = tuple(became for became in Became if became is not Became.TO_COME)
NAMES = {PLAN: select(FollowUpPlan.id, FollowUpPlan.name), STORE: select(Store.id, Store.name)}


def describe(report: Report, most: int) -> str:
    """The report in words and numbers."""
    totals: Counter[str] = Counter()
    steps: dict[int, Counter[str]] = {}
    for (step_no, label), count in report.settled.items():
        totals[label] += count
        steps.setdefault(step_no, Counter())[label] += count
    lines = [f"owed {report.owed} = accounted for {report.settled.total()} + missing {len(report.missing)}"]
    lines += [f"  {count:>8}  {label}" for label, count in totals.most_common()]
    for step_no in sorted(steps):
        parts = ", ".join(f"{label} {count}" for label, count in steps[step_no].most_common())
        lines.append(f"step {step_no}: {parts}")
    lines.append(f"taken on trust: {report.unverifiable}")
    lines += [f"  {count:>8}  {doubt}" for doubt, count in report.doubts().most_common()]
    for title, found in (
        ("missing", report.missing),
        ("limits broken", report.alarms),
        ("unexplained", report.unexplained),
        ("settled otherwise than the plan says", report.differs),
    ):
        lines.append(f"{title}: {len(found)}")
        lines += [f"  member {one.member_id} {one.on} step {one.step_no}: {one.what}" for one in found[:most]]
    lines.append(f"quarantined events: {report.quarantined_events}")
    lines.append("books:")
    for finding in report.books:
        lines.append(f"  {finding.says}: {finding.count}")
        lines += [f"    {example}" for example in finding.examples[:most]]
    lines.append("balanced" if report.balances else "NOT BALANCED")
    return "\n".join(lines)


def describe_by(report: Report, by: str, names: Mapping[int, str]) -> str:
    """The balance of each plan, store or day, one line each."""
    parts: dict[Any, Counter[str]] = {}
    for cell, count in report.cells.items():
        key = cell.due_on if by == DAY else names.get(getattr(cell, f"{by}_id"), "?")
        parts.setdefault(key, Counter())[cell.became] += count
    return "\n".join(
        f"{by} {key}: owed {parts[key].total() - parts[key][Became.TO_COME]} = "
        + " + ".join(f"{became} {parts[key][became]}" for became in OWED if parts[key][became])
        for key in sorted(parts)
    )


def main() -> int:
    """Entry of scripts/reconcile."""
    arguments = _parser().parse_args()
    try:
        settings = None if arguments.database else Settings.from_env()
        keys = Keyring(settings.secret_keys, PURPOSE) if settings else None
        database = Database(settings.database_url if settings else arguments.database)
        with database.reading() as session:
            report = reconcile(session, keys=keys)
            names = dict(session.execute(NAMES[arguments.by]).all()) if arguments.by in NAMES else {}
    except (SettingsError, ArgumentError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        return database_failed(error, 2)
    print(describe(report, arguments.most))
    if arguments.by:
        print(describe_by(report, arguments.by, names))
    return 0 if report.balances else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/reconcile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", type=int, default=20, dest="most", metavar="N", help="how many examples")
    parser.add_argument("--by", choices=(PLAN, STORE, DAY), default="", help="also tell the balance by this")
    parser.add_argument("--database", default="", metavar="URL", help="default: DATABASE_URL")
    return parser


if __name__ == "__main__":
    sys.exit(main())
