"""A step of the small chain that is due since this morning and not decided yet."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.models import Enrollment
from app.pages.formats import CHAIN_ZONE
from app.timers import Lane, TimerKey, set_timers
from tests.faces.chain import Chain


def let_chen_wait(database: Database, chain: Chain) -> None:
    """His third step, of 30 days after the purchase, falls due today at opening."""
    with database.transaction() as session:
        row = session.scalars(select(Enrollment).where(Enrollment.member_id == chain.members["chen"])).one()
        now = clock.now(session)
        row.anchor_on = now.astimezone(CHAIN_ZONE).date() - timedelta(days=30)
        row.next_due_at = now - timedelta(hours=1)
        session.flush()
        set_timers(session, [(TimerKey(Lane.DAYS, row.next_due_at, row.id), row.member_id)])
