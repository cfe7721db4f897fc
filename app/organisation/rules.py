"""What a department stands for and where that puts a person. Pure: pictures in, posts out.

A department is mapped by HQ's choice or else by a proposal made of its place and name; it covers everything below it
until a deeper one is mapped.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a department stands for."""

    BRANCH = "branch"
    STORE = "store"
    HEADQUARTERS = "headquarters"
    IGNORED = "ignored"
    ABOVE = "above"  # whatever the department above it stands for


@dataclass(frozen=True, slots=True)
class Seen:
    """A department as WeCom has it; `parent_id` is 0 for the root. Those of higher `sort` are shown first."""

    id: int
    name: str
    parent_id: int
    leaders: frozenset[str] = frozenset()
    sort: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """An account as WeCom has it; `is_here` unless it is disabled or left."""

    userid: str
    name: str
    main_department_id: int
    department_ids: tuple[int, ...]
    leads: frozenset[int]
    is_here: bool


@dataclass(frozen=True, slots=True)
class Post:
    """Where a person works: `department_id` is that of the store, None at headquarters."""

    department_id: int | None
    leads: bool


@dataclass(frozen=True, slots=True)
class NameWords:
    """Patterns by which a department's name tells what it is."""

    headquarters: re.Pattern[str]
    store: re.Pattern[str]
    branch: re.Pattern[str]
    office: re.Pattern[str]  # part of a branch that sells nothing


@dataclass(frozen=True, slots=True)
class Chart:
    """What every department stands for: `own` where one is mapped itself, `cover` the nearest mapped one."""

    departments: Mapping[int, Seen]
    own: Mapping[int, Kind]
    cover: Mapping[int, int]

    def kind_of(self, department_id: int) -> Kind:
        """What covers this department; IGNORED where nothing does."""
        covering = self.cover.get(department_id)
        return Kind.IGNORED if covering is None else self.own[covering]

    def branch_above(self, department_id: int) -> int | None:
        """The nearest department above that is a branch."""
        return _nearest(self.departments, self.departments[department_id].parent_id, self.own, Kind.BRANCH)

    def of_kind(self, kind: Kind) -> list[Seen]:
        """The departments that are mapped to this themselves, by id."""
        return [self.departments[each] for each in sorted(self.own) if self.own[each] is kind]


def propose(departments: Mapping[int, Seen], words: NameWords) -> dict[int, Kind]:
    """A mapping by names and places, for those departments that need one; deeper ones are covered.

    Headquarters and stores cover what is below them. Of the rest, one without anything below it is a store where it
    stands below a branch and its name does not say office, and one with a store below it is a branch.
    """
    proposed: dict[int, Kind] = {}
    children = children_of(departments.values())
    for root in _roots(departments):
        _propose_below(root, children, words, proposed, 0)
    return proposed


def chart_of(
    departments: Mapping[int, Seen], choices: Mapping[int, Kind], proposed: Mapping[int, Kind]
) -> Chart:
    """HQ's choices over the proposal. Where a store has no branch above it, an unchosen root becomes its branch."""
    own = {each: kind for each, kind in proposed.items() if each in departments}
    own |= {each: kind for each, kind in choices.items() if each in departments}
    own = {each: kind for each, kind in own.items() if kind is not Kind.ABOVE}
    homeless = [
        each
        for each, kind in own.items()
        if kind is Kind.STORE and _nearest(departments, departments[each].parent_id, own, Kind.BRANCH) is None
    ]
    for root in {_root_of(departments, each) for each in homeless} - choices.keys() - set(homeless):
        own[root] = Kind.BRANCH
    cover = {each: found for each in departments if (found := _nearest(departments, each, own)) is not None}
    return Chart(departments, own, cover)


