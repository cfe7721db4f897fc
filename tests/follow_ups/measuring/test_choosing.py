"""Scripts chosen by what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.follow_ups.measuring.choosing import (
    FLOOR,
    Choice,
    ChoiceReason,
    ScriptResult,
    best_probabilities,
    chances,
    choose,
)

WARM = ScriptResult("warm", 430, 53)
COOL = ScriptResult("cool", 410, 20)
NEW = ScriptResult("new")
MEMBERS = 20_000


def chosen(results: Sequence[ScriptResult], enrollment_id: int, *, learning: bool = True) -> Choice:
    choice = choose(results, enrollment_id=enrollment_id, step_no=2, salt="thanks", learning=learning)
    assert choice is not None
    return choice


def counted(results: Sequence[ScriptResult]) -> Counter[str]:
    return Counter(chosen(results, enrollment_id).script_code for enrollment_id in range(MEMBERS))


def test_the_better_script_is_found_in_a_world_where_it_is_better():
    """10 and 16 of 100 succeed; each day's choices are made on the results up to the day before."""
    rates = {"plain": 0.10, "good": 0.16}
    random = Random(20260301)
    tried: Counter[str] = Counter()
    succeeded: Counter[str] = Counter()
    today: Counter[str] = Counter()
    for day in range(40):
        snapshot = [ScriptResult(code, tried[code], succeeded[code]) for code in rates]
        today = Counter(chosen(snapshot, day * 1000 + member).script_code for member in range(200))
        for code, count in today.items():
            tried[code] += count
            succeeded[code] += sum(random.random() < rates[code] for _ in range(count))
    assert today["good"] >= 0.85 * 200
    assert today["plain"] >= 1


def test_a_script_gets_the_share_of_members_it_is_said_to_get():
    counts = counted([WARM, COOL, NEW])
    for result, share in zip((COOL, NEW, WARM), chances((COOL, NEW, WARM)), strict=True):
        assert counts[result.script_code] / MEMBERS == pytest.approx(share, abs=0.015)


def test_the_floor_holds_for_a_script_that_is_surely_worse():
    poor = ScriptResult("poor", 100_000, 100)
    great = ScriptResult("great", 100_000, 50_000)
    assert chances((great, poor)) == pytest.approx((1 - FLOOR, FLOOR))
    assert counted([great, poor])["poor"] / MEMBERS == pytest.approx(FLOOR, abs=0.01)


@settings(max_examples=30)
@given(
    st.lists(
        st.integers(0, 3000).flatmap(lambda tried: st.tuples(st.just(tried), st.integers(0, tried))),
        min_size=1,
        max_size=5,
    ),
    st.floats(0, 0.5),
)
def test_chances_are_shares_of_one_and_none_is_below_the_floor(results: list[tuple[int, int]], floor: float):
    shares = chances(tuple(ScriptResult(str(at), *result) for at, result in enumerate(results)), floor)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= min(floor, 1 / len(results)) - 1e-12


def test_the_probability_of_being_best_is_what_drawing_says():
    """Thompson's own way: draw a rate for each from what is believed of it, and count who comes first."""
    random = Random(1)
    prior = 20 * (53 + 20 + 1) / (430 + 410 + 2)
    beliefs = [(prior + r.succeeded, 20 - prior + r.tried - r.succeeded) for r in (WARM, COOL, NEW)]
    firsts: Counter[int] = Counter()
    for _ in range(20_000):
        drawn = [random.betavariate(a, b) for a, b in beliefs]
        firsts[drawn.index(max(drawn))] += 1
    for at, probability in enumerate(best_probabilities([WARM, COOL, NEW])):
        assert firsts[at] / 20_000 == pytest.approx(probability, abs=0.015)


@settings(max_examples=30)
@given(st.integers(0, 2**63), st.integers(1, 9), st.permutations([WARM, COOL, NEW]))
def test_a_retry_chooses_the_same_in_whatever_order_scripts_are_listed(
    enrollment_id: int, step_no: int, listed: list[ScriptResult]
):
    first = choose([WARM, COOL, NEW], enrollment_id=enrollment_id, step_no=step_no, salt="thanks")
    chances.cache_clear()
    assert choose(listed, enrollment_id=enrollment_id, step_no=step_no, salt="thanks") == first


def test_steps_and_salts_choose_apart():
    def codes(step_no: int, salt: str) -> list[str]:
        choices = (
            choose([NEW, ScriptResult("other")], enrollment_id=member, step_no=step_no, salt=salt)
            for member in range(1000)
        )
        return [choice.script_code for choice in choices if choice]

    for other in (codes(3, "thanks"), codes(2, "join")):
        same = sum(one == two for one, two in zip(codes(2, "thanks"), other, strict=True))
        assert 400 < same < 600


def test_withdrawing_a_script_moves_only_those_who_had_it():
    three = [ScriptResult("a"), ScriptResult("b"), ScriptResult("c")]
    moved = 0
    for enrollment_id in range(1000):
        before = chosen(three, enrollment_id).script_code
        after = chosen(three[:2], enrollment_id).script_code
        assert after == before or before == "c"
        moved += before == "c"
    assert 250 < moved < 420


def test_a_new_script_is_tried_at_once_but_does_not_take_over():
    old = ScriptResult("old", 4000, 480)
    share = chances((NEW, old))[0]
    assert 0.2 < share < 0.5


def test_nothing_tried_yet_is_an_even_split():
    assert chances((ScriptResult("a"), ScriptResult("b"), NEW)) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert chosen([ScriptResult("a"), NEW], 7).why.reason is ChoiceReason.NO_RESULTS


def test_tried_much_and_never_succeeded_is_still_shared_out():
    assert sum(chances((ScriptResult("a", 5000, 0), ScriptResult("b", 10, 0)))) == pytest.approx(1)


def test_switched_off_is_the_first_listed():
    choice = chosen([COOL, WARM], 7, learning=False)
    assert (choice.script_code, choice.probability) == ("cool", 1.0)
    assert choice.why.reason is ChoiceReason.SWITCHED_OFF


def test_one_script_needs_no_learning():
    assert chosen([WARM], 7).why.reason is ChoiceReason.ONLY_ONE


def test_without_an_approved_script_there_is_no_choice():
    assert choose([], enrollment_id=1, step_no=1, salt="thanks") is None


def test_a_choice_says_what_did_best_and_whether_it_explores():
    choices = [chosen([WARM, COOL], enrollment_id) for enrollment_id in range(200)]
    told = {choice.script_code: choice.why for choice in choices}
    assert told["warm"].reason is ChoiceReason.BEST_SO_FAR
    assert told["cool"].reason is ChoiceReason.EXPLORED
    assert told["cool"].best == WARM
    assert told["cool"].chosen.rate == pytest.approx(20 / 410)
    assert NEW.rate is None


def test_a_script_listed_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        choose([WARM, WARM], enrollment_id=1, step_no=1, salt="thanks")


@pytest.mark.parametrize(("tried", "succeeded"), [(1, 2), (1, -1)])
def test_more_successes_than_tries_are_refused(tried: int, succeeded: int):
    with pytest.raises(ValueError, match="of"):
        ScriptResult("odd", tried, succeeded)
