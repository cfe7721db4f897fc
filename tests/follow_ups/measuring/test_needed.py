"""How many members it takes to tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.follow_ups.measuring.needed import Sample, needed, planned

# 10 % held out, variance 0.1 between members, effect of the stores' differences nil.
ALIKE = Sample(9000, 1000, 40, 0.1 / 900, 0.0, float("inf"))


def test_two_even_arms_are_the_textbooks_number():
    """2 (1.95996 + 0.84162)^2 x 0.12 x 0.88 / 0.03^2 = 1841.9 per arm."""
    plan = planned(0.12 * 0.88, 0.5, 0.03)
    assert plan is not None
    assert (plan.treated, plan.held_out) == (1842, 1842)


def test_an_uneven_split_needs_more_members_in_all():
    even, uneven = planned(0.1, 0.5, 0.03), planned(0.1, 0.1, 0.03)
    assert even is not None
    assert uneven is not None
    assert uneven.treated == pytest.approx(9 * (uneven.held_out or 0), rel=0.01)
    assert (uneven.treated or 0) + (uneven.held_out or 0) > 2.5 * 2 * (even.treated or 0)


def test_half_the_effect_needs_four_times_the_members():
    assert needed(ALIKE, 0.015).held_out == pytest.approx(4 * (needed(ALIKE, 0.03).held_out or 0), rel=0.01)


def test_an_effect_downwards_needs_as_many():
    assert needed(ALIKE, -0.03).treated == needed(ALIKE, 0.03).treated


def test_stores_that_differ_need_more_members():
    apart = replace(ALIKE, between_stores=5e-5)
    assert (needed(apart, 0.03).held_out or 0) > 1.5 * (needed(ALIKE, 0.03).held_out or 0)


def test_where_stores_differ_too_much_only_more_stores_will_do():
    """(0.03 / 2.80158)^2 = 0.00011467 is less than the stores' 0.0002: 40 x 0.00031111 / 0.00011467 stores."""
    answer = needed(replace(ALIKE, between_stores=2e-4), 0.03)
    assert (answer.treated, answer.held_out, answer.stores) == (None, None, 109)


def test_no_number_of_anything_tells_an_effect_of_nothing():
    answer = needed(replace(ALIKE, between_stores=2e-4), 0.0)
    assert (answer.treated, answer.held_out, answer.stores) == (None, None, None)


@pytest.mark.parametrize(
    ("variance", "share", "effect"), [(0.1, 0.0, 0.03), (0.1, 1.0, 0.03), (0.0, 0.1, 0.03), (0.1, 0.1, 0.0)]
)
def test_nothing_is_planned_without_two_arms_a_variance_and_an_effect(
    variance: float, share: float, effect: float
):
    assert planned(variance, share, effect) is None
