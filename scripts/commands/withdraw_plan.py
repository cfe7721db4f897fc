"""Withdraw a follow-up plan: nobody enters it any more, and no calendar is looked through for it.

Usage: scripts/withdraw_plan CODE [--end-series]

Members already in the plan go on to its end; with --end-series theirs end now: steps to come and open tasks are
cancelled with the reason that headquarters withdrew the plan. Safe to repeat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.follow_ups.models import FollowUpPlan
from app.follow_ups.plans.releases import release
from app.follow_ups.series.stopping import members_under_way, stop_plan
from app.members.service import lock_members
from config.settings import Settings

AT_ONCE = 200


def withdraw(database: Database, code: str, *, ends_series: bool) -> int:
    """Withdraw the plan with this code; returns how many series were ended. Raises LookupError for an unknown plan."""
    with database.transaction() as session:
        plan_id = session.scalar(select(FollowUpPlan.id).where(FollowUpPlan.code == code))
        if plan_id is None:
            raise LookupError(code)
        release(session, plan_id, None)
    return end_series(database, plan_id) if ends_series else 0


def end_series(database: Database, plan_id: int) -> int:
    """End the series of a plan, some members at a time; returns how many."""
    ended, after = 0, 0
    while True:
        with database.reading() as session:
            members = members_under_way(session, plan_id, after=after, limit=AT_ONCE)
        if not members:
            return ended
        ended += database.in_transaction(lambda session: _end(session, plan_id, members))  # noqa: B023 - runs now
        after = members[-1]


def _end(session: Session, plan_id: int, members: Sequence[int]) -> int:
    lock_members(session, members)
    return stop_plan(session, plan_id, members, clock.now(session))


def main() -> None:
    """Entry of scripts/withdraw_plan; exit code 2 for a plan there is not."""
    parser = argparse.ArgumentParser(
        prog="scripts/withdraw_plan",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("code", metavar="CODE")
    parser.add_argument("--end-series", action="store_true")
    arguments = parser.parse_args()
    database = Database(Settings.from_env().database_url)
    try:
        ended = withdraw(database, arguments.code, ends_series=arguments.end_series)
    except LookupError:
        sys.stderr.write(f"{arguments.code}: there is no such plan\n")
        sys.exit(2)
    sys.stdout.write(f"{arguments.code}: withdrawn, {ended} series ended\n")


if __name__ == "__main__":
    main()
