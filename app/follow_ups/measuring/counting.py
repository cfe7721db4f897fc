"""Counting members by store and arm, once each, in the nights after their window is over.

The walk follows each plan's enrollments in the order in which they were made, some hundred at a time, so that it is
bounded in memory and costs as much as is new, however many members there are. Refunds and purchases that become known
later than `GRACE_DAYS` after the window no longer count: that is the same for both arms.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.db import add_to_rows, upsert_rows
from app.follow_ups.measuring.following import Followed, enrollments, first_entries, follow
from app.follow_ups.measuring.models import ArmResult, ArmSpan
from app.follow_ups.models import Enrollment, FollowUpPlan
from app.nightly import CHAIN_ZONE, Piece

# Which of them is looked at is to be settled beforehand: looking at all and taking the nicest is fooling oneself.
WINDOWS = (14, 30, 90)
GRACE_DAYS = 3
PIECE = 500
KEY = ("plan_id", "window_days", "entered_in", "store_id", "arm", "per_mille", "reached")
COUNTS = ("members", "replied", "buyers", "pieces", "pieces_squared", "fen", "fen_squared")

Cell = dict[str, Any]
# Where the walk stands: the last enrollment looked at, by plan.
Walk = dict[int, tuple[datetime, int]]


def count_arms(session: Session, cursor: str, *, window_days: int) -> Piece:
    """The next enrollments of those whose window is over: a piece of a nightly job."""
    walk = _read(cursor)
    before = counted_before(clock.now(session), window_days)
    for plan_id in session.scalars(select(FollowUpPlan.id).order_by(FollowUpPlan.id)):
        rows = session.execute(entered(plan_id, walk.get(plan_id), before).limit(PIECE)).all()
        if rows:
            followed = follow(session, first_entries(session, rows), window_days)
            walk[plan_id] = (rows[-1].enrolled_at, rows[-1].id)
            write = partial(_write, followed=followed, window_days=window_days)
            return Piece(write, _said(walk), is_last=False)
    return Piece(_nothing, cursor, is_last=True)


def counted_before(now: datetime, window_days: int) -> datetime:
    """Whoever entered before this midnight has had the whole window, and what was told late is known."""
    today = now.astimezone(CHAIN_ZONE).date()
    return midnight(today - timedelta(days=window_days + GRACE_DAYS))


def midnight(on: date) -> datetime:
    """The instant at which a day of the chain's begins."""
    return datetime.combine(on, time(), tzinfo=CHAIN_ZONE).astimezone(UTC)


def day_of(at: datetime) -> date:
    """The chain's day of an instant."""
    return at.astimezone(CHAIN_ZONE).date()


def entered(plan_id: int, after: tuple[datetime, int] | None, before: datetime) -> Select[*tuple[Any, ...]]:
    """A plan's enrollments in the order in which they were made, from behind one of them."""
    query = enrollments().where(Enrollment.plan_id == plan_id, Enrollment.enrolled_at < before)
    if after is not None:
        at, last_id = after
        behind = or_(Enrollment.enrolled_at > at, and_(Enrollment.enrolled_at == at, Enrollment.id > last_id))
        query = query.where(Enrollment.enrolled_at >= at, behind)
    return query.order_by(Enrollment.enrolled_at, Enrollment.id)


def _write(session: Session, followed: Sequence[Followed], window_days: int) -> None:
    add_to_rows(session, ArmResult, cells_of(followed, window_days))
    _widen_spans(session, followed, window_days)


def cells_of(followed: Iterable[Followed], window_days: int) -> list[Cell]:
    """What these members add to the counts; each cell once, in the order of their keys."""
    cells: dict[tuple[Any, ...], Cell] = {}
    for one in followed:
        entry = one.entered
        month = day_of(entry.enrolled_at).replace(day=1)
        key = (entry.plan_id, window_days, month, entry.store_id, entry.arm, entry.per_mille, one.reached)
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
        days[one.entered.plan_id].append(day_of(one.entered.enrolled_at))
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


def _read(cursor: str) -> Walk:
    stood = json.loads(cursor) if cursor else {}
    return {int(plan_id): (datetime.fromisoformat(at), last_id) for plan_id, (at, last_id) in stood.items()}


def _said(walk: Walk) -> str:
    return json.dumps({str(plan_id): (at.isoformat(), last_id) for plan_id, (at, last_id) in walk.items()})
