"""How much of people's attention may be taken (打扰预算): quiet hours, the cap on marketing, headquarters' pause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import table_of
from app.ids import new_id
from app.stores.rules import StoreHours
from app.timers import Lane
from app.worklist.models import AttentionBudget, AttentionPause

ROW = 1
# While headquarters has paused everything these lanes are not worked: nothing is opened, urged or pushed. What is
# received is still taken in, and what is open still expires.
PAUSED_LANES = frozenset(
    {
        Lane.MINUTES,
        Lane.DAYS,
        Lane.SWEEP,
        Lane.BALANCE,
        Lane.URGE,
        Lane.DIGEST,
        Lane.PUSH,
        Lane.ORDER,
        Lane.SMS,
    }
)
A_DAY = timedelta(days=1)
TABLE = table_of(AttentionBudget)
BUDGET = select(TABLE).where(TABLE.c.id == ROW)  # built once: every transaction asks
PAUSED_AT = select(TABLE.c.paused_at).where(TABLE.c.id == ROW)


@dataclass(frozen=True, slots=True)
class Budget:
    """The attention budget as it is now (see `AttentionBudget`). Pure: instants in, instants out."""

    quiet_from: time
    quiet_until: time
    cap_days: int
    cap_touches: int
    daily_capacity: int
    hold_out_per_mille: int
    urge_after: timedelta
    escalate_after: timedelta
    paused_at: datetime | None

    def askable_from(self, hours: StoreHours, instant: datetime, until: datetime) -> datetime:
        """The first instant from then on at which the store is open and no quiet hours are; `until` if that is later.

        Quiet hours are the store's local time; a time skipped or repeated counts as in `StoreHours.at`.
        """
        return _askable_from(self.quiet_from, self.quiet_until, hours, instant, until)

    def is_quiet(self, hours: StoreHours, instant: datetime) -> bool:
        """True while nobody may be asked to write to anybody, however open the store is."""
        return _loud_from(self.quiet_from, self.quiet_until, hours, instant) != instant

    def window(self, now: datetime) -> datetime:
        """Marketing touches after this instant count now."""
        return now - timedelta(days=self.cap_days)

    def may_touch_from(self, touches: Iterable[Touch], now: datetime) -> datetime | None:
        """From when one more marketing touch keeps within the cap; None where the cap lets none through at all.

        `touches` are the member's so far; promises among them count for nothing. What was sent counts from when it was
        sent, what is open for as long as it may be sent: what is sent later keeps its place.
        """
        if self.cap_touches < 1:
            return None
        ends = sorted(self._counts_until(touch) for touch in touches if not touch.is_service)
        later = [end for end in ends if end > now]
        return now if len(later) < self.cap_touches else later[-self.cap_touches]

    def _counts_until(self, touch: Touch) -> datetime:
        return touch.valid_until if touch.sent_at is None else touch.sent_at + timedelta(days=self.cap_days)


class Touch(NamedTuple):
    """A task about a member that is open, or was sent whatever it was closed as."""

    work_item_id: int
    is_service: bool
    priority: int
    opened_at: datetime
    is_open: bool
    valid_until: datetime
    sent_at: datetime | None = None
    asked_at: datetime | None = None  # what it was put off to, or since when it is asked for anew
    is_worded: bool = True  # by whoever does it, who can say something else along with it
    sending_until: datetime | None = None  # it is being sent, and may be out, until then

    @property
    def for_day_of(self) -> datetime:
        """An instant of the day it is really for: that it was put off to, if it was."""
        return self.asked_at or self.opened_at

    @property
    def importance(self) -> tuple[bool, int]:
        """What orders the tasks of one member: promises above marketing, then priority."""
        return self.is_service, self.priority


@lru_cache(maxsize=4096)
def _askable_from(
    quiet_from: time, quiet_until: time, hours: StoreHours, instant: datetime, until: datetime
) -> datetime:
    """Remembered: every step of a batch asks it of the same instant and a handful of opening hours."""
    while instant < until:
        asked = _loud_from(quiet_from, quiet_until, hours, hours.open_from(instant))
        if asked == instant:
            return instant
        instant = asked
    return until


def _loud_from(quiet_from: time, quiet_until: time, hours: StoreHours, instant: datetime) -> datetime:
    if quiet_from == quiet_until:
        return instant
    today = hours.local_date(instant)
    for evening in (today - A_DAY, today):
        morning = evening if quiet_until > quiet_from else evening + A_DAY
        end = hours.at(morning, quiet_until)
        if hours.at(evening, quiet_from) <= instant < end:
            return end
    return instant


def read_budget(session: Session) -> Budget:
    """The budget in force, read once per transaction."""
    known = session.info.get("budget")
    if isinstance(known, Budget):
        return known
    row = session.connection().execute(BUDGET).one()
    budget = session.info["budget"] = Budget(
        quiet_from=row.quiet_from,
        quiet_until=row.quiet_until,
        cap_days=row.cap_days,
        cap_touches=row.cap_touches,
        daily_capacity=row.daily_capacity,
        hold_out_per_mille=row.hold_out_per_mille,
        urge_after=timedelta(minutes=row.urge_after_minutes),
        escalate_after=timedelta(minutes=row.escalate_after_minutes),
        paused_at=row.paused_at,
    )
    return budget


def lanes_at_work(session: Session, lanes: Iterable[Lane]) -> tuple[Lane, ...]:
    """Those of the lanes that are worked now: all, unless headquarters has paused everything."""
    stopped = PAUSED_LANES if read_budget(session).paused_at else frozenset()
    return tuple(lane for lane in lanes if lane not in stopped)


def is_paused(session: Session) -> bool:
    """Whether headquarters has paused everything, as it is now; one read of one row by its key."""
    return session.connection().scalar(PAUSED_AT) is not None


def pause(session: Session, by: int | None) -> None:
    """Stop opening, urging, ordering and pushing, for every plan and store; while paused already nothing changes.

    Whoever is at it finishes the batch in hand (at most some hundred tasks, or 16 messages) and begins no other.
    """
    budget = session.get_one(AttentionBudget, ROW, with_for_update=True)
    if budget.paused_at is not None:
        return
    budget.paused_at, budget.paused_by = clock.now(session), by
    session.info.pop("budget", None)
    session.add(
        AttentionPause(
            id=new_id(session), began_at=budget.paused_at, began_by=by, ended_at=None, ended_by=None
        )
    )
    session.flush()


def resume(session: Session, by: int | None) -> None:
    """Go on: what is still worth it opens late, what is not expires with the pause as its reason."""
    budget = session.get_one(AttentionBudget, ROW, with_for_update=True)
    if budget.paused_at is None:
        return
    budget.paused_at = budget.paused_by = None
    session.info.pop("budget", None)
    for row in session.scalars(select(AttentionPause).where(AttentionPause.ended_at.is_(None))):
        row.ended_at, row.ended_by = clock.now(session), by
    session.flush()


@dataclass(frozen=True, slots=True)
class Pauses:
    """The times during which headquarters had paused everything."""

    spans: tuple[tuple[datetime, datetime], ...] = ()

    def cover(self, instant: datetime) -> bool:
        """True where everything was paused at that instant."""
        return self.touch(instant, instant)

    def touch(self, first: datetime, last: datetime) -> bool:
        """True where everything was paused at some instant between the two."""
        return any(start <= last and first <= end for start, end in self.spans)


def read_pauses(session: Session, since: datetime, now: datetime) -> Pauses:
    """The pauses that were not over before `since`."""
    query = select(AttentionPause.began_at, AttentionPause.ended_at)
    rows = session.execute(
        query.where((AttentionPause.ended_at >= since) | AttentionPause.ended_at.is_(None))
    )
    return Pauses(tuple((began_at, ended_at or now) for began_at, ended_at in rows))
