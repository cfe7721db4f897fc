"""How the group sends and moments behind tasks stand, for pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.channels.models import OrderState, SendOrder, SendTarget


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task's order stands, and how many members it is for."""

    state: OrderState
    size: int
    reminded_at: datetime | None


def standings(session: Session, task_ids: Collection[int]) -> dict[int, Standing]:
    """By task; those that nothing is ordered for are left out."""
    if not task_ids:
        return {}
    query = select(SendTarget.task_id, SendOrder.state, SendOrder.size, SendOrder.reminded_at).join(
        SendOrder, SendOrder.id == SendTarget.order_id
    )
    rows = session.execute(query.where(SendTarget.task_id.in_(sorted(task_ids))))
    return {row[0]: Standing(OrderState(row[1]), row[2], row[3]) for row in rows}
