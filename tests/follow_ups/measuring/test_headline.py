"""HQ's headline, and what stands beside it."""

from __future__ import annotations

import pytest

from app.follow_ups.measuring.headline import Headline, Reach, headline
from app.follow_ups.measuring.results import Attributed, Count, Funnel, Reached
from app.follow_ups.measuring.uplift import Estimate, Interval, NotEnough, measure_uplift
from app.follow_ups.states import Arm, Evidence
from tests.follow_ups.measuring.worlds import CONSTANT, live


def test_the_effect_per_member_becomes_pieces_a_week_and_fen_a_month():
    """12,000 treated in 84 days by 100 associates: ten each week, 120 / 84 x 30.4375 each month."""
    uplift = measure_uplift(live(CONSTANT, 0))
    told = headline(uplift, Reach(treated_members=12_000, associates=100, days=84))
    assert isinstance(uplift.pieces, Estimate)
    assert isinstance(uplift.fen, Estimate)
    assert isinstance(told.pieces_per_week, Interval)
    assert isinstance(told.fen_per_month, Interval)
    for end in ("value", "low", "high"):
        assert getattr(told.pieces_per_week, end) == pytest.approx(10 * getattr(uplift.pieces.watched, end))
        assert getattr(told.fen_per_month, end) == pytest.approx(
            120 / 84 * 30.4375 * getattr(uplift.fen.watched, end)
        )


def test_without_an_interval_there_is_no_headline_but_what_is_missing():
    uplift = measure_uplift([])
    told = headline(uplift, Reach(treated_members=5, associates=1, days=7))
    assert isinstance(uplift.pieces, NotEnough)
    assert told == Headline(uplift.pieces, uplift.pieces)


@pytest.mark.parametrize("reach", [Reach(10, 0, 7), Reach(10, 1, 0)])
def test_a_headline_needs_somebody_and_some_time(reach: Reach):
    with pytest.raises(ValueError, match="associates and days"):
        headline(measure_uplift([]), reach)


def test_a_grade_of_evidence_counts_with_all_better_ones():
    funnel = Funnel(
        {
            (Arm.TREATED, Reached.NOTHING): Count(10, 0, 1),
            (Arm.TREATED, Reached.OPENED): Count(20, 0, 2),
            (Arm.TREATED, Reached.PURCHASE): Count(3, 0, 1),
            (Arm.TREATED, Reached.SELF_DECLARED): Count(20, 1, 3),
            (Arm.TREATED, Reached.GATEWAY_UNKNOWN): Count(4, 0, 1),
            (Arm.TREATED, Reached.CLIENT_REPORTED): Count(30, 4, 6),
            (Arm.TREATED, Reached.GATEWAY_CONFIRMED): Count(2, 1, 1),
            (Arm.TREATED, Reached.WECOM_CONFIRMED): Count(5, 2, 2),
            (Arm.PLAN_HOLD_OUT, Reached.NOTHING): Count(10, 0, 1),
        }
    )
    assert funnel.of(Arm.TREATED) == Count(94, 8, 17)
    assert funnel.of(Arm.TREATED, Reached.OPENED) == Count(84, 8, 16)
    members = [funnel.of(Arm.TREATED, Reached(grade.value)).members for grade in Evidence]
    assert members == [5, 7, 37, 41, 61, 64]
    assert funnel.of(Arm.GLOBAL_HOLD_OUT) == Count(0, 0, 0)


def test_refunds_are_taken_back_from_what_is_attributed():
    attributed = Attributed(purchases=3, fen=90_000, refunded_fen=25_000, pieces_milli=3000)
    assert attributed.kept_fen == 65_000
