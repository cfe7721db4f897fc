"""What follow-ups bring: the arithmetic, what counts, and when nothing can be told yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.follow_ups.measuring.arms import Against, Measure, StoreArm
from app.follow_ups.measuring.distributions import t_quantile
from app.follow_ups.measuring.uplift import (
    Estimate,
    NotEnough,
    Shortfall,
    Verdict,
    compare,
    degrees_of_freedom,
    measure_uplift,
)
from app.follow_ups.states import Arm
from tests.follow_ups.measuring.worlds import CONSTANT, NOTHING, VARYING, live


def row(store_id: int, arm: Arm, members: int, buyers: int, *, per_mille: int = 100) -> StoreArm:
    """Every buyer bought one piece for 100 yuan."""
    return StoreArm(
        store_id, arm, per_mille, members, buyers, buyers, buyers, 10_000 * buyers, 10_000**2 * buyers
    )


def pair(store_id: int, treated: tuple[int, int], held_out: tuple[int, int]) -> list[StoreArm]:
    return [row(store_id, Arm.TREATED, *treated), row(store_id, Arm.PLAN_HOLD_OUT, *held_out)]


def chain(stores: int = 6) -> list[StoreArm]:
    """Stores of one size; in the s-th 20 + s of 100 treated buy, and 20 of 100 held out."""
    return [row for s in range(stores) for row in pair(s, (100, 20 + s), (100, 20))]


def estimated(rows: Sequence[StoreArm], measure: Measure = Measure.PURCHASE_RATE) -> Estimate:
    estimate = compare(rows, measure)
    assert isinstance(estimate, Estimate)
    return estimate


def test_stores_of_one_size_are_the_paired_t_test():
    """Student's own: differences 0 to 5 points over six stores, the jackknife's variance being s^2 / (n - 1)."""
    estimate = estimated(chain())
    spread = sqrt(sum((s - 2.5) ** 2 for s in range(6)) / 5) / 100
    assert estimate.difference.value == pytest.approx(0.025)
    assert estimate.dof == pytest.approx(5)
    assert estimate.standard_error == pytest.approx(spread / sqrt(5))
    assert estimate.difference.low == pytest.approx(0.025 - t_quantile(0.975, 5) * spread / sqrt(5))
    assert estimate.held_out_mean == pytest.approx(0.2)
    assert (estimate.stores, estimate.treated, estimate.held_out) == (6, 600, 600)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("measure", Measure)
def test_the_variance_is_that_of_leaving_out_one_store_after_another(seed: int, measure: Measure):
    rows = live(replace(VARYING, stores=8, size_spread=1.0), seed)
    whole = estimated(rows, measure)
    without = [
        estimated([row for row in rows if row.store_id != store], measure).difference.value
        for store in range(8)
    ]
    jackknife = sum((value - whole.difference.value) ** 2 for value in without)
    assert whole.standard_error**2 == pytest.approx(jackknife)


def test_degrees_of_freedom_are_satterthwaites():
    """Against the covariance matrix written out."""
    weights = [0.4, 0.3, 0.2, 0.06, 0.04]
    odds = [h / (1 - h) for h in weights]
    matrix = [
        [odds[i] * odds[j] * ((i == j) / weights[i] - 1) for j in range(len(weights))]
        for i in range(len(weights))
    ]
    trace = sum(matrix[i][i] for i in range(len(weights)))
    squares = sum(cell**2 for line in matrix for cell in line)
    assert degrees_of_freedom(weights) == pytest.approx(trace**2 / squares)
    assert degrees_of_freedom([0.1] * 10) == pytest.approx(9)


def test_a_store_of_other_habits_moves_nothing():
    """Its own difference counts (2 points, 1 point), not its level; the two crude rates are 12 points apart."""
    others = [*pair(8, (100, 92), (20, 18)), *pair(9, (20, 1), (100, 4))]
    weights = [50.0] * 6 + [100 * 20 / 120] * 2
    differences = [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.02, 0.01]
    expected = sum(w * d for w, d in zip(weights, differences, strict=True)) / sum(weights)
    assert estimated([*chain(), *others]).difference.value == pytest.approx(expected)


def test_members_of_different_shares_are_not_compared():
    """The share is raised while the rate falls: within each share there is no effect, across them there seems one."""
    rows = [
        each
        for store in range(6)
        for each in (
            row(store, Arm.TREATED, 900, 270, per_mille=100),
            row(store, Arm.PLAN_HOLD_OUT, 100, 30, per_mille=100),
            row(store, Arm.TREATED, 500, 50, per_mille=500),
            row(store, Arm.PLAN_HOLD_OUT, 500, 50, per_mille=500),
        )
    ]
    estimate = estimated(rows)
    assert estimate.difference.value == pytest.approx(0)
    assert estimate.stores == 6
    assert estimate.dof == pytest.approx(5)


def test_stores_where_an_arm_has_nobody_are_left_out():
    rows = [*chain(), row(9, Arm.TREATED, 500, 500), row(10, Arm.PLAN_HOLD_OUT, 0, 0)]
    assert estimated(rows) == estimated(chain())


def test_a_plan_is_compared_with_its_own_hold_out_and_the_whole_with_the_global_one():
    rows = [
        each
        for store in range(6)
        for each in (
            row(store, Arm.TREATED, 300, 60),
            row(store, Arm.PLAN_HOLD_OUT, 100, 12),
            row(store, Arm.GLOBAL_HOLD_OUT, 100, 10),
        )
    ]
    plan = compare(rows, Measure.PURCHASE_RATE, Against.PLAN)
    everything = compare(rows, Measure.PURCHASE_RATE, Against.EVERYTHING)
    assert isinstance(plan, Estimate)
    assert isinstance(everything, Estimate)
    assert plan.difference.value == pytest.approx(0.20 - 0.12)
    assert everything.difference.value == pytest.approx(72 / 400 - 0.10)
    assert (everything.treated, everything.held_out) == (2400, 600)


def test_amounts_and_pieces_are_per_member_not_per_buyer():
    uplift = measure_uplift(chain())
    assert isinstance(uplift.pieces, Estimate)
    assert isinstance(uplift.fen, Estimate)
    assert uplift.pieces.difference.value == pytest.approx(0.025)
    assert uplift.fen.difference.value == pytest.approx(250)
    assert uplift.fen.difference.high == pytest.approx(10_000 * uplift.pieces.difference.high)
    assert uplift.fen.to_tell.effect == pytest.approx(300)


@pytest.mark.parametrize(
    ("rows", "reason", "have", "least"),
    [
        ([], Shortfall.STORES, 0, 5),
        (chain(4), Shortfall.STORES, 4, 5),
        ([r for s in range(5) for r in pair(s, (19, 5), (300, 60))], Shortfall.TREATED, 95, 100),
        ([r for s in range(5) for r in pair(s, (300, 60), (19, 5))], Shortfall.HELD_OUT, 95, 100),
        ([r for s in range(5) for r in pair(s, (180, 18), (20, 1))], Shortfall.BUYERS, 9, 10),
    ],
)
def test_not_enough_yet_is_said_with_what_is_missing(
    rows: list[StoreArm], reason: Shortfall, have: int, least: int
):
    answer = compare(rows, Measure.PURCHASE_RATE)
    assert isinstance(answer, NotEnough)
    assert (answer.reason, answer.have, answer.least) == (reason, have, least)
    assert (answer.needed is None) == (not rows)


def test_what_it_will_take_is_known_before_there_is_an_interval():
    """0.198 x 0.802 between members, 1 held out to 9: Cohen's formula by hand."""
    answer = compare([r for s in range(4) for r in pair(s, (900, 180), (100, 20))], Measure.PURCHASE_RATE)
    assert isinstance(answer, NotEnough)
    assert answer.needed is not None
    assert answer.needed.held_out is not None
    assert answer.needed.held_out == pytest.approx((1.96 + 0.8416) ** 2 * 0.16 / 0.03**2 / 0.9, rel=0.01)
    assert answer.needed.treated == pytest.approx(9 * answer.needed.held_out, rel=0.01)


