"""What departments stand for and where that puts people; pure."""

from __future__ import annotations

import pytest

from app.organisation.rules import Chart, Kind, Person, Post, Seen, chart_of, is_placeable, post_of, propose
from app.organisation.words import WORDS


def tree(*rows: tuple[int, str, int]) -> dict[int, Seen]:
    return {number: Seen(number, name, parent) for number, name, parent in rows}


CHAIN = tree(
    (1, "好衣裳", 0),
    (2, "总部", 1),
    (21, "市场部", 2),
    (3, "华东分公司", 1),
    (31, "静安店", 3),
    (311, "收银组", 31),
    (32, "湖滨", 3),
    (33, "财务部", 3),
    (4, "华南", 1),
    (41, "天河店", 4),
    (9, "财务部", 1),
)


def chart(departments: dict[int, Seen] = CHAIN, **choices: Kind) -> Chart:
    chosen = {int(number.removeprefix("d")): kind for number, kind in choices.items()}
    return chart_of(departments, chosen, propose(departments, WORDS))


def person(*departments: int, leads: tuple[int, ...] = (), is_here: bool = True) -> Person:
    return Person("lina", "李娜", departments[0], departments, frozenset(leads), is_here)


def test_places_and_names_propose_what_departments_are():
    assert propose(CHAIN, WORDS) == {
        1: Kind.IGNORED,
        2: Kind.HEADQUARTERS,
        3: Kind.BRANCH,
        31: Kind.STORE,
        32: Kind.STORE,  # nothing below it, below a branch, and no office
        33: Kind.IGNORED,
        4: Kind.BRANCH,  # it has a store
        41: Kind.STORE,
        9: Kind.IGNORED,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Head Office", Kind.HEADQUARTERS),
        ("HQ", Kind.HEADQUARTERS),
        ("East Region", Kind.BRANCH),
        ("Jing'an Store", Kind.STORE),
        ("万象城店（2店）", Kind.STORE),
        ("国贸专柜", Kind.STORE),
        ("未分配", Kind.IGNORED),
        ("Restore Department", Kind.IGNORED),
    ],
)
def test_names_in_both_languages(name: str, kind: Kind):
    assert propose(tree((1, "corp", 0), (2, name, 1)), WORDS)[2] is kind


def test_a_mapped_department_covers_what_is_below_until_a_deeper_one_is_mapped():
    covered = chart()
    assert [covered.kind_of(each) for each in (21, 311, 33, 999)] == [
        Kind.HEADQUARTERS,
        Kind.STORE,
        Kind.IGNORED,
        Kind.IGNORED,
    ]
    assert covered.cover[311] == 31
    assert chart(d311=Kind.IGNORED).kind_of(311) is Kind.IGNORED


def test_hq_chooses_over_the_proposal():
    assert chart(d32=Kind.IGNORED).kind_of(32) is Kind.IGNORED
    assert chart(d33=Kind.ABOVE).kind_of(33) is Kind.BRANCH
    assert chart(d1=Kind.HEADQUARTERS, d9=Kind.ABOVE).kind_of(9) is Kind.HEADQUARTERS


def test_a_store_without_a_branch_makes_the_root_its_branch_unless_hq_said_otherwise():
    flat = tree((1, "好衣裳", 0), (2, "静安店", 1))
    assert chart(flat).branch_above(2) == 1
    assert chart(flat, d1=Kind.IGNORED).branch_above(2) is None


def test_what_the_scope_hides_leaves_several_roots():
    parts = tree((3, "华东分公司", 1), (31, "静安店", 3), (5, "孤零零店", 1))
    covered = chart(parts)
    assert covered.branch_above(31) == 3
    assert covered.branch_above(5) is None


def test_circles_end():
    circle = tree((5, "甲店", 6), (6, "乙", 5))
    assert chart_of(circle, {5: Kind.STORE, 6: Kind.IGNORED}, {}).branch_above(5) is None


@pytest.mark.parametrize(
    ("who", "post"),
    [
        (person(31), Post(31, leads=False)),
        (person(31, leads=(31,)), Post(31, leads=True)),
        (person(311), Post(31, leads=False)),
        (person(311, leads=(311,)), Post(31, leads=False)),  # leads a part of the store, not the store
        (person(3, leads=(3,)), None),  # a branch has no role of its own yet
        (person(3, 41, leads=(41,)), Post(41, leads=True)),
        (person(31, 41, leads=(41,)), Post(31, leads=False)),  # the main department counts
        (person(21), Post(None, leads=False)),
        (person(2, 31), Post(None, leads=False)),
        (person(9, 2, 31), Post(31, leads=False)),
        (person(9), None),
        (person(31, is_here=False), None),
    ],
)
def test_where_somebody_works(who: Person, post: Post | None):
    assert post_of(who, chart()) == post


def test_a_leader_named_by_the_department_is_one_too():
    departments = {**CHAIN, 31: Seen(31, "静安店", 3, frozenset({"lina"}))}
    assert post_of(person(31), chart(departments)) == Post(31, leads=True)


def test_of_somebody_in_unknown_departments_nothing_can_be_said():
    assert not is_placeable(person(77, 78), chart())
    assert is_placeable(person(77, 31), chart())
    assert is_placeable(person(77, is_here=False), chart())
