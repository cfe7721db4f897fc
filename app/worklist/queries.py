"""Reading work items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.messaging.digests import OpenItem
from app.worklist.models import WorkItem, WorkState


def open_items(session: Session, work_item_ids: Sequence[int]) -> dict[int, OpenItem]:
    """Those of the work items that are to be done now; `whom` is the member's id, else one of the item's own."""
    whom = func.coalesce(WorkItem.member_id, -WorkItem.id)
    query = select(WorkItem.id, whom, WorkItem.assignee_id).where(
        WorkItem.id.in_(work_item_ids),
        WorkItem.state == WorkState.OPEN,
        is_at_hand(clock.now(session)),
    )
    return {row[0]: OpenItem(row[1], row[2]) for row in session.execute(query)}


def is_at_hand(now: datetime) -> ColumnElement[bool]:
    """Of an open work item: it is not put off."""
    return or_(WorkItem.postponed_until.is_(None), WorkItem.postponed_until <= now)
