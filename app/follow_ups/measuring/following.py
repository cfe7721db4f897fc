"""Who counts, and what they did: from the tables, some members at a time. Nothing is decided here by what was sent.

Follow-ups go on for years, and whoever is brought to buy enters plans again by that very purchase, so who enters a
second time is no matter of chance. What is: the split. So a member counts from their first entering of a plan on, once
for every stretch of so many days (`window_days`) since, whether they enter again or not: with entering on day e,

    stretch k = the days e + k w + 1 ... e + (k + 1) w,   k = 0, 1, 2, ...

Nothing that decides who is counted when comes after the split but time, so the arms differ by treatment alone: analysis
by intention to treat of repeated outcomes (Hernan & Robins, What If, chapters 21 and 22: per-interval outcomes of all
who were assigned, none left out for what they did later). A member's stretches resemble each other; the interval allows
for it, for all of them are in one store (`uplift`). The day of entering is in none: on it, the arms cannot differ.

A stretch counts in the arm that the share in force throughout it gives the member. One in which the share was changed
is compared with nobody (`per_mille` 0), like one in which nobody was held out. Who was followed up before a change and
is held out after it goes on with what had begun, so for the length of a series the difference is told too small, never
too great. Over all plans together the same holds from the first entering of any, by the share held out of everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.db import any_of, read_rows, table_of
from app.follow_ups.measuring.days import day_of
from app.follow_ups.measuring.holding_out import arm_of
from app.follow_ups.measuring.results import WEAKEST_FIRST, Reached
from app.follow_ups.measuring.shares import Shares
from app.follow_ups.models import Enrollment, FollowUpTask
from app.follow_ups.plans.checking import GLOBAL_SALT
from app.follow_ups.plans.versions import get_version
from app.follow_ups.states import Arm
from app.inbound.events import LineKind
from app.member_events.models import MemberEvent, MemberEventKind
from app.orders.models import Order, OrderLine, RefundLine
from app.stores.queries import hours_of
from app.stores.rules import StoreHours
from app.worklist.models import WorkItem

ANY_PLAN = 0
SERIES, TASKS, ITEMS = map(table_of, (Enrollment, FollowUpTask, WorkItem))
OTHER = SERIES.alias()
ENTERED = select(SERIES.c.member_id, SERIES.c.plan_id, SERIES.c.enrolled_at, SERIES.c.id).where(
    any_of(SERIES.c.member_id, "members")
)
# Of an enrollment: no other brought its member into its plan before it.
IS_FIRST = ~exists().where(
    OTHER.c.member_id == SERIES.c.member_id,
    OTHER.c.plan_id == SERIES.c.plan_id,
    or_(
        OTHER.c.enrolled_at < SERIES.c.enrolled_at,
        and_(OTHER.c.enrolled_at == SERIES.c.enrolled_at, OTHER.c.id < SERIES.c.id),
    ),
)
# In this order: an index says how old work items are, so the rest of a long history is not looked up. [M] Of 500
# members after a year: 6 ms, by their series 41, and 48 as the server likes it best.
TASKS_SINCE = (
    select(SERIES.c.member_id, SERIES.c.plan_id, ITEMS.c.opened_at, ITEMS.c.done_at, TASKS.c.evidence)
    .prefix_with("STRAIGHT_JOIN", dialect="mysql")
    .with_hint(ITEMS, "FORCE INDEX (ix_work_items_member_id_state_opened_at)", dialect_name="mysql")
    .select_from(ITEMS)
    .join(TASKS, TASKS.c.work_item_id == ITEMS.c.id)
    .join(SERIES, SERIES.c.id == TASKS.c.enrollment_id)
    .where(any_of(ITEMS.c.member_id, "members"), ITEMS.c.opened_at >= bindparam("since"))
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many days of a member's since they entered; `plan_id` `ANY_PLAN`: since they entered any for the first time.

    It begins behind the local day `began_on`; `number` counts from 0, which follows the entering itself.
    """

    plan_id: int
    enrollment_id: int
    member_id: int
    store_id: int
    arm: Arm
    per_mille: int
    number: int
    began_at: datetime
    began_on: date


@dataclass(frozen=True, slots=True)
class Followed:
    """What a member did, and was sent, in those days; net of what came back so far."""

    stretch: Stretch
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


