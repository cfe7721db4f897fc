"""More than fits on a page: many members of one associate, each with one task and what became of a step."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import clock
from app.associates.models import Shift
from app.db import Database, insert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, PlanVersion, StepRecord
from app.follow_ups.states import Channel, StepOutcome, StepReason
from app.ids import new_ids
from app.members.models import Member, MemberCare
from app.worklist.models import Overflow, OverflowKind, WorkItem, WorkKind, WorkState
from app.worklist.service import postpone_items
from tests.faces.chain import Chain

SHANGHAI = ZoneInfo("Asia/Shanghai")


def add_tasks(
    database: Database, chain: Chain, count: int, *, person: str = "lina", state: WorkState = WorkState.OPEN
) -> None:
    """So many tasks due an hour ago; every third is more important than the others. No timers: nothing expires."""
    rows: dict[type[Any], list[dict[str, Any]]] = {
        kind: [] for kind in (Member, MemberCare, Enrollment, WorkItem, FollowUpTask, StepRecord)
    }
    with database.transaction() as session:
        now, version = clock.now(session), session.scalars(select(PlanVersion)).one()
        due, whose = now - timedelta(hours=1), chain.people[person]
        ids = iter(new_ids(session, 4 * count))
        for number in range(count):
            member, enrollment, item, task = (next(ids) for _ in range(4))
            of_member = {"member_id": member, "store_id": chain.stores["S1"]}
            rows[Member].append(
                {
                    "id": member,
                    "name": f"会员{number:03}",
                    "store_id": chain.stores["S1"],
                    "owner_id": whose,
                    "joined_at": due,
                }
            )
            rows[MemberCare].append({"member_id": member})
            rows[Enrollment].append(
                {
                    **of_member,
                    "id": enrollment,
                    "plan_id": version.plan_id,
                    "plan_version_id": version.id,
                    "anchor_event": "purchase:crowd",
                    "anchor_at": due,
                    "anchor_on": due.date(),
                    "time_known": True,
                    "state": "finished",
                    "ended_reason": "",
                    "enrolled_at": due,
                }
            )
            rows[WorkItem].append(
                {
                    **of_member,
                    "id": item,
                    "assignee_id": whose,
                    "kind": WorkKind.FOLLOW_UP,
                    "state": state,
                    "priority": 90 if number % 3 == 0 else 10,
                    "rank": 90 if number % 3 == 0 else 10,
                    "title": "购后致谢",
                    "due_at": due,
                    "valid_until": now + timedelta(hours=20),
                    "opened_at": due,
                    "closed_at": None if state is WorkState.OPEN else now,
                    "close_reason": "",
                }
            )
            rows[FollowUpTask].append(
                {
                    "id": task,
                    "work_item_id": item,
                    "enrollment_id": enrollment,
                    "step_no": 1,
                    "channel": Channel.INVITE,
                    "why": "谢谢",
                    "text": "您好",
                }
            )
            rows[StepRecord].append(
                {
                    "enrollment_id": enrollment,
                    "step_no": 1,
                    "outcome": StepOutcome.OPENED,
                    "reason": StepReason.DUE,
                    "due_at": due,
                    "recorded_at": due,
                    "task_id": task,
                }
            )
        for kind, values in rows.items():
            insert_rows(session, kind, values)


def overfill(database: Database, chain: Chain) -> list[str]:
    """Lina's day had no room for four tasks, and one of them waits; the days she is off, as the page says them."""
    with database.transaction() as session:
        now, lina, hejia = clock.now(session), chain.people["lina"], chain.people["hejia"]
        mine = (WorkItem.assignee_id == lina) & (WorkItem.state == WorkState.OPEN)
        items = session.scalars(select(WorkItem).where(mine).order_by(WorkItem.id)).all()
        items = [*items, *session.scalars(select(WorkItem).where(~mine).order_by(WorkItem.id))]
        until = now + timedelta(hours=20)
        for kind, item in zip(OverflowKind, items, strict=False):
            session.add(
                Overflow(
                    work_item_id=item.id,
                    decided_at=now - timedelta(minutes=5),
                    kind=kind,
                    store_id=chain.stores["S1"],
                    associate_id=lina,
                    rank=item.rank,
                    to_id=hejia if kind in (OverflowKind.MOVED, OverflowKind.CALLED) else None,
                    until=until if kind is OverflowKind.POSTPONED else None,
                )
            )
            if kind is OverflowKind.POSTPONED:
                postpone_items(session, {item.id: until})
        today = now.astimezone(SHANGHAI).date()
        session.add(Shift(associate_id=lina, work_on=today, starts_at=time(9, 30), ends_at=time(18)))
        off = [today + timedelta(days=number) for number in (2, 3)]
        session.add_all(Shift(associate_id=lina, work_on=day, starts_at=None, ends_at=None) for day in off)
    return [f"{day.month}月{day.day}日" for day in off]
