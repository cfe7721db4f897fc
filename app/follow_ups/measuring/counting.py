"""Counting members' stretches of days by store and arm, once each, in the nights after they are over.

The walk goes through the days on which stretches began, one by one, and for each through those who entered on it or any
whole number of windows before, some hundred at a time: bounded in memory, and a night costs what ripened in it, however
many members there are. Refunds and purchases that become known later than `GRACE_DAYS` after the end no longer count:
that is the same for both arms.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import add_to_rows, upsert_rows
from app.follow_ups.measuring.days import day_of, midnight
from app.follow_ups.measuring.following import IS_FIRST, Followed, enrollments, follow, stretches_of
from app.follow_ups.measuring.models import ArmResult, ArmSpan
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.nightly import Piece

# Which of them is looked at is to be settled beforehand: looking at all and taking the nicest is fooling oneself.
WINDOWS = (14, 30, 90)
GRACE_DAYS = 3
PIECE = 500
KEY = ("plan_id", "window_days", "entered_in", "store_id", "arm", "per_mille", "reached")
COUNTS = ("members", "replied", "buyers", "pieces", "pieces_squared", "fen", "fen_squared")

# Days of plans looked at in one piece before it ends, that a long silence does not keep a transaction open.
MOST_LOOKS = 400
A_DAY = timedelta(days=1)

Cell = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Walk:
    """Where the walk stands: the day on which stretches began, the plan, and behind which of those who entered."""

    on: date
    plan_id: int = 0
    after: tuple[datetime, int] | None = None


def count_arms(session: Session, cursor: str, *, window_days: int) -> Piece:
    """The next stretches of those that are over: a piece of a nightly job."""
    walk, before = _read(cursor) or _begin(session), ripe_before(clock.now(session), window_days)
    if walk is None:
        return Piece(_nothing, cursor, is_last=True)
    plans = session.scalars(select(FollowUpPlan.id).order_by(FollowUpPlan.id)).all()
    looks = 0
    while walk.on < before and looks < MOST_LOOKS:
        for plan_id in [each for each in plans if each >= walk.plan_id]:
            after = walk.after if plan_id == walk.plan_id else None
            rows = _begun(session, plan_id, walk.on, window_days, after)
            looks += 1
            if rows:
                stretches = stretches_of(session, rows, window_days, walk.on, walk.on)
                followed = follow(session, stretches, window_days)
                write = partial(_write, followed=followed, window_days=window_days)
                stands = Walk(walk.on, plan_id, (rows[-1].enrolled_at, rows[-1].id))
                if len(rows) < PIECE:  # that was all of them
                    stands = _behind(walk.on, plan_id, plans)
                return Piece(write, _said(stands), is_last=stands.on >= before)
        walk = Walk(walk.on + A_DAY)
    return Piece(_nothing, _said(walk), is_last=walk.on >= before)


def _behind(on: date, plan_id: int, plans: Iterable[int]) -> Walk:
    """Where the walk goes on once a plan's are counted."""
    later = [each for each in plans if each > plan_id]
    return Walk(on, later[0]) if later else Walk(on + A_DAY)


def ripe_before(now: datetime, window_days: int) -> date:
    """A stretch that began before this day is over, and what was told late is known."""
    return day_of(now) - timedelta(days=window_days + GRACE_DAYS)


def entered(plan_id: int, after: tuple[datetime, int] | None, before: datetime) -> Select[*tuple[Any, ...]]:
    """A plan's enrollments in the order in which they were made, from behind one of them: of each member the first, as
    no later one counts.
    """
    query = enrollments().where(Enrollment.plan_id == plan_id, Enrollment.enrolled_at < before, IS_FIRST)
    if after is not None:
        at, last_id = after
        behind = or_(Enrollment.enrolled_at > at, and_(Enrollment.enrolled_at == at, Enrollment.id > last_id))
        query = query.where(Enrollment.enrolled_at >= at, behind)
    return query.order_by(Enrollment.enrolled_at, Enrollment.id)


def _begin(session: Session) -> Walk | None:
    first = session.scalar(select(func.min(Enrollment.enrolled_at)))
    return Walk(day_of(first)) if first is not None else None


def _begun(
    session: Session, plan_id: int, on: date, window_days: int, after: tuple[datetime, int] | None
) -> Sequence[Any]:
    """Those who first entered the plan on this day, or any whole number of windows before, from behind one of them."""
    first = session.scalar(select(func.min(Enrollment.enrolled_at)).where(Enrollment.plan_id == plan_id))
    if first is None:
        return ()
    days = [on - timedelta(days=days) for days in range(0, (on - day_of(first)).days + 1, window_days)]
    its = or_(
        *(
            and_(Enrollment.enrolled_at >= midnight(day), Enrollment.enrolled_at < midnight(day + A_DAY))
            for day in days
        )
    )
    return session.execute(entered(plan_id, after, midnight(on + A_DAY)).where(its).limit(PIECE)).all()


def _write(session: Session, followed: Sequence[Followed], window_days: int) -> None:
    add_to_rows(session, ArmResult, cells_of(followed, window_days))
    _widen_spans(session, followed, window_days)


def cells_of(followed: Iterable[Followed], window_days: int) -> list[Cell]:
    """What these add to the counts; each cell once, in the order of their keys."""
    cells: dict[tuple[Any, ...], Cell] = {}
    for one in followed:
        its = one.stretch
        month = day_of(its.began_at).replace(day=1)
        key = (its.plan_id, window_days, month, its.store_id, its.arm, its.per_mille, one.reached)
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = {**dict(zip(KEY, key, strict=True)), **dict.fromkeys(COUNTS, 0)}
        for name, value in _counts(one).items():
            cell[name] += value
    return [cells[key] for key in sorted(cells)]


def _counts(one: Followed) -> Mapping[str, int | float]:
    return {
        "members": 1,
        "replied": int(one.replied),
        "buyers": int(one.bought),
        "pieces": one.pieces,
        "pieces_squared": one.pieces**2,
        "fen": one.fen,
        "fen_squared": float(one.fen**2),
    }


def _widen_spans(session: Session, followed: Iterable[Followed], window_days: int) -> None:
    days: dict[int, list[date]] = defaultdict(list)
    for one in followed:
        days[one.stretch.plan_id].append(day_of(one.stretch.began_at))
    query = select(ArmSpan).where(ArmSpan.plan_id.in_(sorted(days)), ArmSpan.window_days == window_days)
    for row in session.scalars(query) if days else ():
        days[row.plan_id] += [row.first_on, row.last_on]
    rows = [
        {"plan_id": plan_id, "window_days": window_days, "first_on": min(its), "last_on": max(its)}
        for plan_id, its in sorted(days.items())
    ]
    upsert_rows(session, ArmSpan, rows)


def _nothing(session: Session) -> None:
    """The last piece has nothing to write."""


def _read(cursor: str) -> Walk | None:
    stood = json.loads(cursor) if cursor else None
    if stood is None:
        return None
    on, plan_id, after = stood
    return Walk(
        date.fromisoformat(on), plan_id, (datetime.fromisoformat(after[0]), after[1]) if after else None
    )


def _said(walk: Walk) -> str:
    after = [walk.after[0].isoformat(), walk.after[1]] if walk.after else None
    return json.dumps([walk.on.isoformat(), walk.plan_id, after])
