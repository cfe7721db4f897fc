"""Repairs that somebody asked for: each is an event of our own in the inbox, applied by its lane like any other.

So it is done once whoever dies meanwhile, what fails lies in the quarantine with its reason and can be tried again, and
the inbox keeps who asked for what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.follow_ups.bookkeeping.plans import look_for_nobody
from app.follow_ups.bookkeeping.waiting import START, WAITING, Place, set_lost_timers
from app.follow_ups.plans.sweeps import settle_sweeps
from app.follow_ups.reconciling.mending import mend
from app.follow_ups.reconciling.models import ReconciliationGap
from app.inbound.models import INTERNAL
from app.inbound.service import receive
from app.sealing import Keyring
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort

GAP, TIMERS = "repair_gap", "repair_timers"
# As many rows as are set anew in one transaction: their members are nobody else's meanwhile.
AT_ONCE = 300
log = structlog.get_logger(__name__)

Look = Callable[[WeComPort, WeComEvent], None]
Apply = Callable[[Session, WeComEvent, Any], None]


def ask_to_mend(session: Session, gap_id: int, by: int | None) -> None:
    """Have a gap mended by the inbox lane. Raises `NotFound`."""
    gap = session.get(ReconciliationGap, gap_id)
    if gap is None:
        raise NotFound("unknown_id", place="gap")
    _tell(session, GAP, by, Gap=str(gap_id))


def ask_for_timers(session: Session, by: int | None) -> None:
    """Have whatever lost its timer wound up again by the inbox lane, and calendars look that look for nobody."""
    _tell(session, TIMERS, by)


def repairs(keys: Keyring) -> Mapping[str, tuple[Look, Apply]]:
    """What the inbox lane does with these events, by their names: nothing is to be looked at outside."""

    def mend_gap(session: Session, event: WeComEvent, _looked: Any) -> None:
        mend(session, int(event.text("Gap")), _by(event), keys)

    return {GAP: (_look, mend_gap), TIMERS: (_look, _wind_up)}


def _tell(session: Session, name: str, by: int | None, **fields: str) -> None:
    now = clock.real_now(session)
    told = {"MsgType": "event", "Event": name, "CreateTime": str(int(now.timestamp())), **fields}
    told |= {"By": str(by or ""), "At": now.isoformat()}  # asked for twice within a second is asked for twice
    receive(session, WeComEvent.of(told), now, INTERNAL)


def _by(event: WeComEvent) -> int | None:
    return int(event.text("By") or 0) or None


def _look(_wecom: WeComPort, _event: WeComEvent) -> None:
    """Nothing of it is WeCom's to tell."""


def _wind_up(session: Session, event: WeComEvent, _looked: Any) -> None:
    """Some rows of one kind; the event it tells goes on behind them, and the last one looks at the calendars."""
    place = Place(int(event.text("Kind")), int(event.text("After"))) if event.text("Kind") else START
    timers, further = set_lost_timers(session, AT_ONCE, place)
    if further is not None:
        _tell(session, TIMERS, _by(event), Kind=str(further.kind), After=str(further.after))
        log.info("timers_set_again", by=_by(event), timers=timers, kind=WAITING[further.kind].name)
        return
    plans, now = look_for_nobody(session), clock.now(session)
    for plan_id, version_ids in plans.items():
        settle_sweeps(session, plan_id, version_ids, now)
    log.info("calendars_look_again", by=_by(event), plans=len(plans))
