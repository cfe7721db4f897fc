"""HQ changes the attention budget, and which share of members is kept out of everything; who did it, and when, stands
with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict
from app.ids import new_id
from app.worklist.attention import ROW
from app.worklist.models import AttentionBudget, AttentionPause, HoldOutShare

PAUSES = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What HQ sets; see `AttentionBudget`. Quiet hours that begin when they end are none."""

    quiet_from: time
    quiet_until: time
    cap_days: int
    cap_touches: int
    daily_capacity: int
    urge_after_minutes: int
    escalate_after_minutes: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A time during which everything was paused, by whom and until whom; without an end it goes on."""

    began_at: datetime
    began_by: int | None
    ended_at: datetime | None
    ended_by: int | None


def edit_budget(session: Session, wanted: Wanted, by: int) -> None:
    """It counts for whatever is decided from now on; what was decided already stands."""
    row = session.get_one(AttentionBudget, ROW, with_for_update=True)
    row.quiet_from, row.quiet_until = wanted.quiet_from, wanted.quiet_until
    row.cap_days, row.cap_touches = wanted.cap_days, wanted.cap_touches
    row.daily_capacity = wanted.daily_capacity
    row.urge_after_minutes = wanted.urge_after_minutes
    row.escalate_after_minutes = wanted.escalate_after_minutes
    row.edited_at, row.edited_by = clock.now(session), by
    session.flush()


def set_hold_out(session: Session, per_mille: int, by: int, *, instead_of: int) -> None:
    """Keep this share of all members out of all plans from now on; a greater share only adds members, a smaller frees.

    Nothing that has begun changes: whoever is kept out from now on goes on with what they are in, whoever is let in
    gets nothing more of what they were kept out of. Entering from now on goes by the new share.

    Raises `Conflict` (`changed_meanwhile`) where the share is no longer `instead_of`, which is what the reader agreed
    to change.
    """
    row = session.get_one(AttentionBudget, ROW, with_for_update=True, populate_existing=True)
    if row.hold_out_per_mille != instead_of:
        raise Conflict("changed_meanwhile")
    if per_mille == instead_of:
        return
    now = clock.now(session)
    row.hold_out_per_mille, row.edited_at, row.edited_by = per_mille, now, by
    session.add(HoldOutShare(id=new_id(session), began_at=now, began_by=by, per_mille=per_mille))
    session.flush()
    session.info.pop("budget", None)


def latest_shares(session: Session) -> Sequence[HoldOutShare]:
    """The last changes of the share that is kept out of everything, the newest first."""
    query = select(HoldOutShare).order_by(HoldOutShare.id.desc()).limit(PAUSES)
    return session.scalars(query).all()


def budget_row(session: Session) -> AttentionBudget:
    """The budget with who changed it, for the page that shows it."""
    return session.get_one(AttentionBudget, ROW)


def latest_pauses(session: Session) -> Sequence[Pause]:
    """The last times everything was paused, the newest first."""
    query = select(
        AttentionPause.began_at, AttentionPause.began_by, AttentionPause.ended_at, AttentionPause.ended_by
    )
    rows = session.execute(
        query.order_by(AttentionPause.began_at.desc(), AttentionPause.id.desc()).limit(PAUSES)
    )
    return [Pause(*row) for row in rows]
