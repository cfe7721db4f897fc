"""Asking again about what a task served besides that was closed undone (see `firing.merging`)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from app.follow_ups.firing.merging import ask_again
from app.follow_ups.series.stopping import recheck


def ask_served_again(
    session: Session, closed: Collection[int], now: datetime, at: datetime | None = None
) -> None:
    """Work items of these were closed undone: what they served besides is asked about again, now or `at`.

    What has ended in the meantime stays ended. Callers hold the members' `member_care` rows.
    """
    recheck(session, ask_again(session, closed, (), now, at), now)
