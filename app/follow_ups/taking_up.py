"""Work that was set aside is taken up again, by the inbox lane, once somebody says that its cause is gone.

What fails again stays set aside, and its try lies in the quarantine beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.aside import WorkAside, take_up
from app.errors import NotFound
from app.follow_ups.series.sweeping import hold_sweep, sweep_again
from app.inbound.models import INTERNAL
from app.inbound.service import receive
from app.members.service import lock_members
from app.nightly import NightlyJob
from app.sealing import Keyring
from app.timers import Lane
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort
from app.worklist.loads import schedule_balance
from app.worklist.models import WorkItem
from app.worklist.urging import urge_again

TAKE_UP = "take_up_work"

Look = Callable[[WeComPort, WeComEvent], None]
Apply = Callable[[Session, WeComEvent, Any], None]


def ask_to_take_up(session: Session, aside_id: int, by: int | None) -> None:
    """Have it tried again by the inbox lane. Raises `NotFound` for what is not set aside."""
    if session.get(WorkAside, aside_id) is None:
        raise NotFound("unknown_id", place="work")
    now = clock.real_now(session)
    told = {"MsgType": "event", "Event": TAKE_UP, "CreateTime": str(int(now.timestamp()))}
    told |= {"Work": str(aside_id), "By": str(by or ""), "At": now.isoformat()}
    receive(session, WeComEvent.of(told), now, INTERNAL)


def troubled_jobs(session: Session) -> dict[str, str]:
    """What is counted once a night and was given up the last time, with the reason; it is tried every night."""
    query = select(NightlyJob.name, NightlyJob.trouble).where(NightlyJob.trouble != "")
    return dict(session.execute(query.order_by(NightlyJob.name)).all())


def taking_up(keys: Keyring) -> tuple[Look, Apply]:
    """What the inbox lane does with what `ask_to_take_up` told."""

    def apply(session: Session, event: WeComEvent, _looked: Any) -> None:
        known = session.get(WorkAside, int(event.text("Work")))
        if known is None:
            return
        member_id = known.member_id
        if known.lane == Lane.URGE:
            member_id = session.scalar(select(WorkItem.member_id).where(WorkItem.id == known.subject_id))
        if known.lane == Lane.SWEEP:  # as its lane does: the day, then members
            hold_sweep(session, known.subject_id)
        lock_members(session, [member_id] if member_id is not None else [])
        row = take_up(session, known.id)
        if row is not None:
            _begin_again(session, row, keys)

    return _look, apply


def _look(_wecom: WeComPort, _event: WeComEvent) -> None:
    """Nothing of it is WeCom's to tell."""


def _begin_again(session: Session, row: WorkAside, keys: Keyring) -> None:
    if row.lane == Lane.URGE:
        urge_again(session, row.subject_id)
    elif row.lane == Lane.BALANCE:
        schedule_balance(session, {row.subject_id: clock.now(session)})
    elif row.lane == Lane.SWEEP:
        sweep_again(session, row.subject_id, row.member_id, keys)
