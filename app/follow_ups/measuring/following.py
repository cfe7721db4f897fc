"""Who counts, and what they did after they entered: from the tables, some members at a time. Nothing is decided here by
what was sent.

A member counts once in a plan, with their **first** entering at which they could be held out (and once more with their
first before the plan held anybody out, which is compared with nobody). Later ones say nothing: treated members who were
brought to buy enter again by that very purchase, so that who enters a second time is no longer a matter of chance. The
same holds over all plans together, by the share that is held out of everything.

What counts begins the day after somebody entered: before, the arms cannot differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.follow_ups.measuring.results import WEAKEST_FIRST, Reached
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.versions import versions
from app.follow_ups.states import Arm
from app.inbound.events import LineKind
from app.member_events.models import MemberEvent, MemberEventKind
from app.orders.models import Order, OrderLine, RefundLine
from app.stores.queries import hours_of
from app.worklist.models import WorkItem

ANY_PLAN = 0


@dataclass(frozen=True, slots=True)
class Entered:
    """A member who counts, as they entered; `plan_id` is `ANY_PLAN` where it is their first of all plans."""

    plan_id: int
    enrollment_id: int
    member_id: int
    store_id: int
    arm: Arm
    per_mille: int
    enrolled_at: datetime
    entered_on: date


@dataclass(frozen=True, slots=True)
class Followed:
    """What a member did, and was sent, within the window; net of what came back so far."""

    entered: Entered
    reached: Reached
    replied: bool
    bought: bool
    pieces: int
    fen: int


@dataclass(frozen=True, slots=True)
class _Purchase:
    on: date
    pieces: int
    fen: int


def enrollments() -> Select[*tuple[Any, ...]]:
    """What must be known of an enrollment to tell whether it counts."""
    return select(
        Enrollment.id,
        Enrollment.plan_id,
        Enrollment.plan_version_id,
        Enrollment.member_id,
        Enrollment.store_id,
        Enrollment.arm,
        Enrollment.global_per_mille,
        Enrollment.enrolled_at,
    )


def first_entries(session: Session, rows: Sequence[Any]) -> list[Entered]:
    """Those of `enrollments()` that count, for their plan and for all plans together."""
    members = sorted({row.member_id for row in rows})
    history = session.execute(enrollments().where(Enrollment.member_id.in_(members))).all() if members else []
    documents = versions(session, {row.plan_version_id for row in history})
    shares = {known.id: known.document.hold_out_per_mille for known in documents.values()}
    first: dict[tuple[int, int, bool], tuple[datetime, int]] = {}
    for row in history:
        for plan_id, per_mille in _asked_of(row, shares):
            key, when = (row.member_id, plan_id, per_mille > 0), (row.enrolled_at, row.id)
            first[key] = min(first.get(key, when), when)
    hours = hours_of(session, (row.store_id for row in rows))
    return [
        Entered(
            plan_id,
            row.id,
            row.member_id,
            row.store_id,
            Arm(row.arm),
            per_mille,
            row.enrolled_at,
            hours[row.store_id].local_date(row.enrolled_at),
        )
        for row in rows
        for plan_id, per_mille in _asked_of(row, shares)
        if first[row.member_id, plan_id, per_mille > 0] == (row.enrolled_at, row.id)
    ]


def follow(session: Session, entered: Sequence[Entered], window_days: int) -> list[Followed]:
    """What became of them within the window, in the same order."""
    if not entered:
        return []
    members = sorted({entry.member_id for entry in entered})
    since = min(entry.enrolled_at for entry in entered)
    first_on = min(entry.entered_on for entry in entered)
    last_on = max(entry.entered_on for entry in entered) + timedelta(days=window_days)
    bought = _purchases(session, members, first_on, last_on)
    tasks, replies = _tasks(session, members, since), _replies(session, members, since)
    found = []
    for entry in entered:
        until = entry.enrolled_at + timedelta(days=window_days)
        last = entry.entered_on + timedelta(days=window_days)
        its = [one for one in bought.get(entry.member_id, ()) if entry.entered_on < one.on <= last]
        found.append(
            Followed(
                entry,
                _reached(entry, until, tasks.get(entry.member_id, ())),
                any(entry.enrolled_at <= at < until for at in replies.get(entry.member_id, ())),
                bool(its),
                sum(one.pieces for one in its),
                sum(one.fen for one in its),
            )
        )
    return found


def _asked_of(row: Any, shares: Mapping[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of which comparisons a row may be part, with the share held out: its plan's, and that of everything."""
    return (row.plan_id, shares[row.plan_version_id]), (ANY_PLAN, row.global_per_mille)


