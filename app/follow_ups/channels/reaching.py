"""Whether WeCom can reach a member with a group send or a moment, and whether they may have one more this month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import table_of
from app.follow_ups.channels.models import SendTarget, TargetState
from app.follow_ups.channels.rules import month_of, quota_of

COUNTED = (TargetState.WAITING, TargetState.SENT)


class Quota:
    """What is left to members of this month's group sends; callers hold their `member_care`, so it stays true."""

    def __init__(self, session: Session, member_ids: Collection[int], now: datetime) -> None:
        """Nothing is read where nobody is concerned."""
        month = month_of(now)
        self._most = quota_of(month)
        self._used: Counter[int] = Counter()
        if not member_ids:
            return
        table = table_of(SendTarget)
        query = select(table.c.member_id, func.count()).where(
            table.c.member_id.in_(sorted(member_ids)), table.c.month == month, table.c.state.in_(COUNTED)
        )
        self._used.update(dict(session.connection().execute(query.group_by(table.c.member_id)).all()))

    def take(self, member_id: int) -> bool:
        """Take one; False where none is left."""
        if self._used[member_id] >= self._most:
            return False
        self._used[member_id] += 1
        return True
