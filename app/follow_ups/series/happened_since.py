"""What happened to members that ends series, as it stands in the tables now. Read only; `stopping` decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.follow_ups.plans.documents import Stops
from app.follow_ups.states import StepReason
from app.member_events.models import MemberEvent, MemberEventKind
from app.members.models import MemberCare, OwnerChange
from app.orders.models import Order

Day = tuple[int, date]


def last_happenings(
    session: Session, members: Collection[int], stops: Stops
) -> dict[StepReason, Mapping[int, datetime]]:
    """Of what a plan ends by: when it last happened to each of these members. Nothing is read where it ends by none."""
    happened: dict[StepReason, Mapping[int, datetime]] = {}
    if stops.purchase:
        happened[StepReason.BOUGHT] = _last_purchases(session, members)
    for wanted, reason, kind in (
        (stops.reply, StepReason.REPLIED, MemberEventKind.REPLY),
        (stops.unfriend, StepReason.UNFRIENDED, MemberEventKind.UNFRIENDED),
    ):
        if wanted:
            happened[reason] = _last_events(session, members, kind)
    if stops.hand_over:
        happened[StepReason.HANDED_OVER] = _last_hand_overs(session, members)
    return happened


def opted_out(session: Session, members: Collection[int]) -> set[int]:
    """Those of the members who want no follow-ups."""
    query = select(MemberCare.member_id).where(
        MemberCare.member_id.in_(sorted(members)), MemberCare.opted_out_at.is_not(None)
    )
    return set(session.scalars(query))


def days_with_purchases(session: Session, days: Collection[Day]) -> set[Day]:
    """Those of the days on which the member bought goods that were not all returned."""
    return _days(
        session, days, (Order.wholly_refunded.is_(False), Order.goods_fen > 0, Order.enrolls.is_(True))
    )


def days_with_refunds(session: Session, days: Collection[Day]) -> set[Day]:
    """Those of the days of whose purchases something came back."""
    return _days(session, days, (Order.refunded_fen > 0,))


def _days(session: Session, days: Collection[Day], having: Iterable[object]) -> set[Day]:
    query = select(Order.member_id, Order.purchased_on).where(
        Order.member_id.in_(sorted({member_id for member_id, _ in days})),
        Order.purchased_on.in_(sorted({on for _, on in days})),
        *having,  # type: ignore[arg-type]
    )
    found = {(member_id, on) for member_id, on in session.execute(query) if member_id is not None}
    return found & set(days)


def _last_purchases(session: Session, members: Iterable[int]) -> dict[int, datetime]:
    query = (
        select(Order.member_id, func.max(Order.purchased_at))
        .where(Order.member_id.in_(list(members)), Order.goods_fen > 0, Order.enrolls.is_(True))
        .group_by(Order.member_id)
    )
    return {member_id: at for member_id, at in session.execute(query) if member_id is not None}


def _last_events(session: Session, members: Iterable[int], kind: MemberEventKind) -> dict[int, datetime]:
    query = (
        select(MemberEvent.member_id, func.max(MemberEvent.happened_at))
        .where(MemberEvent.member_id.in_(list(members)), MemberEvent.kind == kind)
        .group_by(MemberEvent.member_id)
    )
    return dict(session.execute(query).all())


def _last_hand_overs(session: Session, members: Iterable[int]) -> dict[int, datetime]:
    """Who was only said to be whose they are already was handed over to nobody."""
    query = (
        select(OwnerChange.member_id, func.max(OwnerChange.happened_at))
        .where(
            OwnerChange.member_id.in_(list(members)), OwnerChange.from_id.is_distinct_from(OwnerChange.to_id)
        )
        .group_by(OwnerChange.member_id)
    )
    return dict(session.execute(query).all())
