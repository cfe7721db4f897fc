"""A member wants no follow-ups (勿扰), whoever tells it. Callers hold the members' `member_care` rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import is_among, table_of
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.series.stopping import UNDER_WAY, stop_series
from app.follow_ups.states import StepReason
from app.members.models import MemberCare
from app.worklist.models import WorkItem, WorkState
from app.worklist.service import close_items


def opt_out_members(session: Session, member_ids: Collection[int], now: datetime) -> None:
    """From now on; their series end and their tasks are closed as `opted_out`. Who opted out before stays so."""
    if not member_ids:
        return
    care, series = table_of(MemberCare), table_of(Enrollment)
    is_theirs = is_among(care.c.member_id, set(member_ids)) & care.c.opted_out_at.is_(None)
    fresh = set(session.scalars(select(care.c.member_id).where(is_theirs)))
    if not fresh:
        return
    chosen = update(care).where(is_among(care.c.member_id, fresh))
    session.connection().execute(chosen.values(opted_out_at=now))
    rows = select(series).where(is_among(series.c.member_id, fresh), series.c.state.in_(UNDER_WAY))
    stop_series(session, session.execute(rows).all(), StepReason.OPTED_OUT, now)
    open_ = (
        select(WorkItem.id)
        .join(FollowUpTask, FollowUpTask.work_item_id == WorkItem.id)
        .where(WorkItem.member_id.in_(sorted(fresh)), WorkItem.state == WorkState.OPEN)
    )
    close_items(session, list(session.scalars(open_)), WorkState.CANCELLED, StepReason.OPTED_OUT, now)
