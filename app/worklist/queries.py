"""Reading work items."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.worklist.models import WorkItem, WorkState


def open_items(session: Session, work_item_ids: Sequence[int]) -> dict[int, int]:
    """Work item id → whom it is about, of those that are still open: the member's id, else one of its own."""
    query = select(WorkItem.id, func.coalesce(WorkItem.member_id, -WorkItem.id)).where(
        WorkItem.id.in_(work_item_ids), WorkItem.state == WorkState.OPEN
    )
    return dict(session.execute(query).all())
