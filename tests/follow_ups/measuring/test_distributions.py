"""Quantiles against published tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.follow_ups.measuring.distributions import beta_cdf, beta_spread, normal_quantile, t_cdf, t_quantile

NEAR = 1e-6


@pytest.mark.parametrize(
    ("probability", "dof", "tabled"),
    [
        (0.975, 1, 12.7062047),
        (0.975, 2, 4.3026527),
        (0.975, 4, 2.7764451),
        (0.975, 10, 2.2281389),
        (0.975, 30, 2.0422725),
        (0.975, 120, 1.9799304),
        (0.95, 5, 2.0150484),
        (0.995, 3, 5.8409093),
        (0.8, 4, 0.9409646),
        (0.5, 7, 0.0),
        (0.025, 10, -2.2281389),
        (0.975, 1e9, 1.9599640),
        (0.975, float("inf"), 1.9599640),
    ],
)
def test_t_quantiles_are_the_tabled_ones(probability: float, dof: float, tabled: float):
    assert t_quantile(probability, dof) == pytest.approx(tabled, abs=NEAR)


@pytest.mark.parametrize(
    ("probability", "tabled"), [(0.975, 1.9599640), (0.8, 0.8416212), (0.5, 0.0), (0.1, -1.2815516)]
)
def test_normal_quantiles_are_the_tabled_ones(probability: float, tabled: float):
    assert normal_quantile(probability) == pytest.approx(tabled, abs=NEAR)


@given(st.floats(0.001, 0.999), st.floats(0.7, 5000))
def test_a_t_quantile_has_its_probability_below_it(probability: float, dof: float):
    assert t_cdf(t_quantile(probability, dof), dof) == pytest.approx(probability, abs=NEAR)


def test_whole_parameters_of_beta_are_sums_of_binomials():
    """P(Beta(3, 5) <= x) = P(Binomial(7, x) >= 3)."""
    x = 0.3
    tail = 1 - (0.7**7 + 7 * 0.3 * 0.7**6 + 21 * 0.09 * 0.7**5)
    assert beta_cdf(x, 3, 5) == pytest.approx(tail, abs=1e-12)


@given(st.floats(0.01, 0.99), st.floats(0.1, 1e5), st.floats(0.1, 1e5))
def test_beta_is_itself_seen_from_the_other_end(x: float, a: float, b: float):
    assert beta_cdf(x, a, b) == pytest.approx(1 - beta_cdf(1 - x, b, a), abs=NEAR)


def test_beta_ends_at_nought_and_one():
    assert (beta_cdf(0, 2, 3), beta_cdf(-1, 2, 3), beta_cdf(1, 2, 3), beta_cdf(2, 2, 3)) == (0, 0, 1, 1)


def test_the_spread_of_the_uniform_is_known():
    assert beta_spread(1, 1) == pytest.approx((0.5, 12**-0.5))


@pytest.mark.parametrize(("probability", "dof"), [(0, 3), (1, 3), (0.5, 0), (0.5, -1)])
def test_no_quantile_where_there_is_none(probability: float, dof: float):
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(probability, dof)


def test_no_beta_without_positive_parameters():
    with pytest.raises(ValueError, match="no beta distribution"):
        beta_cdf(0.5, 0, 1)
