"""Account for every step owed to every member, recomputed from the purchases themselves.

Usage: scripts/reconcile [--list N]      exit code 1 where a step is missing; --list shows so many (default 20)
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from app.db import Database
from app.follow_ups.reconciliation import Report, reconcile
from config.settings import Settings


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
    lines.append("balanced" if report.balances else "NOT BALANCED")
    return "\n".join(lines)


def main() -> None:
    """Entry of scripts/reconcile."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", type=int, default=20, dest="most", help="how many discrepancies to list")
    arguments = parser.parse_args()
    database = Database(Settings.from_env().database_url)
    with database.reading() as session:
        report = reconcile(session)
    sys.stdout.write(describe(report, arguments.most) + "\n")
    sys.exit(0 if report.balances else 1)


if __name__ == "__main__":
    main()