@pytest.mark.parametrize(
    ("treated", "verdict"), [(40, Verdict.MORE), (10, Verdict.LESS), (22, Verdict.NOT_ENOUGH_YET)]
)
def test_the_verdict_is_whether_the_interval_holds_zero(treated: int, verdict: Verdict):
    rows = [r for s in range(6) for r in pair(s, (100, treated + (-1) ** s * 3), (100, 20))]
    estimate = estimated(rows)
    assert estimate.verdict is verdict
    assert estimate.verdict_when_watched in {verdict, Verdict.NOT_ENOUGH_YET}


def test_watching_costs_width():
    estimate = estimated(live(CONSTANT, 0))
    assert estimate.watched.low < estimate.difference.low
    assert estimate.watched.high > estimate.difference.high
    assert estimate.watched.value == estimate.difference.value


def test_stores_that_differ_in_the_effect_show_in_the_design_effect():
    alike = estimated(live(replace(NOTHING, members=1000), 0))
    apart = estimated(live(replace(NOTHING, members=1000, uplift_spread=0.12, rate=0.3, rate_spread=0.2), 0))
    assert alike.design_effect < 2 < apart.design_effect


def test_where_all_stores_are_alike_to_the_member_nothing_is_uncertain():
    estimate = estimated([r for s in range(6) for r in pair(s, (100, 20), (100, 20))])
    assert (estimate.difference.value, estimate.difference.low, estimate.watched.high) == (0, 0, 0)
    assert estimate.to_tell_observed is None


@settings(max_examples=30)
@given(st.integers(0, 1000), st.randoms())
def test_neither_the_order_of_rows_nor_how_they_are_cut_counts(seed: int, random: Random):
    rows = live(replace(CONSTANT, stores=6), seed)
    counts = ("members", "buyers", "pieces", "pieces_squared", "fen", "fen_squared")
    twice = [replace(each, **{name: 2 * getattr(each, name) for name in counts}) for each in rows]
    shuffled = [*rows, *rows]
    random.shuffle(shuffled)
    assert compare(shuffled, Measure.FEN) == compare(twice, Measure.FEN)
