"""Raw facts of some members: what was reported of them, never what follow-ups made of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.db import table_of
from app.follow_ups.acts.kinds import Act
from app.follow_ups.models import CareAct
from app.follow_ups.reconciling.papers import YEARLY, Papers
from app.inbound.events import LineKind
from app.inbound.models import WECOM, Inbound
from app.member_events.models import MemberEvent, MemberEventKind
from app.members.models import DateKind, Member, MemberCare, MemberDate, OwnerChange
from app.orders.models import Order, OrderLine, Refund, RefundLine
from app.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase by a member, as reported; `anchors`: it is of goods, and was not told as history only."""

    id: int
    at: datetime
    on: date
    time_known: bool
    store_id: int
    seller: str
    amount_fen: int
    some_came_back: bool
    all_came_back: bool
    recorded_at: datetime
    anchors: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """A member event; `enrolls` False: told as history only, None: that cannot be told any more."""

    kind: str
    key: str
    store_id: int
    at: datetime
    on: date
    time_known: bool
    data: Mapping[str, Any]
    recorded_at: datetime
    enrolls: bool | None


@dataclass(frozen=True, slots=True)
class Yearly:
    """A day of the member's that comes every year; `text` None: it is sealed, and the key is not at hand."""

    kind: str
    calendar: str
    text: str | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """An article of a receipt."""

    sku: str
    size: str
    pieces: int


@dataclass(slots=True)
class Facts:
    """Everything reported about one member; lines by purchase, `handed_over`: when they got another owner."""

    member_id: int
    store_id: int
    has_opted_out: bool
    bought: list[Bought] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    yearly: list[Yearly] = field(default_factory=list)
    lines: dict[int, list[Line]] = field(default_factory=dict)
    handed_over: list[datetime] = field(default_factory=list)

    @property
    def known_since(self) -> datetime | None:
        """The earliest instant at which something of them was recorded here."""
        instants = [one.recorded_at for one in self.bought]
        instants += [one.recorded_at for one in self.happened]
        instants += [one.reported_at for one in self.yearly]
        return min(instants, default=None)


class Reader:
    """Reads facts, as far as one of the plans there are makes them matter."""

    def __init__(self, papers: Papers, keys: Keyring | None) -> None:
        released = [paper for plan_id in papers.releases for paper in papers.of(plan_id)]
        self._wants_lines = any(paper.on == "purchase" and paper.rule for paper in released)
        self._wants_owners = any("hand_over" in paper.ended_by for paper in released)
        self._wants_yearly = any(paper.on in YEARLY for paper in released)
        self._keys = keys

    def read(self, session: Session, member_ids: Sequence[int]) -> dict[int, Facts]:
        """The facts of these members, by id."""
        found = _people(session, member_ids)
        bought = _bought(session, found)
        for member_id, one in bought:
            found[member_id].bought.append(one)
        if self._wants_lines:
            whose = {one.id: member_id for member_id, one in bought}
            for order_id, line in _lines(session, whose):
                found[whose[order_id]].lines.setdefault(order_id, []).append(line)
        for member_id, happened in _happened(session, found):
            found[member_id].happened.append(happened)
        if self._wants_owners:
            for member_id, handed_over_at in _handed_over(session, found):
                found[member_id].handed_over.append(handed_over_at)
        if self._wants_yearly:
            for member_id, day in self._yearly(session, found):
                found[member_id].yearly.append(day)
        return found

    def _yearly(self, session: Session, members: Collection[int]) -> list[tuple[int, Yearly]]:
        query = select(MemberDate).where(MemberDate.member_id.in_(sorted(members)))
        return [
            (
                row.member_id,
                Yearly(row.kind, row.calendar, self._open(row.kind, row.sealed), row.reported_at),
            )
            for row in session.scalars(query)
        ]

    def _open(self, kind: str, sealed: str) -> str | None:
        return self._keys.open(DateKind(kind), sealed) if self._keys is not None else None


