"""Reading work items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import any_of, table_of
from app.messaging.digests import OpenItem
from app.worklist.models import WorkItem, WorkState

ITEMS = table_of(WorkItem)
OPEN = select(ITEMS.c.id, func.coalesce(ITEMS.c.member_id, -ITEMS.c.id), ITEMS.c.assignee_id).where(
    any_of(ITEMS.c.id, "ids"),
    ITEMS.c.state == WorkState.OPEN,
    or_(ITEMS.c.postponed_until.is_(None), ITEMS.c.postponed_until <= bindparam("now")),
)


def open_items(session: Session, work_item_ids: Sequence[int]) -> dict[int, OpenItem]:
    """Those of the work items that are to be done now; `whom` is the member's id, else one of the item's own."""
    found = session.connection().execute(OPEN, {"ids": work_item_ids, "now": clock.now(session)})
    return {item_id: OpenItem(whom, assignee_id) for item_id, whom, assignee_id in found}


def is_at_hand(now: datetime) -> ColumnElement[bool]:
    """Of an open work item: it is not put off."""
    return or_(WorkItem.postponed_until.is_(None), WorkItem.postponed_until <= now)
