"""What a member was lately written to about, or is to be: every task counts, whichever plan or assignment it is of.

A task that was closed while its message was on its way was sent all the same, so `done_at` counts and not its state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import any_of, read_rows, table_of
from app.worklist.attention import Budget, Touch
from app.worklist.models import Elsewhere, SeenTouch, WorkItem, WorkKind, WorkState

# Kinds of work that end in a member being written to, called or spoken to.
TOUCHING = (WorkKind.FOLLOW_UP,)
# At least the whole local day, however long a clock change makes it.
A_LOCAL_DAY = timedelta(hours=26)
ITEMS, SEEN = table_of(WorkItem), table_of(SeenTouch)
TOUCHES = select(
    ITEMS.c.member_id,
    ITEMS.c.id,
    ITEMS.c.is_service,
    ITEMS.c.priority,
    ITEMS.c.opened_at,
    ITEMS.c.state,
    ITEMS.c.valid_until,
    ITEMS.c.done_at,
    func.coalesce(ITEMS.c.postponed_until, ITEMS.c.asked_at),
    ITEMS.c.elsewhere,
    ITEMS.c.claimed_until,
).where(
    any_of(ITEMS.c.member_id, "members"),
    ITEMS.c.kind.in_(TOUCHING),
    or_(ITEMS.c.state == WorkState.OPEN, ITEMS.c.done_at > bindparam("since")),
)
SEEN_BY = select(SEEN.c.member_id, SEEN.c.source_id, SEEN.c.seen_at).where(
    any_of(SEEN.c.member_id, "members"), SEEN.c.seen_at > bindparam("since")
)


def recent_touches(
    session: Session, member_ids: Collection[int], budget: Budget, now: datetime
) -> dict[int, list[Touch]]:
    """By member, what is open, and what was sent so lately that it counts towards the cap or on this local day."""
    touches: dict[int, list[Touch]] = defaultdict(list)
    if not member_ids:
        return touches
    asked = {"members": member_ids, "since": min(budget.window(now), now - A_LOCAL_DAY)}
    offset = clock.moment(session).offset
    for member_id, item_id, is_service, priority, opened_at, state, *rest in read_rows(
        session, TOUCHES, asked
    ):
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
    asked = {"members": member_ids, "since": since}
    return session.connection().execute(SEEN_BY, asked).all()
