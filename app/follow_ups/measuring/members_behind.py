"""The people behind the numbers: who was counted, with what they did, found again by the rules that counted them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.measuring.counting import counted_before, entered, midnight
from app.follow_ups.measuring.following import ANY_PLAN, Followed, first_entries, follow
from app.follow_ups.measuring.results import Reached, at_least
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.follow_ups.states import Arm

ROWS = 50
CHUNK = 300
# Enrollments looked at for one page, so that no page takes long however rare those sought are: the next goes on there.
MOST_LOOKED_AT = 6000


@dataclass(frozen=True, slots=True)
class Sought:
    """Members who entered a plan (0: any) on these days, in one of the arms, and did at least so much."""

    plan_id: int
    window_days: int
    first_on: date
    last_on: date
    arms: frozenset[Arm]
    reached: Reached = Reached.NOTHING
    replied: bool = False
    bought: bool = False
    compared: bool = False  # only those who entered while somebody was held out

    def takes(self, one: Followed) -> bool:
        """Whether this is one of them."""
        return (
            one.entered.plan_id == self.plan_id
            and one.entered.arm in self.arms
            and one.reached in at_least(self.reached)
            and (one.entered.per_mille > 0 or not self.compared)
            and (one.replied or not self.replied)
            and (one.bought or not self.bought)
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Some of them in the order in which they entered, plan by plan, and the enrollment to go on behind; None: that is
    all."""

    rows: list[Followed]
    after: int | None


def members_behind(session: Session, sought: Sought, now: datetime, after: int | None = None) -> Found:
    """The next of them. What is known by now counts, also what became known after they were counted."""
    before = min(midnight(sought.last_on + timedelta(days=1)), counted_before(now, sought.window_days))
    place = _place(session, after)
    rows: list[Followed] = []
    looked_at = 0
    for plan_id in _plans(session, sought.plan_id, place):
        at = place[1:] if place is not None and place[0] == plan_id else None
        start = max(at, (midnight(sought.first_on), 0)) if at else (midnight(sought.first_on), 0)
        while chunk := session.execute(entered(plan_id, start, before).limit(CHUNK)).all():
            looked_at += len(chunk)
            for one in follow(session, first_entries(session, chunk), sought.window_days):
                if sought.takes(one):
                    rows.append(one)
                    if len(rows) == ROWS:
                        return Found(rows, one.entered.enrollment_id)
            start = (chunk[-1].enrolled_at, chunk[-1].id)
            if looked_at >= MOST_LOOKED_AT:
                return Found(rows, chunk[-1].id)
    return Found(rows, None)


def _plans(session: Session, plan_id: int, place: tuple[int, datetime, int] | None) -> list[int]:
    if plan_id != ANY_PLAN:
        return [plan_id]
    plans = session.scalars(select(FollowUpPlan.id).order_by(FollowUpPlan.id))
    return [each for each in plans if place is None or each >= place[0]]


def _place(session: Session, enrollment_id: int | None) -> tuple[int, datetime, int] | None:
    """Where the page before ended; one that is gone since begins at the front."""
    row = session.get(Enrollment, enrollment_id) if enrollment_id is not None else None
    return (row.plan_id, row.enrolled_at, row.id) if row else None
