"""The split into treated and held out: stable, as large as asked, and apart from every other split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.follow_ups.measuring.holding_out import arm_of, is_held_out
from app.follow_ups.states import Arm

MANY = 100_000
# Members' ids as they are given out: growing, with gaps.
IDS = range(47_000_000_000_000_000, 47_000_000_000_000_000 + MANY * 4096, 4096)
ids = st.integers(0, 2**63 - 1)
salts = st.text("plan:0123456789", min_size=1, max_size=16)
PINNED = [13, 28, 38, 44, 77, 82, 86, 94]
shares = st.integers(0, 1000)


@pytest.mark.parametrize("per_mille", [50, 100, 500])
@pytest.mark.parametrize("members", [range(MANY), IDS], ids=["counted", "by time"])
def test_a_split_is_within_one_percent_of_its_share(members: range, per_mille: int):
    held_out = sum(is_held_out(member, "thanks", per_mille) for member in members)
    assert abs(held_out / MANY - per_mille / 1000) <= 0.01


def test_a_split_is_the_same_for_ever():
    """Written down: whoever changes the hash moves members between arms of plans that are running."""
    held_out = [member for member in range(1, 101) if is_held_out(member, "thanks", 100)]
    assert held_out == PINNED


@given(ids, salts, shares, shares)
def test_growing_the_share_only_adds_members(member: int, salt: str, one: int, other: int):
    less, more = sorted((one, other))
    assert is_held_out(member, salt, more) or not is_held_out(member, salt, less)


@given(ids, salts)
def test_nobody_and_everybody_are_shares(member: int, salt: str):
    assert not is_held_out(member, salt, 0)
    assert is_held_out(member, salt, 1000)


def test_two_plans_hold_out_independently():
    """As many in both as chance has it, within four standard deviations (binomial, one in a hundred)."""
    both = sum(is_held_out(member, "thanks", 100) and is_held_out(member, "join", 100) for member in IDS)
    assert abs(both - MANY / 100) <= 4 * (MANY * 0.01 * 0.99) ** 0.5


def test_the_global_hold_out_comes_first_and_the_plan_splits_the_rest():
    arms = [
        arm_of(member, "thanks", 100, global_salt="everything", global_per_mille=50) for member in range(MANY)
    ]
    for member in (0, 1, 2, *range(1000, 2000)):
        assert (arms[member] is Arm.GLOBAL_HOLD_OUT) == is_held_out(member, "everything", 50)
    shares = {arm: arms.count(arm) / MANY for arm in Arm}
    assert shares[Arm.GLOBAL_HOLD_OUT] == pytest.approx(0.05, abs=0.01)
    assert shares[Arm.PLAN_HOLD_OUT] == pytest.approx(0.95 * 0.1, abs=0.01)
    assert shares[Arm.TREATED] == pytest.approx(0.95 * 0.9, abs=0.01)


def test_one_salt_for_both_splits_is_refused():
    with pytest.raises(ValueError, match="salt of its own"):
        arm_of(1, "everything", 100, global_salt="everything", global_per_mille=50)


@pytest.mark.parametrize("per_mille", [-1, 1001])
def test_a_share_outside_the_whole_is_refused(per_mille: int):
    with pytest.raises(ValueError, match="per mille"):
        is_held_out(1, "thanks", per_mille)


@pytest.mark.parametrize("salt", ["", "x" * 65])
def test_a_salt_that_is_no_key_is_refused(salt: str):
    with pytest.raises(ValueError, match="bytes"):
        is_held_out(1, salt, 100)
