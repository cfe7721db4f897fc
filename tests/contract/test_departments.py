"""Departments of the corp (facts 3.3): department/list, simplelist, get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.wecom.app import WeComApp
from tests.contract.conftest import Place, refused
from tests.wecom.local_sandbox import CONTACTS_SECRET, OURS, LocalSandbox

TREE = [
    {"userid": "boss", "name": "南老板", "department": "华南", "leader": True},
    {"userid": "tills", "name": "收银", "department": "华南/福田店/收银组"},
    {"userid": "clerk", "name": "店员", "department": ["华南/福田店"], "leader": True},
]


@pytest.fixture
def tree(corp: LocalSandbox) -> Iterator[LocalSandbox]:
    """华南 / 福田店 / 收银组, beside the departments every test knows."""
    corp.control("PUT", "people", TREE)
    yield corp
    corp.set_rules()


def ids_by_name(corp: LocalSandbox) -> dict[str, int]:
    return {row["name"]: row["id"] for row in corp.control("GET", "organisation")["departments"]}


def test_all_departments_hang_on_the_root(wecom: WeComApp, place: Place):
    found = {department.id: department for department in wecom.departments.all()}
    assert found[1].parent_id == 0
    assert int(place.department_id) in found
    assert all(each.parent_id in found for each in found.values() if each.id != 1)
    assert all(each.name for each in found.values())


def test_names_parents_and_leaders_are_told(tree: LocalSandbox):
    ids = ids_by_name(tree)
    found = {department.name: department for department in tree.app().departments.all()}
    assert found["福田店"].parent_id == ids["华南"]
    assert (found["华南"].leaders, found["福田店"].leaders) == (("boss",), ("clerk",))


def test_one_department_comes_with_all_below_it(tree: LocalSandbox):
    ids = ids_by_name(tree)
    under = tree.app().departments.all(ids["华南"])
    assert {department.name for department in under} == {"华南", "福田店", "收银组"}


def test_places_are_the_same_tree_without_names(wecom: WeComApp):
    assert {(each.id, each.parent_id, each.order) for each in wecom.departments.places()} == {
        (each.id, each.parent_id, each.order) for each in wecom.departments.all()
    }


def test_one_department_is_read(wecom: WeComApp, place: Place):
    department = wecom.departments.get(int(place.department_id))
    assert department == next(each for each in wecom.departments.all() if each.id == department.id)


@pytest.mark.parametrize(("department", "errcode"), [(9_999_999, 60003), ("x", 60123)])
def test_no_department_is_refused(wecom: WeComApp, department: Any, errcode: int):
    for ask in (wecom.departments.get, wecom.departments.all, wecom.departments.places):
        with refused(errcode):
            ask(department)


def test_the_scope_hides_departments_and_60011_says_so(tree: LocalSandbox):
    ids = ids_by_name(tree)
    tree.set_rules(scope=[ids["福田店"]])
    departments = tree.app().departments
    assert {each.name for each in departments.all()} == {"福田店", "收银组"}
    assert {each.id for each in departments.places()} == {ids["福田店"], ids["收银组"]}
    with refused(60011):
        departments.get(ids["华南"])


def test_the_contacts_sync_secret_learns_places_only(corp: LocalSandbox):
    departments = corp.app(replace(OURS, agent_id=0, secret=CONTACTS_SECRET)).departments
    assert 1 in {place.id for place in departments.places()}
    for ask in (departments.all, lambda: departments.get(1)):
        with refused(48009):
            ask()