def stretches_of(
    session: Session, rows: Sequence[Any], window_days: int, first_on: date, last_on: date
) -> list[Stretch]:
    """The stretches that began on these days of the chain's, of those of `enrollments()` that are somebody's first."""
    first = _first(session, {row.member_id for row in rows})
    begun = [
        (row, plan_id)
        for row in rows
        for plan_id in (row.plan_id, ANY_PLAN)
        if first[row.member_id, plan_id] == (row.enrolled_at, row.id)
    ]
    hours = hours_of(session, (row.store_id for row in rows))
    shares = Shares(session, {row.plan_id for row, _ in begun})
    return [
        _stretch(session, shares, hours, row, plan_id, number, window_days)
        for row, plan_id in begun
        for number in numbers_of(day_of(row.enrolled_at), window_days, first_on, last_on)
    ]


def _first(session: Session, members: Collection[int]) -> dict[tuple[int, int], tuple[datetime, int]]:
    """When, and with which enrollment, each of the members first entered each plan, and any."""
    found: dict[tuple[int, int], tuple[datetime, int]] = {}
    for row in read_rows(session, ENTERED, {"members": members}) if members else ():
        when = row.enrolled_at, row.id
        for key in ((row.member_id, row.plan_id), (row.member_id, ANY_PLAN)):
            if key not in found or when < found[key]:
                found[key] = when
    return found


def numbers_of(entered_on: date, window_days: int, first_on: date, last_on: date) -> range:
    """Of the stretches since a day, those that begin on these days."""
    return range(
        max(0, -((entered_on - first_on).days // window_days)), (last_on - entered_on).days // window_days + 1
    )


def _stretch(
    session: Session,
    shares: Shares,
    hours: Mapping[int, StoreHours],
    row: Any,
    plan_id: int,
    number: int,
    window_days: int,
) -> Stretch:
    later = timedelta(days=number * window_days)
    began_at = row.enrolled_at + later
    arm, per_mille = _arm(session, shares, row, plan_id, number, began_at)
    of_plan = None if plan_id == ANY_PLAN else plan_id
    is_steady = shares.is_steady(of_plan, row.store_id, began_at, began_at + timedelta(days=window_days))
    return Stretch(
        plan_id,
        row.id,
        row.member_id,
        row.store_id,
        arm,
        per_mille if is_steady else 0,
        number,
        began_at,
        hours[row.store_id].local_date(row.enrolled_at) + later,
    )


def _arm(
    session: Session, shares: Shares, row: Any, plan_id: int, number: int, at: datetime
) -> tuple[Arm, int]:
    """The arm of a stretch and the share held out: as entered with, later as the shares then in force have it."""
    document = get_version(session, row.plan_version_id).document
    of_all = row.global_per_mille if number == 0 else shares.of_everything(at)
    if number == 0:
        of_plan, arm = document.hold_out_per_mille, Arm(row.arm)
    else:
        of_plan = shares.of_plan(row.plan_id, row.store_id, at)
        arm = arm_of(row.member_id, document.code, of_plan, global_salt=GLOBAL_SALT, global_per_mille=of_all)
    return arm, of_all if plan_id == ANY_PLAN else of_plan


def follow(session: Session, stretches: Sequence[Stretch], window_days: int) -> list[Followed]:
    """What became of them, in the same order."""
    if not stretches:
        return []
    members = sorted({one.member_id for one in stretches})
    since = min(one.began_at for one in stretches)
    first_on = min(one.began_on for one in stretches)
    last_on = max(one.began_on for one in stretches) + timedelta(days=window_days)
    bought = _purchases(session, members, first_on, last_on)
    tasks, replies = _tasks(session, members, since), _replies(session, members, since)
    found = []
    for one in stretches:
        until = one.began_at + timedelta(days=window_days)
        last = one.began_on + timedelta(days=window_days)
        its = [each for each in bought.get(one.member_id, ()) if one.began_on < each.on <= last]
        found.append(
            Followed(
                one,
                _reached(one, until, tasks.get(one.member_id, ())),
                any(one.began_at <= at < until for at in replies.get(one.member_id, ())),
                bool(its),
                sum(each.pieces for each in its),
                sum(each.fen for each in its),
            )
        )
    return found


def _reached(stretch: Stretch, until: datetime, tasks: Iterable[Any]) -> Reached:
    best = Reached.NOTHING
    for task in tasks:
        if stretch.plan_id not in (ANY_PLAN, task.plan_id) or not stretch.began_at <= task.opened_at < until:
            continue
        is_done = task.evidence is not None and task.done_at is not None and task.done_at < until
        best = max(best, Reached(task.evidence) if is_done else Reached.OPENED, key=WEAKEST_FIRST.index)
    return best


def _tasks(session: Session, members: Sequence[int], since: datetime) -> Mapping[int, list[Any]]:
    """What was opened for the members since then, and when it was done."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in read_rows(session, TASKS_SINCE, {"members": members, "since": since}):
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