def unsettled(
    departments: Mapping[int, Seen], settled: Mapping[int, Kind], proposed: Mapping[int, Kind]
) -> dict[int, Kind]:
    """Of the proposal, what may stand beside a mapping HQ once applied: nothing becomes headquarters by its name.

    What is below a settled store or headquarters belongs to it until HQ says otherwise.
    """
    free: dict[int, Kind] = {}
    for each, kind in proposed.items():
        above = _nearest(departments, departments[each].parent_id, settled)
        is_covered = above is not None and settled[above] in (Kind.STORE, Kind.HEADQUARTERS)
        if each not in settled and kind is not Kind.HEADQUARTERS and not is_covered:
            free[each] = kind
    return free


def post_of(person: Person, chart: Chart) -> Post | None:
    """Where the person works: by the main department, else by the first that is a store, else headquarters; or nowhere.

    Somebody leads a store who leads the very department that is the store, as WeCom tells of either.
    """
    if not person.is_here:
        return None
    places = [(chart.kind_of(each), each) for each in _in_order(person)]
    stores = [place for place in places if place[0] is Kind.STORE]
    offices = [place for place in places if place[0] is Kind.HEADQUARTERS]
    for kind, department_id in (*places[:1], *stores, *offices):
        if kind is Kind.STORE:
            store = chart.cover[department_id]
            leads = store in person.leads or person.userid in chart.departments[store].leaders
            return Post(store, leads)
        if kind is Kind.HEADQUARTERS:
            return Post(None, leads=False)
    return None


def is_placeable(person: Person, chart: Chart) -> bool:
    """Whether any of their departments is known; of others nothing can be said, least of all that they have gone."""
    return not person.is_here or any(each in chart.departments for each in person.department_ids)


def children_of(departments: Iterable[Seen]) -> dict[int, list[Seen]]:
    """The departments directly below each, in WeCom's order."""
    found: dict[int, list[Seen]] = defaultdict(list)
    for department in departments:
        found[department.parent_id].append(department)
    for each in found.values():
        each.sort(key=lambda seen: (-seen.sort, seen.id))
    return dict(found)


def _propose_below(
    seen: Seen,
    children: Mapping[int, list[Seen]],
    words: NameWords,
    proposed: dict[int, Kind],
    depth: int,
    *,
    in_branch: bool = False,
) -> bool:
    """Propose for a department and all below it; whether a store is among them."""
    below = children.get(seen.id, [])
    is_headquarters = depth > 0 and bool(words.headquarters.search(seen.name))
    is_branch = bool(words.branch.search(seen.name))
    is_office = is_headquarters or bool(words.office.search(seen.name))
    if words.store.search(seen.name) or (in_branch and not below and not is_branch and not is_office):
        proposed[seen.id] = Kind.STORE
        return True
    if is_headquarters:
        proposed[seen.id] = Kind.HEADQUARTERS
        return False
    inside = in_branch or (is_branch and depth > 0) or (depth == 1 and bool(below) and not is_office)
    found = [_propose_below(each, children, words, proposed, depth + 1, in_branch=inside) for each in below]
    if depth and not is_office and (any(found) or is_branch):
        proposed[seen.id] = Kind.BRANCH
    elif not depth or not in_branch or is_office:
        proposed[seen.id] = Kind.IGNORED
    return any(found)


def _nearest(
    departments: Mapping[int, Seen], start: int, own: Mapping[int, Kind], wanted: Kind | None = None
) -> int | None:
    """The first mapped department (of a kind) from `start` upwards. Ends also where parents go in circles."""
    passed: set[int] = set()
    while start in departments and start not in passed:
        if start in own and wanted in (None, own[start]):
            return start
        passed.add(start)
        start = departments[start].parent_id
    return None


def _roots(departments: Mapping[int, Seen]) -> list[Seen]:
    """Those with nothing above them that the app may see."""
    return [seen for seen in departments.values() if seen.parent_id not in departments]


def _root_of(departments: Mapping[int, Seen], start: int) -> int:
    passed = {start}
    while (above := departments[start].parent_id) in departments and above not in passed:
        passed.add(above)
        start = above
    return start


def _in_order(person: Person) -> list[int]:
    """The main department first."""
    return list(dict.fromkeys((person.main_department_id, *person.department_ids)))
