"""How many sales a day has and who makes them, decided before the first is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from math import ceil

from .draws import Draws, Shuffle
from .seasons import Season, season_of

ANONYMOUS = 0.20
# Members by how often they buy: (share of all members, purchases a year). The remaining 15 % joined and never bought.
LOYAL_SHARE, LOYAL_YEARLY = 0.12, 8.5
OCCASIONAL_SHARE, OCCASIONAL_YEARLY = 0.33, 2.2
ONCE_SHARE = 0.40
# One-time members come evenly over this many days, or over the whole chain when it is longer.
ONCE_WITHIN_DAYS = 540
# Loyal members are not alike: the rate at rank x (0 to 1) goes with (x + SHIFT) ** -STEEP, from end to end 12 times.
STEEP, SHIFT = 0.7, 0.03

REFUNDED = 0.06
# Of the refunds, the share that comes back n days later: at once (a mistake at the till), within a week, a month, two.
_LAGS = [0.08] + [0.08] * 7 + [0.32 / 23] * 23 + [0.04 / 30] * 30
LONGEST_LAG = len(_LAGS) - 1
_LAGS_UNTIL = list(accumulate(_LAGS, initial=0.0))


@dataclass(frozen=True)
class Population:
    """Members in order of rank: the loyal first, then occasional, one-time, and those who never buy."""

    seed: int
    members: int
    loyal: int = field(init=False)
    occasional: int = field(init=False)
    once: int = field(init=False)
    by_rank: Shuffle = field(init=False)

    def __post_init__(self) -> None:
        until = accumulate((LOYAL_SHARE, OCCASIONAL_SHARE, ONCE_SHARE))
        loyal, occasional, once = (ceil(self.members * share) for share in until)
        object.__setattr__(self, "loyal", loyal)
        object.__setattr__(self, "occasional", occasional - loyal)
        object.__setattr__(self, "once", once - occasional)
        object.__setattr__(self, "by_rank", Shuffle(self.members, self.seed, "ranks"))

    def draw_loyal(self, draws: Draws) -> int:
        """The index of a loyal member, the keenest most often (inverse of the density of STEEP and SHIFT)."""
        bend = 1 - STEEP
        low, high = SHIFT**bend, (1 + SHIFT) ** bend
        rank = (low + draws.unit() * (high - low)) ** (1 / bend) - SHIFT
        return self.by_rank[min(int(rank * self.loyal), self.loyal - 1)]

    def draw_occasional(self, draws: Draws) -> int:
        return self.by_rank[self.loyal + draws.below(self.occasional)]

    def one_timer(self, number: int) -> int:
        """The index of the one-time member who comes `number`-th since the first day."""
        return self.by_rank[self.loyal + self.occasional + number]


@dataclass(frozen=True)
class Day:
    """The sales of a date. Sale `j` stands at `order[j]` in the row of buyers: loyal, occasional, once, anonymous.

    Of the row shuffled by `refund_order`, positions `refunds[n]` up to `refunds[n + 1]` come back n days later: so any
    refund is found from the number of its day, and no sale comes back twice.
    """

    number: int
    on: date
    season: Season
    loyal: int
    occasional: int
    once: int
    anonymous: int
    once_before: int
    order: Shuffle
    refund_order: Shuffle
    refunds: list[int]

    @property
    def sales(self) -> int:
        return self.order.size


def plan_days(population: Population, start: date, days: int) -> Iterator[Day]:
    """One Day per date, in order."""
    once_before = 0
    traffic_before = 0.0
    for number in range(days):
        day = _plan(population, start, number, once_before, traffic_before, max(days, ONCE_WITHIN_DAYS))
        yield day
        once_before += day.once
        traffic_before += day.season.traffic


def _plan(
    population: Population, start: date, number: int, once_before: int, traffic_before: float, horizon: int
) -> Day:
    on = start + timedelta(days=number)
    draws = Draws(population.seed, "day", number)
    season = season_of(on)
    traffic = season.traffic * (0.85 + 0.3 * draws.unit())

    loyal = _rounded(population.loyal * LOYAL_YEARLY / 365 * traffic, draws)
    occasional = _rounded(population.occasional * OCCASIONAL_YEARLY / 365 * traffic, draws)
    come = _rounded(population.once * (traffic_before + season.traffic) / horizon, draws)
    once = max(0, min(come, population.once) - once_before)
    known = loyal + occasional + once
    anonymous = _rounded(known * ANONYMOUS / (1 - ANONYMOUS), draws)

    sales = known + anonymous
    shift = draws.unit()
    return Day(
        number, on, season, loyal, occasional, once, anonymous, once_before,
        Shuffle(sales, population.seed, "kinds", number),
        Shuffle(sales, population.seed, "refunds", number),
        [min(sales, int(sales * REFUNDED * share + shift)) for share in _LAGS_UNTIL],
    )  # fmt: skip


def _rounded(expected: float, draws: Draws) -> int:
    """A whole number that is `expected` on average: a small chain too sells something, some day."""
    return int(expected + draws.unit())
