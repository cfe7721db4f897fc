"""Account for every step owed to every member, recomputed from the purchases themselves, and check the books.

Usage: scripts/reconcile [--list N] [--database URL]

Exit code 1 where a step is missing or a check fails, 2 where the database cannot be read. --list shows so many examples
of each (default 20); --database reads another database than DATABASE_URL, e.g. the one scripts/replay wrote.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.db import Database
from app.follow_ups.reconciliation import Report, reconcile
from config.settings import Settings, SettingsError


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
    for title, found in (
        ("missing", report.missing),
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


def main() -> int:
    """Entry of scripts/reconcile."""
    arguments = _parser().parse_args()
    try:
        database = Database(arguments.database or Settings.from_env().database_url)
        with database.reading() as session:
            report = reconcile(session)
    except (SettingsError, ArgumentError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SQLAlchemyError as error:
        sys.stderr.write(f"database: {getattr(error, 'orig', None) or error}\n")
        return 2
    print(describe(report, arguments.most))
    return 0 if report.balances else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/reconcile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", type=int, default=20, dest="most", metavar="N", help="how many examples")
    parser.add_argument("--database", default="", metavar="URL", help="default: DATABASE_URL")
    return parser


if __name__ == "__main__":
    sys.exit(main())
