"""The interval against worlds whose uplift is known: it covers the truth as often as it says, and it can fail to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest

from app.follow_ups.measuring.arms import Measure, StoreArm
from app.follow_ups.measuring.distributions import normal_quantile
from app.follow_ups.measuring.needed import planned
from app.follow_ups.measuring.uplift import Estimate, Interval, Verdict, compare
from app.follow_ups.states import Arm
from tests.follow_ups.measuring.worlds import CONSTANT, NOTHING, WORLDS, World, live

SEEDS = range(100)
LOOKS = 12
# Stores among which follow-ups do 3 points good on average, and from 9 points harm to 15 points good.
APART = World(stores=20, members=1000, rate=0.3, rate_spread=0.2, uplift_spread=0.12)

lives = cache(live)


def estimated(rows: Sequence[StoreArm], measure: Measure = Measure.PURCHASE_RATE) -> Estimate:
    estimate = compare(rows, measure)
    assert isinstance(estimate, Estimate)
    return estimate


def covered(world: World, measure: Measure, interval: Callable[[Sequence[StoreArm]], Interval]) -> int:
    """Of a hundred lives of the world, in how many the interval holds the truth."""
    truth = world.truth(measure)
    intervals = (interval(lives(world, seed)) for seed in SEEDS)
    return sum(interval.low <= truth <= interval.high for interval in intervals)


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_covers_the_truth_in_93_of_100_seeds(name: str, measure: Measure):
    assert covered(WORLDS[name], measure, lambda rows: estimated(rows, measure).difference) >= 93


def test_the_interval_is_not_so_wide_that_it_tells_nothing():
    """3 points on 12 are seen in most lives, and nothing is taken for something in few."""
    seen = [estimated(lives(CONSTANT, seed)).verdict for seed in SEEDS]
    fooled = [estimated(lives(NOTHING, seed)).verdict for seed in SEEDS]
    assert seen.count(Verdict.MORE) >= 70
    assert fooled.count(Verdict.NOT_ENOUGH_YET) >= 93


def unclustered(rows: Sequence[StoreArm]) -> Interval:
    """The planted bug: two samples of members, as if each had been drawn from a chain without stores."""
    means, variance = [], 0.0
    for arm in (Arm.TREATED, Arm.PLAN_HOLD_OUT):
        members = sum(row.members for row in rows if row.arm is arm)
        rate = sum(row.buyers for row in rows if row.arm is arm) / members
        means.append(rate)
        variance += rate * (1 - rate) / members
    value, reach = means[0] - means[1], normal_quantile(0.975) * variance**0.5
    return Interval(value, value - reach, value + reach)


def test_ignoring_stores_is_found_out_where_the_effect_varies_between_them():
    """Clustered, 95.8 % of 1,000 other lives are covered here [M]; below 90 of a hundred is then once in 300."""
    ignoring = covered(APART, Measure.PURCHASE_RATE, unclustered)
    clustered = covered(APART, Measure.PURCHASE_RATE, lambda rows: estimated(rows).difference)
    assert ignoring <= 80
    assert clustered >= 90


def added(one: StoreArm, other: StoreArm) -> StoreArm:
    counts = ("members", "buyers", "pieces", "pieces_squared", "fen", "fen_squared")
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in counts})


def looked_at_every_week(seed: int) -> list[Estimate]:
    """A chain without any uplift, told every week with all members so far."""
    known: list[StoreArm] = []
    estimates: list[Estimate] = []
    for week in range(LOOKS):
        rows = live(replace(NOTHING, stores=15, members=40, size_spread=0.1), seed * LOOKS + week)
        known = [added(one, other) for one, other in zip(known, rows, strict=True)] if known else rows
        estimate = compare(known, Measure.PURCHASE_RATE)
        estimates += [estimate] if isinstance(estimate, Estimate) else []
    return estimates


def test_watching_every_week_fools_the_interval_and_not_the_watched_one():
    histories = [looked_at_every_week(seed) for seed in SEEDS]
    fooled = sum(any(look.verdict is not Verdict.NOT_ENOUGH_YET for look in looks) for looks in histories)
    watched = sum(
        any(look.verdict_when_watched is not Verdict.NOT_ENOUGH_YET for look in looks) for looks in histories
    )
    assert fooled >= 8
    assert watched <= 5


def test_with_the_members_planned_for_the_effect_is_seen_in_about_four_of_five_lives():
    plan = planned(0.14 * 0.86, CONSTANT.held_out_per_mille / 1000, CONSTANT.uplift)
    assert plan is not None
    assert plan.treated is not None
    assert plan.held_out is not None
    world = replace(CONSTANT, members=round((plan.treated + plan.held_out) / CONSTANT.stores))
    seen = sum(estimated(live(world, seed)).verdict is Verdict.MORE for seed in SEEDS)
    assert 65 <= seen <= 92
