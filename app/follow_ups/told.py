"""What members said, and what they came in for, as it was noted: to whom, when, in which words."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.series.entering import event_name
from app.member_events.models import MemberEvent, MemberEventKind

# Of these somebody wrote down more than that they happened.
TOLD = (MemberEventKind.SATISFACTION, MemberEventKind.VISIT, MemberEventKind.REVIEW)


@dataclass(frozen=True, slots=True)
class Told:
    """One of them; `by_name` is who noted it, "" where nobody is named. `data` is that of its kind."""

    kind: MemberEventKind
    data: Mapping[str, Any]
    on: date
    at: datetime
    time_known: bool
    by_name: str

    @property
    def score(self) -> int | None:
        """Of 5; None where none was given."""
        found: int | None = self.data.get("score", self.data.get("stars"))
        return found


def recent_told(session: Session, member_id: int, most: int) -> list[Told]:
    """The latest of what a member said or came in for, newest first."""
    query = _events([member_id]).order_by(MemberEvent.happened_at.desc(), MemberEvent.id.desc()).limit(most)
    return [_told(row) for row in session.execute(query)]


def told_by_task(session: Session, task_ids: Collection[int]) -> dict[int, Told]:
    """By task what its series began by, where that is something a member said or came in for; two queries at most."""
    began = _what_began(session, task_ids)
    if not began:
        return {}
    found = {
        (row.member_id, event_name("event", row.kind, row.event_key)): row
        for row in session.execute(_events({member_id for member_id, _ in began.values()}))
    }
    return {task_id: _told(found[series]) for task_id, series in began.items() if series in found}


def _what_began(session: Session, task_ids: Collection[int]) -> dict[int, tuple[int, str]]:
    if not task_ids:
        return {}
    query = (
        select(FollowUpTask.id, Enrollment.member_id, Enrollment.anchor_event)
        .join(Enrollment, Enrollment.id == FollowUpTask.enrollment_id)
        .where(FollowUpTask.id.in_(sorted(task_ids)))
    )
    heads = tuple(f"event:{kind}:" for kind in TOLD)
    return {
        row.id: (row.member_id, row.anchor_event)
        for row in session.execute(query)
        if row.anchor_event.startswith(heads)
    }


def _events(member_ids: Collection[int]) -> Any:
    return (
        select(
            MemberEvent.member_id,
            MemberEvent.kind,
            MemberEvent.event_key,
            MemberEvent.data,
            MemberEvent.happened_on,
            MemberEvent.happened_at,
            MemberEvent.time_known,
            Associate.name,
        )
        .outerjoin(Associate, Associate.id == MemberEvent.associate_id)
        .where(MemberEvent.member_id.in_(sorted(member_ids)), MemberEvent.kind.in_(TOLD))
    )


def _told(row: Row[Any]) -> Told:
    return Told(
        MemberEventKind(row.kind),
        json.loads(row.data),
        row.happened_on,
        row.happened_at,
        row.time_known,
        row.name or "",
    )
