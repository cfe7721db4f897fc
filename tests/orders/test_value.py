"""What members are worth: the 6-3-1 rule over made-up and stored totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.db import Database
from app.orders.models import ValueTiers
from app.orders.value import SPAN_FEN, Tiers, limits, tiers_of_today
from tests.world import World


def spans_of(totals: list[int]) -> Iterator[tuple[int, int]]:
    spans = [total // SPAN_FEN for total in totals if total > 0]
    return ((span, spans.count(span)) for span in set(spans))


def test_a_tenth_are_top_three_tenths_high_and_the_others_low() -> None:
    totals = [SPAN_FEN * number for number in range(1, 101)]
    tiers = limits(spans_of(totals))
    found = [tiers.of(total) for total in totals]
    assert found == [1] * 60 + [2] * 30 + [3] * 10


def test_who_bought_nothing_or_returned_everything_is_of_no_tier() -> None:
    assert Tiers(1000, 100).of(0) == 0
    assert Tiers(1000, 100).of(-500) == 0


def test_before_anybody_was_counted_all_who_bought_are_alike() -> None:
    assert limits([]) == Tiers()
    assert Tiers().of(1_000_000) == 1


def test_where_all_spent_the_same_nobody_stands_out() -> None:
    tiers = limits(spans_of([50_000] * 100))
    assert tiers.of(50_000) == 1


@given(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=300))
def test_more_money_is_never_of_a_lower_tier_and_shares_are_met_to_within_a_span(totals: list[int]) -> None:
    tiers = limits(spans_of(totals))
    found = [tiers.of(total) for total in sorted(totals)]
    assert found == sorted(found)
    largest = max(members for _, members in spans_of(totals))
    for tier, share in ((3, 0.1), (2, 0.4)):
        assert abs(sum(one >= tier for one in found) - share * len(totals)) <= max(1, largest / 2)


class TestCounting:
    @pytest.fixture
    def world(self, database: Database) -> World:
        world = World(database)
        for number in range(10):
            world.member(f"c{number}")
            world.buy(f"c{number}", "2026-03-01 09:00", price=10_000 * (number + 1))
        return world

    def test_limits_are_counted_once_a_day_by_who_has_the_time(self, world: World) -> None:
        database = world.database
        assert tiers_of_today(database, may_count=False) == Tiers()
        first = tiers_of_today(database, may_count=True)
        assert [first.of(10_000 * number) for number in range(1, 11)] == [1] * 6 + [2] * 3 + [3]
        world.buy("c0", "2026-03-01 09:00", price=10_000_000)
        assert tiers_of_today(database, may_count=True) == first
        world.sleep_until("2026-03-02 10:00")
        assert tiers_of_today(database, may_count=False) == first
        again = tiers_of_today(database, may_count=True)
        assert again.of(10_010_000) == 3
        assert again.of(100_000) == 2
        with database.reading() as session:
            assert clock.now(session) - session.get_one(ValueTiers, 1).counted_at < timedelta(minutes=10)