def _reached(entry: Entered, until: datetime, tasks: Iterable[Any]) -> Reached:
    best = Reached.NOTHING
    for task in tasks:
        if entry.plan_id not in (ANY_PLAN, task.plan_id) or not entry.enrolled_at <= task.opened_at < until:
            continue
        is_done = task.evidence is not None and task.done_at is not None and task.done_at < until
        best = max(best, Reached(task.evidence) if is_done else Reached.OPENED, key=WEAKEST_FIRST.index)
    return best


def _tasks(session: Session, members: Sequence[int], since: datetime) -> Mapping[int, list[Any]]:
    """What was opened for the members since then, and when it was done."""
    query = (
        select(
            Enrollment.member_id,
            Enrollment.plan_id,
            WorkItem.opened_at,
            WorkItem.done_at,
            FollowUpTask.evidence,
        )
        .join(FollowUpTask, FollowUpTask.enrollment_id == Enrollment.id)
        .join(WorkItem, WorkItem.id == FollowUpTask.work_item_id)
        .where(Enrollment.member_id.in_(members), WorkItem.opened_at >= since)
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        found[row.member_id].append(row)
    return found


def _replies(session: Session, members: Sequence[int], since: datetime) -> Mapping[int, list[datetime]]:
    query = select(MemberEvent.member_id, MemberEvent.happened_at).where(
        MemberEvent.member_id.in_(members),
        MemberEvent.kind == MemberEventKind.REPLY,
        MemberEvent.happened_at >= since,
    )
    found: dict[int, list[datetime]] = defaultdict(list)
    for member_id, happened_at in session.execute(query):
        found[member_id].append(happened_at)
    return found


def _purchases(
    session: Session, members: Sequence[int], after: date, last: date
) -> Mapping[int, list[_Purchase]]:
    """Purchases of goods that were kept, at least in part, after the first day and up to the last."""
    query = select(Order.id, Order.member_id, Order.purchased_on, Order.goods_fen).where(
        Order.member_id.in_(members),
        Order.purchased_on > after,
        Order.purchased_on <= last,
        Order.goods_fen > 0,
        Order.wholly_refunded.is_(False),
    )
    orders = session.execute(query).all()
    ids = sorted(order.id for order in orders)
    pieces, refunded = _pieces(session, ids), _refunded(session, ids)
    found: dict[int, list[_Purchase]] = defaultdict(list)
    for order in orders:
        fen = order.goods_fen - refunded.get(order.id, 0)
        found[order.member_id].append(_Purchase(order.purchased_on, pieces.get(order.id, 0), fen))
    return found


def _pieces(session: Session, order_ids: Sequence[int]) -> Mapping[int, int]:
    kept = func.sum(OrderLine.quantity - OrderLine.refunded_quantity)
    query = select(OrderLine.order_id, kept).where(
        OrderLine.order_id.in_(order_ids), OrderLine.kind == LineKind.GOODS
    )
    rows = session.execute(query.group_by(OrderLine.order_id)) if order_ids else ()
    return {order_id: int(number) for order_id, number in rows}


def _refunded(session: Session, order_ids: Sequence[int]) -> Mapping[int, int]:
    query = select(RefundLine.order_id, func.sum(RefundLine.amount_fen)).where(
        RefundLine.order_id.in_(order_ids), RefundLine.kind == LineKind.GOODS
    )
    rows = session.execute(query.group_by(RefundLine.order_id)) if order_ids else ()
    return {order_id: int(fen) for order_id, fen in rows if order_id is not None}
