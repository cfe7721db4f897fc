"""Whether a plan's rule held when something happened, as far as raw facts tell: True, False, or None for nobody knows.

Only facts that do not change afterwards are taken: what an event said, and what had been bought until then. Tags,
levels, categories of articles and the like are known as they are now, not as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any

from app.criteria.terms import Value
from app.follow_ups.facts import criterion_of
from app.follow_ups.reconciling.doubts import Doubt
from app.follow_ups.reconciling.raw import Bought, Facts, Happened

# What an event says, by kind: term → field of its data.
SAID: Mapping[str, Mapping[str, str]] = {
    "satisfaction": {"score": "score"},
    "review": {"stars": "stars"},
    "visit": {"visit_reason": "reason", "tried": "tried"},
    "level_change": {"level": "after", "level_before": "before"},
    "service": {"service": "service"},
    "after_sales": {"case_about": "about"},
    "refund": {"refund_amount": "amount_fen"},
    "unfriended": {"unfriended_by": "by"},
    "join": {"joined_via": "via"},
}
WINDOWS = (30, 90, 365)
OF_HISTORY = frozenset(
    {
        *("orders", "total_amount", "days_since_purchase", "amount_30d", "amount_90d", "amount_365d"),
        *("orders_90d", "orders_365d"),
    }
)
OF_PURCHASES = frozenset({"amount", "pieces", "skus", "sizes", "sellers", "orders", "total_amount"})


def held_for_event(rule: str, event: Happened) -> bool | None:
    """Whether the rule held for what the event said."""
    criterion = criterion_of(rule)
    said = {term: _value(event.data.get(name)) for term, name in SAID.get(event.kind, {}).items()}
    return criterion.holds(said) if criterion.terms <= said.keys() else None


def held_for_day(rule: str, facts: Facts, day: Sequence[Bought], told: Bought) -> bool | None:
    """Whether the rule held when this purchase of the day was told, over all of the day told by then.

    What was told at the same instant may have been told together or one after the other: None where that matters. So
    it is where anything of the day came back meanwhile.
    """
    criterion = criterion_of(rule)
    if not criterion.terms:
        return True
    if not criterion.terms <= OF_PURCHASES or any(one.some_came_back for one in day):
        return None
    before = list(takewhile(lambda one: one is not told, facts.bought))
    since = facts.bought[len(before) :]
    together = [one for one in since if one.recorded_at == told.recorded_at]
    verdicts = set()
    for number in range(1, len(together) + 1):
        known = [*before, *together[:number]]
        verdicts.add(criterion.holds(_of_day(facts, [one for one in day if one in known], known)))
    return verdicts.pop() if len(verdicts) == 1 else None


def doubt_of_day(rule: str, day: Sequence[Bought]) -> Doubt:
    """Why it cannot be told whether the rule held for a day of purchases (`held_for_day`)."""
    return _doubt(rule, OF_PURCHASES, day, Doubt.TOGETHER)


def _of_day(facts: Facts, day: Sequence[Bought], known: Sequence[Bought]) -> dict[str, Value]:
    lines = [line for one in day for line in facts.lines.get(one.id, ())]
    return {
        "amount": sum(one.amount_fen for one in day),
        "pieces": sum(line.pieces for line in lines),
        "skus": frozenset(line.sku for line in lines if line.sku),
        "sizes": frozenset(line.size for line in lines if line.size),
        "sellers": frozenset(one.seller for one in day if one.seller),
        "orders": len(known),
        "total_amount": sum(one.amount_fen for one in known),
    }


def _value(said: Any) -> Value:
    if isinstance(said, list):
        return frozenset(said)
    return None if said == "" else said


def held_on_day(
    rule: str,
    facts: Facts,
    day_of: Callable[[datetime], date],
    today: date,
    since: datetime,
    until: datetime,
) -> bool | None:
    """Whether the rule held while a plan of the calendar looked at a day: by what had been told `since` it did.

    None where it asks what may have changed since, or where what was told `until` it was done decides.
    """
    criterion = criterion_of(rule)
    if not criterion.terms:
        return True
    if not criterion.terms <= OF_HISTORY or any(one.some_came_back for one in facts.bought):
        return None
    verdicts = set()
    for instant in (since, until):
        known = [one for one in facts.bought if one.recorded_at <= instant]
        verdicts.add(criterion.holds(_history(known, day_of, today)))
    return verdicts.pop() if len(verdicts) == 1 else None


def doubt_on_day(rule: str, facts: Facts) -> Doubt:
    """Why it cannot be told whether the rule held on a day of the calendar (`held_on_day`)."""
    return _doubt(rule, OF_HISTORY, facts.bought, Doubt.CALENDAR)


def _doubt(rule: str, kept: frozenset[str], bought: Sequence[Bought], otherwise: Doubt) -> Doubt:
    if not criterion_of(rule).terms <= kept:
        return Doubt.CONDITION
    return Doubt.RETURNED if any(one.some_came_back for one in bought) else otherwise


def _history(known: Sequence[Bought], day_of: Callable[[datetime], date], today: date) -> dict[str, Value]:
    """What had been bought in all and within the last days, today among them."""
    found: dict[str, Value] = {"orders": len(known), "total_amount": sum(one.amount_fen for one in known)}
    found["days_since_purchase"] = (today - max(day_of(one.at) for one in known)).days if known else None
    for days in WINDOWS:
        lately = [one for one in known if (today - one.on).days < days]
        found[f"amount_{days}d"] = sum(one.amount_fen for one in lately)
        found[f"orders_{days}d"] = len(lately)
    return found
