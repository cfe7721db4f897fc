"""The people behind the numbers: who was counted, with what they did, found again by the rules that counted them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.follow_ups.measuring.counting import entered, ripe_before
from app.follow_ups.measuring.days import midnight
from app.follow_ups.measuring.following import ANY_PLAN, Followed, follow, stretches_of
from app.follow_ups.measuring.results import Reached, at_least
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.follow_ups.states import Arm

ROWS = 50
CHUNK = 300
# Enrollments looked at for one page, so that no page takes long however rare those sought are: the next goes on there.
MOST_LOOKED_AT = 6000
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sought:
    """Stretches since entering a plan (0: any) that began on these days, of one of the arms, with so much done."""

    plan_id: int
    window_days: int
    first_on: date
    last_on: date
    arms: frozenset[Arm]
    reached: Reached = Reached.NOTHING
    replied: bool = False
    bought: bool = False
    compared: bool = False  # only those during which the same share was held out throughout

    def takes(self, one: Followed) -> bool:
        """Whether this is one of them."""
        return (
            one.stretch.plan_id == self.plan_id
            and one.stretch.arm in self.arms
            and one.reached in at_least(self.reached)
            and (one.stretch.per_mille > 0 or not self.compared)
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
    last_on = min(sought.last_on, ripe_before(now, sought.window_days) - timedelta(days=1))
    place = _place(session, after)
    rows: list[Followed] = []
    looked_at = 0
    for plan_id in _plans(session, sought.plan_id, place):
        start = place[1:] if place is not None and place[0] == plan_id else None
        while chunk := session.execute(entered(plan_id, start, midnight(last_on + A_DAY)).limit(CHUNK)).all():
            looked_at += len(chunk)
            stretches = stretches_of(session, chunk, sought.window_days, sought.first_on, last_on)
            its = [one for one in stretches if one.plan_id == sought.plan_id]
            for member in _by_member(follow(session, its, sought.window_days)):
                rows += [one for one in member if sought.takes(one)]
                if len(rows) >= ROWS:
                    return Found(rows, member[0].stretch.enrollment_id)
            start = (chunk[-1].enrolled_at, chunk[-1].id)
            if looked_at >= MOST_LOOKED_AT:
                return Found(rows, chunk[-1].id)
    return Found(rows, None)


def _by_member(followed: Sequence[Followed]) -> list[list[Followed]]:
    """A page never ends between two stretches of one member's."""
    return [list(its) for _, its in groupby(followed, key=lambda one: one.stretch.enrollment_id)]


def _plans(session: Session, plan_id: int, place: tuple[int, datetime, int] | None) -> list[int]:
    if plan_id != ANY_PLAN:
        return [plan_id]
    plans = session.scalars(select(FollowUpPlan.id).order_by(FollowUpPlan.id))
    return [each for each in plans if place is None or each >= place[0]]


def _place(session: Session, enrollment_id: int | None) -> tuple[int, datetime, int] | None:
    """Where the page before ended; one that is gone since begins at the front."""
    row = session.get(Enrollment, enrollment_id) if enrollment_id is not None else None
    return (row.plan_id, row.enrolled_at, row.id) if row else None
