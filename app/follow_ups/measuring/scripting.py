"""How scripts did, counted by night: what the learning plans choose by.

A night counts one more day of tasks, that whose purchases can no longer be credited to anybody else: due the credit
window and `SETTLED_DAYS` ago. Counting a day again writes the same, and the snapshot by which scripts are chosen stands
from one night to the next.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import insert_rows, table_of
from app.follow_ups.measuring.days import day_of, midnight
from app.follow_ups.measuring.models import Attribution, ScriptDay, ScriptResult
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.releases import in_force
from app.follow_ups.plans.versions import Version, versions
from app.follow_ups.states import Evidence
from app.nightly import Piece
from app.worklist.models import WorkItem

# A task done later than so many days after it was due is not counted, whichever script it had.
SETTLED_DAYS = 7
# Chances change with the season: results older than this say little of today's.
SPAN_DAYS = 180
MOST_DAYS_BEHIND = 400
A_DAY = timedelta(days=1)


def count_scripts(session: Session, cursor: str) -> Piece:
    """One more day, in each plan that learns; the cursor has each plan's last one. A piece of a nightly job."""
    today = day_of(clock.now(session))
    counted = {int(plan_id): date.fromisoformat(on) for plan_id, on in json.loads(cursor or "{}").items()}
    days = _next_days(_learning(session), counted, today)
    if not days:
        return Piece(partial(_snapshot, today=today), cursor, is_last=True)
    rows = [row for plan_id, on in days.items() for row in _counted(session, plan_id, on)]
    stands = {str(plan_id): on.isoformat() for plan_id, on in sorted((counted | days).items())}
    return Piece(partial(_write, days=days, rows=rows), json.dumps(stands), is_last=False)


def _next_days(learning: Mapping[int, int], counted: Mapping[int, date], today: date) -> dict[int, date]:
    """By plan the day after the last one counted, where its purchases are settled; for a new plan the last such day.

    Each day is counted once, whatever becomes of the credit window meanwhile.
    """
    earliest = today - timedelta(days=MOST_DAYS_BEHIND)
    days = {}
    for plan_id, credit_days in learning.items():
        settled = today - timedelta(days=credit_days + SETTLED_DAYS + 1)
        following = max(counted[plan_id] + A_DAY, earliest) if plan_id in counted else settled
        if following <= settled:
            days[plan_id] = following
    return days


def _learning(session: Session) -> Mapping[int, int]:
    """The plans that choose scripts by result, with the longest of their credit windows."""
    found: dict[int, int] = {}
    known: Iterable[Version] = versions(session, in_force(session).version_ids()).values()
    for version in known:
        if version.document.learns:
            found[version.plan_id] = max(found.get(version.plan_id, 0), version.credit.days)
    return dict(sorted(found.items()))


def _counted(session: Session, plan_id: int, on: date) -> list[dict[str, Any]]:
    """The plan's tasks due on that day of the chain's, by step and script. One that came back whole is no success."""
    start, end = midnight(on), midnight(on + A_DAY)
    kept = (
        select(func.sum(Attribution.amount_fen))
        .where(Attribution.task_id == FollowUpTask.id)
        .correlate(FollowUpTask)
        .scalar_subquery()
    )
    query = (
        select(
            Enrollment.plan_version_id,
            FollowUpTask.step_no,
            FollowUpTask.script_code,
            func.count(),
            func.sum(case((kept > 0, 1), else_=0)),
        )
        .select_from(WorkItem)
        .join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        .join(Enrollment, Enrollment.id == FollowUpTask.enrollment_id)
        .where(
            WorkItem.due_at >= start,
            WorkItem.due_at < end,
            WorkItem.done_at < midnight(on + (SETTLED_DAYS + 1) * A_DAY),
            Enrollment.plan_id == plan_id,
            FollowUpTask.script_code != "",
            FollowUpTask.evidence != Evidence.PURCHASE,  # nor where there is none
        )
        .group_by(Enrollment.plan_version_id, FollowUpTask.step_no, FollowUpTask.script_code)
    )
    rows = session.execute(query).all()
    known = versions(session, {row[0] for row in rows})
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for version_id, step_no, script_code, sent, succeeded in rows:
        total = sums[known[version_id].step(step_no).kind, script_code]
        total[0] += int(sent)
        total[1] += int(succeeded)
    return [
        {
            "plan_id": plan_id,
            "due_on": on,
            "step_kind": kind,
            "script_code": code,
            "sent": sent,
            "succeeded": succeeded,
        }
        for (kind, code), (sent, succeeded) in sorted(sums.items())
    ]


def _write(session: Session, days: Mapping[int, date], rows: Sequence[Mapping[str, Any]]) -> None:
    table = table_of(ScriptDay)
    for plan_id, on in days.items():
        session.execute(delete(table).where(table.c.plan_id == plan_id, table.c.due_on == on))
    insert_rows(session, ScriptDay, rows)


def _snapshot(session: Session, today: date) -> None:
    """What the last half year adds up to, for every plan at once."""
    day, now = table_of(ScriptDay), clock.now(session)
    query = select(
        day.c.plan_id, day.c.step_kind, day.c.script_code, func.sum(day.c.sent), func.sum(day.c.succeeded)
    ).where(day.c.due_on > today - timedelta(days=SPAN_DAYS))
    rows = session.execute(query.group_by(day.c.plan_id, day.c.step_kind, day.c.script_code)).all()
    session.execute(delete(table_of(ScriptResult)))
    insert_rows(
        session,
        ScriptResult,
        [
            {
                "plan_id": plan_id,
                "step_kind": kind,
                "script_code": code,
                "sent": int(sent),
                "succeeded": int(succeeded),
                "counted_at": now,
            }
            for plan_id, kind, code, sent, succeeded in rows
        ],
    )
