"""Reading work items."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.worklist.models import WorkItem, WorkState


def open_items(session: Session, work_item_ids: Sequence[int]) -> dict[int, int]:
    """Work item id → member id of those that are still open."""
    query = select(WorkItem.id, WorkItem.member_id).where(
        WorkItem.id.in_(work_item_ids), WorkItem.state == WorkState.OPEN
    )
    return dict(session.execute(query).all())
