"""What a member was lately written to about, or is to be: every task counts, whichever plan or assignment it is of.

A task that was closed while its message was on its way was sent all the same, so `done_at` counts and not its state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import is_among, read_rows, table_of
from app.worklist.attention import Budget, Touch
from app.worklist.models import Elsewhere, SeenTouch, WorkItem, WorkKind, WorkState

# Kinds of work that end in a member being written to, called or spoken to.
TOUCHING = (WorkKind.FOLLOW_UP,)
# At least the whole local day, however long a clock change makes it.
A_LOCAL_DAY = timedelta(hours=26)


def recent_touches(
    session: Session, member_ids: Collection[int], budget: Budget, now: datetime
) -> dict[int, list[Touch]]:
    """By member, what is open, and what was sent so lately that it counts towards the cap or on this local day."""
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
        table.c.valid_until,
        table.c.done_at,
        func.coalesce(table.c.postponed_until, table.c.asked_at),
        table.c.elsewhere,
        table.c.claimed_until,
    ).where(
        is_among(table.c.member_id, member_ids),
        table.c.kind.in_(TOUCHING),
        or_(table.c.state == WorkState.OPEN, table.c.done_at > min(budget.window(now), now - A_LOCAL_DAY)),
    )
    offset = clock.moment(session).offset
    for member_id, item_id, is_service, priority, opened_at, state, *rest in read_rows(session, query):
        valid_until, done_at, asked_at, elsewhere, claimed_until = rest
        touch = Touch(
            item_id,
            is_service,
            priority,
            opened_at,
            state == WorkState.OPEN,
            valid_until,
            done_at,
            asked_at,
            elsewhere != Elsewhere.TOGETHER,
            claimed_until + offset if claimed_until else None,
        )
        touches[member_id].append(touch)
    for member_id, source_id, seen_at in _seen(session, member_ids, budget.window(now)):
        seen = Touch(source_id, False, 0, seen_at, False, seen_at, seen_at)
        touches[member_id].append(seen)
    return touches


def _seen(session: Session, member_ids: Collection[int], since: datetime) -> Sequence[Any]:
    """What reached members though no task of theirs asked for it."""
    table = table_of(SeenTouch)
    query = select(table.c.member_id, table.c.source_id, table.c.seen_at)
    return session.execute(
        query.where(is_among(table.c.member_id, member_ids), table.c.seen_at > since)
    ).all()
