"""What rules may ask of a member, as it was known at an instant of the past.

The terms and how they are reckoned are those of `fact_sources`; a test holds the two together. Who a member's contacts
are, which tags they carry and whether their number is known is not kept by day: those are today's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.criteria.terms import Value
from app.follow_ups.fact_sources import AMOUNT_DAYS, DAY_TERMS, EVENT_TERMS, ORDERS_DAYS, facts_of_event
from app.follow_ups.facts import Facts, facts_of
from app.follow_ups.forecasting.lives import Bought, Life

OF_TODAY = frozenset({"is_contact", "has_phone", "tags"})
TOTALS = frozenset({"orders", "total_amount", "net_amount", "days_since_purchase"})
WINDOWS = frozenset(
    {*(f"amount_{days}d" for days in AMOUNT_DAYS), *(f"orders_{days}d" for days in ORDERS_DAYS)}
)


@dataclass(frozen=True, slots=True)
class Recollection:
    """Answers what was known of members; `today` are the facts that only the present tells."""

    terms: frozenset[str]
    today: Mapping[int, Facts]

    @classmethod
    def read(
        cls, session: Session, member_ids: Collection[int], terms: Collection[str], now: datetime
    ) -> Recollection:
        """For rules that ask for these terms."""
        asked = frozenset(terms)
        return cls(asked, facts_of(session, member_ids, asked & OF_TODAY, now))

    def of(self, life: Life, instant: datetime) -> Facts:
        """The facts that any of the rules may ask for."""
        known = [one for one in life.bought if one.known_at <= instant]
        on = life.store.hours.local_date(instant)
        facts: dict[str, Value] = {**self.today.get(life.id, {}), **_profile(life, on, instant)}
        if self.terms & TOTALS:
            facts |= _totals(life, known, on, instant)
        if self.terms & WINDOWS:
            facts |= _windows(known, on, instant)
        if self.terms & DAY_TERMS:
            days = [one.anchor.on for one in known if not one.is_gone_at(instant)]
            facts |= facts_of_day(known, max(days), instant) if days else dict.fromkeys(DAY_TERMS)
        if self.terms & EVENT_TERMS.keys():
            facts |= _events(life, instant)
        return facts


def facts_of_day(known: Iterable[Bought], on: date, instant: datetime) -> Facts:
    """What was bought on a day and not brought back wholly until the instant, in the terms of a day."""
    its = [one for one in known if one.anchor.on == on and not one.is_gone_at(instant)]
    if not its:
        return dict.fromkeys(DAY_TERMS)
    kept = [(line, _kept(order, line.line_no, instant)) for order in its for line in order.lines]
    lines = [(line, pieces + line.quantity) for line, pieces in kept if pieces + line.quantity]
    return {
        "amount": sum(_net(order, instant) for order in its),
        "pieces": sum(pieces for _, pieces in lines),
        "categories": frozenset(line.category for line, _ in lines if line.category),
        "skus": frozenset(line.sku for line, _ in lines if line.sku),
        "sizes": frozenset(line.size for line, _ in lines if line.size),
        "sellers": frozenset(order.seller for order in its if order.seller),
    }


def _kept(order: Bought, line_no: int, instant: datetime) -> int:
    """By how much the pieces of a line are fewer since."""
    return -sum(one.quantity for one in order.came_back if one.line_no == line_no and one.known_at <= instant)


def _net(order: Bought, instant: datetime) -> int:
    return order.fen - sum(one.fen for one in order.came_back if one.known_at <= instant)


def _profile(life: Life, on: date, instant: datetime) -> Facts:
    joined_on = life.store.hours.local_date(life.joined_at)
    return {
        "store": life.store.code,
        "store_name": life.store.name,
        "joined_on": joined_on,
        "member_days": (on - joined_on).days,
        "has_owner": life.has_owner,
        "opted_out": life.has_opted_out(instant),
    }


def _totals(life: Life, known: Collection[Bought], on: date, instant: datetime) -> Facts:
    hours = life.store.hours
    last = max((one.anchor.at for one in known), default=None)
    return {
        "orders": len(known),
        "total_amount": sum(one.fen for one in known),
        "net_amount": sum(_net(one, instant) for one in known),
        "days_since_purchase": (on - hours.local_date(last)).days if last else None,
    }


def _windows(known: Iterable[Bought], on: date, instant: datetime) -> Facts:
    bought = [((on - one.anchor.on).days, _net(one, instant)) for one in known]
    amounts = {f"amount_{days}d": sum(fen for ago, fen in bought if ago < days) for days in AMOUNT_DAYS}
    return {
        **amounts,
        **{f"orders_{days}d": sum(1 for ago, _ in bought if ago < days) for days in ORDERS_DAYS},
    }


def _events(life: Life, instant: datetime) -> Facts:
    facts: Facts = dict.fromkeys(EVENT_TERMS)
    for one in sorted(life.happened, key=lambda event: event.anchor.at):
        if one.known_at <= instant:
            facts |= facts_of_event(one.kind, one.data)
    return facts
