"""HQ's headline: the tool's promise, extra pieces per associate and week, extra yuan per associate and month. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.follow_ups.measuring.uplift import Estimate, Interval, NotEnough, Uplift

WEEK_DAYS = 7
MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom the effect was given to and by how many.

    `treated_members` are members' stretches of one window each that began within `days`: everybody who ever entered is
    in it once for each window, so it stays what it is in a chain's second year (`following`). `associates` is how many
    served them on average, absent ones not counted. Stores without a hold-out of their own are in: they are taken to
    gain alike.
    """

    treated_members: int
    associates: int
    days: int


@dataclass(frozen=True, slots=True)
class Headline:
    """What one associate sells more for the follow-ups, with the interval that holds however often it is looked at: a
    headline is looked at whenever somebody opens the page."""

    pieces_per_week: Interval | NotEnough
    fen_per_month: Interval | NotEnough


def headline(uplift: Uplift, reach: Reach) -> Headline:
    """Effect per treated member x treated members / associates / time; the counts are facts, the effect is uncertain.

    Raises ValueError without associates or days.
    """
    if reach.associates < 1 or reach.days < 1:
        raise ValueError("a headline needs associates and days")
    per_day = reach.treated_members / reach.associates / reach.days
    return Headline(
        pieces_per_week=_scaled(uplift.pieces, per_day * WEEK_DAYS),
        fen_per_month=_scaled(uplift.fen, per_day * MONTH_DAYS),
    )


def _scaled(effect: Estimate | NotEnough, factor: float) -> Interval | NotEnough:
    return effect if isinstance(effect, NotEnough) else effect.watched.times(factor)
