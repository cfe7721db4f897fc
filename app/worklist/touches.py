"""What a member was lately written to about, or is to be: every task counts, whichever plan or assignment it is of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import is_among, read_rows, table_of
from app.worklist.attention import Budget, Touch
from app.worklist.models import WorkItem, WorkKind, WorkState

# Kinds of work that end in a member being written to, called or spoken to.
TOUCHING = (WorkKind.FOLLOW_UP,)
# At least the whole local day, however long a clock change makes it.
A_LOCAL_DAY = timedelta(hours=26)


def recent_touches(
    session: Session, member_ids: Collection[int], budget: Budget, now: datetime
) -> dict[int, list[Touch]]:
    """By member, the tasks that count towards the cap now, and those opened on this local day; one query."""
    touches: dict[int, list[Touch]] = defaultdict(list)
    if not member_ids:
        return touches
    table = table_of(WorkItem)
    query = select(
        table.c.member_id,
        table.c.id,
        table.c.is_service,
        table.c.priority,
        table.c.opened_at,
        table.c.state,
    ).where(
        is_among(table.c.member_id, member_ids),
        table.c.state.in_((WorkState.OPEN, WorkState.DONE)),
        table.c.kind.in_(TOUCHING),
        table.c.opened_at > min(budget.window(now), now - A_LOCAL_DAY),
    )
    for member_id, item_id, is_service, priority, opened_at, state in read_rows(session, query):
        touch = Touch(item_id, is_service, priority, opened_at, state == WorkState.OPEN)
        touches[member_id].append(touch)
    return touches
