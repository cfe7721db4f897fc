"""When a rule holds: by hand for each operator, by laws for what they come to together."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.criteria.criterion import Criterion
from app.criteria.evaluation import Outcome, combine, compile_node
from app.criteria.grammar import parse
from app.criteria.terms import Facts, Value
from app.criteria.tree import AllOf, AnyOf, Known, Node, Not, all_of, any_of, conditions
from tests.criteria.samples import VOCABULARY, facts, nodes, nothing_known

SHE: Facts = {
    "orders": 2,
    "amount_90d": 50_000,
    "idle": 31,
    "born": date(2000, 2, 29),
    "level": "gold",
    "city": "",
    "tags": frozenset({"羊毛", "商务"}),
    "vip": True,
    "in_store": False,
}


def holds(text: str, found: Facts = SHE) -> bool:
    return parse(text, VOCABULARY).holds(found)


@pytest.mark.parametrize(
    "text",
    [
        "orders = 2",
        "orders != 3",
        "orders < 3",
        "orders <= 2",
        "orders > 1",
        "orders >= 2",
        "orders between 2 and 2",
        "orders in [1, 2]",
        "orders not in [1, 3]",
        "amount_90d = 500",
        "amount_90d < 500.01",
        "amount_90d > 499.99",
        "idle > 30 days",
        "born = 2000-02-29",
        "born between 2000-01-01 and 2000-12-31",
        'level = "gold"',
        'level != "Gold"',
        'level in ["gold", "silver"]',
        'level not in ["gold "]',
        'city = ""',
        "city is known",
        'tags has "羊毛"',
        'tags lacks "羊"',
        'tags has any ["丝绸", "羊毛"]',
        'tags has all ["商务", "羊毛"]',
        "vip",
        "not in_store",
        'vip and (orders > 5 or level = "gold")',
    ],
)
def test_holds_and_its_opposite_does_not(text: str):
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize(
    "text",
    [
        "orders between 3 and 5",
        "orders between 0 and 1",
        'tags has all ["羊毛", "丝绸"]',
        'tags has any ["丝绸"]',
        "level is unknown",
        "in_store",
        "vip and in_store",
        "in_store or orders > 2",
    ],
)
def test_does_not_hold_and_its_opposite_does(text: str):
    assert not holds(text)
    assert holds(f"not ({text})")


@pytest.mark.parametrize(
    "text", ["orders = 2", "orders != 2", "vip", 'level in ["x"]', 'tags has "x"', "idle between 1 and 2"]
)
def test_nobody_is_chosen_for_what_is_not_known_of_them(text: str):
    assert not holds(text, nothing_known)
    assert not holds(f"not ({text})", nothing_known)


def test_what_is_not_known_can_be_asked_for():
    assert holds('level is unknown or level != "gold"', nothing_known)
    assert holds("level is unknown and not level is known", nothing_known)
    assert not holds("level is unknown")


def test_what_is_known_may_be_enough():
    found = {**SHE, "level": None}
    assert holds('vip or level = "gold"', found)
    assert not holds('in_store and level = "gold"', found)
    assert holds('not (in_store and level = "gold")', found)
    assert not holds('vip and level = "gold"', found)
    assert not holds('not (vip and level = "gold")', found)


def test_an_empty_set_of_texts_is_known():
    found: dict[str, Value] = {**SHE, "tags": frozenset()}
    assert holds('tags lacks "羊毛" and tags is known', found)
    assert not holds('tags has any ["羊毛"]', found)


def test_a_fact_that_was_not_fetched_is_an_error_not_unknown():
    with pytest.raises(KeyError):
        holds("orders > 1", {})


T, F, U = True, False, None


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (T, T, T, T), (T, F, F, T), (F, F, F, F), (T, U, U, T), (F, U, F, U), (U, U, U, U),
    ],
)  # fmt: skip
def test_and_and_or_are_kleenes(one: Outcome, other: Outcome, both: Outcome, either: Outcome):
    for left, right in ((one, other), (other, one)):
        found = {"vip": left, "in_store": right}
        node = parse("vip and in_store", VOCABULARY).node
        assert compile_node(node)(found) is both is combine([left, right], decisive=False)
        node = parse("vip or in_store", VOCABULARY).node
        assert compile_node(node)(found) is either is combine([left, right], decisive=True)


def outcome(node: Node, found: Facts) -> Outcome:
    return compile_node(node)(found)


def turned(node: Node) -> Node:
    """The opposite with every `not` driven down to a condition."""
    match node:
        case Not(part):
            return driven(part)
        case AllOf(parts):
            return any_of(turned(part) for part in parts)
        case AnyOf(parts):
            return all_of(turned(part) for part in parts)
        case _:
            return Not(node)


def driven(node: Node) -> Node:
    match node:
        case Not(part):
            return turned(part)
        case AllOf(parts):
            return all_of(driven(part) for part in parts)
        case AnyOf(parts):
            return any_of(driven(part) for part in parts)
        case _:
            return node


def backwards(node: Node) -> Node:
    match node:
        case Not(part):
            return Not(backwards(part))
        case AllOf(parts):
            return all_of(backwards(part) for part in reversed(parts))
        case AnyOf(parts):
            return any_of(backwards(part) for part in reversed(parts))
        case _:
            return node


@settings(deadline=None)
@given(nodes(), facts)
def test_the_same_said_otherwise_comes_to_the_same(node: Node, found: Facts):
    expected = outcome(node, found)
    assert outcome(Not(Not(node)), found) is expected
    assert outcome(driven(node), found) is expected
    assert outcome(turned(Not(node)), found) is expected
    assert outcome(backwards(node), found) is expected
    assert outcome(all_of([node, node]), found) is outcome(any_of([node, node]), found) is expected


@settings(deadline=None)
@given(nodes(), nodes(), facts)
def test_more_parts_narrow_and_and_widen_or(node: Node, other: Node, found: Facts):
    one, both = Criterion(node).holds(found), Criterion(all_of([node, other])).holds(found)
    either = Criterion(any_of([node, other])).holds(found)
    assert both <= one <= either


@settings(deadline=None)
@given(nodes(), facts, st.data())
def test_learning_what_was_unknown_changes_no_outcome_that_was_known(
    node: Node, found: Facts, data: st.DataObject
):
    """But for a rule that asks whether something is known."""
    if any(isinstance(condition, Known) for condition in conditions(node)):
        return
    learned = data.draw(facts)
    more = {code: learned[code] if value is None else value for code, value in found.items()}
    if outcome(node, found) is not None:
        assert outcome(node, more) is outcome(node, found)


@settings(deadline=None)
@given(nodes(), facts)
def test_the_terms_are_all_that_is_asked_for(node: Node, found: Facts):
    criterion = Criterion(node)
    needed = {code: value for code, value in found.items() if code in criterion.terms}
    assert criterion.holds(needed) is criterion.holds(found)