def _people(session: Session, member_ids: Sequence[int]) -> dict[int, Facts]:
    query = (
        select(Member.id, Member.store_id, MemberCare.opted_out_at)
        .outerjoin(MemberCare, MemberCare.member_id == Member.id)
        .where(Member.id.in_(member_ids))
    )
    found = {
        row.id: Facts(row.id, row.store_id, row.opted_out_at is not None) for row in session.execute(query)
    }
    acts = select(CareAct.member_id).where(CareAct.member_id.in_(member_ids), CareAct.act == Act.OPTED_OUT)
    for member_id in session.scalars(acts):
        if member_id in found:
            found[member_id].has_opted_out = True
    return found


def _handed_over(session: Session, members: Collection[int]) -> list[tuple[int, datetime]]:
    query = select(OwnerChange.member_id, OwnerChange.happened_at, OwnerChange.from_id, OwnerChange.to_id)
    rows = session.execute(query.where(OwnerChange.member_id.in_(sorted(members))))
    return [(row.member_id, row.happened_at) for row in rows if row.from_id != row.to_id]


def _bought(session: Session, members: Collection[int]) -> list[tuple[int, Bought]]:
    orders, sellers = table_of(Order), table_of(Associate)
    query = (
        select(orders, sellers.c.wecom_userid)
        .outerjoin_from(orders, sellers, sellers.c.id == orders.c.seller_id)
        .where(orders.c.member_id.in_(sorted(members)))
        .order_by(orders.c.recorded_at, orders.c.id)
    )
    return [
        (
            row.member_id,
            Bought(
                row.id,
                row.purchased_at,
                row.purchased_on,
                bool(row.time_known),
                row.store_id,
                row.wecom_userid or "",
                row.amount_fen,
                row.refunded_fen > 0 or bool(row.wholly_refunded),
                bool(row.wholly_refunded),
                row.recorded_at,
                bool(row.enrolls) and row.goods_fen > 0,
            ),
        )
        for row in session.connection().execute(query)
    ]


def _lines(session: Session, orders: Collection[int]) -> list[tuple[int, Line]]:
    query = select(OrderLine.order_id, OrderLine.sku, OrderLine.size, OrderLine.quantity).where(
        OrderLine.order_id.in_(sorted(orders)), OrderLine.kind == LineKind.GOODS
    )
    return [(row.order_id, Line(row.sku, row.size, row.quantity)) for row in session.execute(query)]


def _happened(session: Session, members: Collection[int]) -> list[tuple[int, Happened]]:
    events, inbound = table_of(MemberEvent), table_of(Inbound)
    query = (
        select(events, inbound.c.enrolls, inbound.c.source)
        .outerjoin_from(events, inbound, inbound.c.id == events.c.id)
        .where(events.c.member_id.in_(sorted(members)))
    )
    rows = session.connection().execute(query).all()
    told = _refunds_told(session, {row.member_id for row in rows if row.kind == MemberEventKind.REFUND})
    found = []
    for row in rows:
        data = json.loads(row.data)
        enrolls: bool | None = row.source in (None, WECOM) or bool(row.enrolls)
        if row.kind == MemberEventKind.REFUND:
            enrolls = True if told.get((row.member_id, data["ref"])) else None
        happened = Happened(
            row.kind,
            row.event_key,
            row.store_id,
            row.happened_at,
            row.happened_on,
            bool(row.time_known),
            data,
            row.recorded_at,
            enrolls,
        )
        found.append((row.member_id, happened))
    return found


def _refunds_told(session: Session, members: Collection[int]) -> dict[tuple[int, str], bool]:
    """Whether a refund, and every purchase it cancels, was told as something that starts follow-ups."""
    if not members:
        return {}
    query = (
        select(Refund.member_id, Refund.ref, Inbound.enrolls, Order.enrolls)
        .outerjoin(Inbound, Inbound.id == Refund.id)
        .outerjoin(RefundLine, RefundLine.refund_id == Refund.id)
        .outerjoin(Order, Order.id == RefundLine.order_id)
        .where(Refund.member_id.in_(sorted(members)))
    )
    told: dict[tuple[int, str], bool] = defaultdict(lambda: True)
    for member_id, ref, refund_enrolls, order_enrolls in session.execute(query):
        told[member_id or 0, ref] &= bool(refund_enrolls) and order_enrolls is not False
    return dict(told)
