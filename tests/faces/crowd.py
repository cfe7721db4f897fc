"""More than fits on a page: many members of one associate, each with one task and what became of a step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app import clock
from app.db import Database, insert_rows
from app.follow_ups.models import Enrollment, FollowUpTask, PlanVersion, StepRecord
from app.follow_ups.states import Channel, StepOutcome, StepReason
from app.ids import new_ids
from app.members.models import Member, MemberCare
from app.worklist.models import WorkItem, WorkKind, WorkState
from tests.faces.chain import Chain


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
