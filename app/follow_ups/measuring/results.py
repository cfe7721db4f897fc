"""What a plan's results page tells, as values: from entering to buying, what is attributed, what is measured. Pure.

Attribution and uplift answer two questions and are shown apart: which purchases followed a task, and how many there
would not have been without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.follow_ups.measuring.headline import Headline
from app.follow_ups.measuring.uplift import Uplift
from app.follow_ups.states import Arm, Evidence


class Reached(StrEnum):
    """How far a member was followed up within the window: the best there is, the least first."""

    NOTHING = "nothing"  # no task was opened
    OPENED = "opened"  # none was done
    PURCHASE = Evidence.PURCHASE.value
    SELF_DECLARED = Evidence.SELF_DECLARED.value
    GATEWAY_UNKNOWN = Evidence.GATEWAY_UNKNOWN.value
    CLIENT_REPORTED = Evidence.CLIENT_REPORTED.value
    GATEWAY_CONFIRMED = Evidence.GATEWAY_CONFIRMED.value
    WECOM_CONFIRMED = Evidence.WECOM_CONFIRMED.value


# Evidence is declared strongest first, what a member reached weakest first.
WEAKEST_FIRST = tuple(Reached)


def at_least(weakest: Reached) -> tuple[Reached, ...]:
    """What counts as that far, or further."""
    return WEAKEST_FIRST[WEAKEST_FIRST.index(weakest) :]


@dataclass(frozen=True, slots=True)
class Count:
    """Members who came so far, and how many of them answered and bought within the window."""

    members: int
    replied: int
    buyers: int


NOBODY = Count(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many came how far, by arm. The held out are sent nothing; what they do all the same is the point."""

    counts: Mapping[tuple[Arm, Reached], Count]

    def of(self, arm: Arm, weakest: Reached = Reached.NOTHING) -> Count:
        """Members of one arm who came at least so far."""
        its = [self.counts.get((arm, reached), NOBODY) for reached in at_least(weakest)]
        return Count(
            sum(count.members for count in its),
            sum(count.replied for count in its),
            sum(count.buyers for count in its),
        )


@dataclass(frozen=True, slots=True)
class Attributed:
    """Purchases in which done tasks have a share, booked in one month, and what of them was taken back in it."""

    purchases: int
    fen: int
    refunded_fen: int
    pieces_milli: int

    @property
    def kept_fen(self) -> int:
        """What is left of it."""
        return self.fen - self.refunded_fen


@dataclass(frozen=True, slots=True)
class Months:
    """Members' stretches of so many days since they entered a plan (0: any) that began in these months; `first` and
    `last` are firsts of months."""

    plan_id: int
    window_days: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Sums:
    """What one side of the comparison comes to, unweighted."""

    members: int
    buyers: int
    pieces: int
    fen: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One plan, or all of them, over some months of entering; None where nobody entered who is counted yet.

    `first_on` and `last_on` are the days between which those counted entered.
    """

    first_on: date
    last_on: date
    funnel: Funnel
    uplift: Uplift
    headline: Headline
    treated: Sums  # of the members of the comparison only
    held_out: Sums
