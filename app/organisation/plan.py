"""The plan of a sync: what would change, as instructions that applying follows to the letter. Pure, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from app.organisation.rules import Chart, Kind, Person, Post, Seen, is_placeable, post_of

BRAKE = 5  # a plan that ends more than one in five needs somebody's explicit word


class What(StrEnum):
    """What happens to a branch, a store or a person."""

    BRANCH_ADDED = "branch_added"
    BRANCH_LINKED = (
        "branch_linked"  # one of the same name was here before: from now on it follows the department
    )
    BRANCH_RENAMED = "branch_renamed"
    STORE_ADDED = "store_added"
    STORE_LINKED = "store_linked"
    STORE_RENAMED = "store_renamed"
    STORE_MOVED = "store_moved"
    PERSON_ADDED = "person_added"
    PERSON_LINKED = "person_linked"
    PERSON_RETURNED = "person_returned"
    PERSON_RENAMED = "person_renamed"
    PERSON_MOVED = "person_moved"
    PERSON_PROMOTED = "person_promoted"
    PERSON_DEMOTED = "person_demoted"
    PERSON_ENDED = "person_ended"


class Duty(StrEnum):
    """A person's role, from the least to the most; the values are those of `associates.Role`."""

    ASSOCIATE = "associate"
    STORE_MANAGER = "store_manager"
    HQ = "hq"


class Unit(msgspec.Struct, frozen=True):
    """A branch or a store that is to follow a department; `our_id` 0 for a new one."""

    kind: Kind
    department_id: int
    our_id: int
    name: str
    branch_department_id: int  # of a store, else 0
    whats: tuple[What, ...]
    was_name: str = ""
    was_branch: str = ""
    branch: str = ""


class PersonChange(msgspec.Struct, frozen=True):
    """What becomes of a person; `department_id` is that of the store, 0 for none. An ended one keeps the rest."""

    userid: str
    our_id: int  # 0 for a new one
    name: str
    role: Duty
    department_id: int
    whats: tuple[What, ...]
    store: str = ""
    was_name: str = ""
    was_role: str = ""
    was_store: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """An associate who was loaded by file and whom WeCom does not place: ended only when HQ ticks it."""

    our_id: int
    userid: str
    name: str
    store: str


class Plan(msgspec.Struct, frozen=True):
    """Everything that would change, in the order in which it is done; `active` associates are there before."""

    units: tuple[Unit, ...] = ()
    people: tuple[PersonChange, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    without_branch: tuple[
        str, ...
    ] = ()  # stores that no branch stands above: nothing is applied until that is mended
    active: int = 0

    @property
    def is_empty(self) -> bool:
        """Applying it changes nothing."""
        return not self.units and not self.people

    def counts(self) -> Counter[What]:
        """How many changes of each kind."""
        changes: list[Unit | PersonChange] = [*self.units, *self.people]
        return Counter(what for change in changes for what in change.whats)

    def raised(self) -> tuple[PersonChange, ...]:
        """Whom it makes headquarters: somebody's word is needed for that."""
        gains = {What.PERSON_ADDED, What.PERSON_PROMOTED}
        return tuple(
            change for change in self.people if change.role is Duty.HQ and gains.intersection(change.whats)
        )

    @property
    def goes_alone(self) -> bool:
        """May be applied although nobody looked at it."""
        return not (self.ends_many() or self.without_branch or self.raised())

    def ends(self, *, with_unknown: bool = False) -> int:
        """How many associates it ends."""
        return self.counts()[What.PERSON_ENDED] + (len(self.unknown) if with_unknown else 0)

    def ends_many(self, *, with_unknown: bool = False) -> bool:
        """More than a fifth of the associates there are."""
        return self.ends(with_unknown=with_unknown) * BRAKE > self.active


@dataclass(frozen=True, slots=True)
class OurUnit:
    """A branch or a store of ours, and the department it follows; `branch_id` of a store."""

    id: int
    name: str
    department_id: int | None
    branch_id: int = 0


@dataclass(frozen=True, slots=True)
class OurPerson:
    """An associate of ours. `is_synced`: a sync has placed them before. `is_granted`: the role was given by hand."""

    id: int
    userid: str
    name: str
    store_id: int | None
    role: str
    is_ended: bool
    is_synced: bool
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Ours:
    """The organisation as we have it."""

    branches: tuple[OurUnit, ...]
    stores: tuple[OurUnit, ...]
    people: tuple[OurPerson, ...]


def plan_of(chart: Chart, people: Mapping[str, Person], ours: Ours) -> Plan:
    """What makes our organisation that of the chart.

    `people` are all accounts there are: an associate whom a sync placed before and who is nowhere among them ends.
    """
    branches = _match(chart.of_kind(Kind.BRANCH), ours.branches)
    stores = _match(chart.of_kind(Kind.STORE), ours.stores)
    homeless = [seen for seen in chart.of_kind(Kind.STORE) if chart.branch_above(seen.id) is None]
    units = [
        *(unit for seen in chart.of_kind(Kind.BRANCH) if (unit := _branch(seen, branches[seen.id])).whats),
        *(
            unit
            for seen in chart.of_kind(Kind.STORE)
            if seen not in homeless and (unit := _store(seen, stores[seen.id], chart, branches, ours)).whats
        ),
    ]
    roster = Roster(chart, stores, ours, {seen.id for seen in homeless})
    return Plan(
        units=tuple(units),
        people=tuple(roster.changes(people)),
        unknown=tuple(roster.unknown(people)),
        without_branch=tuple(seen.name for seen in homeless),
        active=sum(not person.is_ended for person in ours.people),
    )


class Roster:
    """The people's side of a plan."""

    def __init__(
        self, chart: Chart, stores: Mapping[int, OurUnit | None], ours: Ours, homeless: Collection[int]
    ) -> None:
        self._chart, self._homeless = chart, homeless
        self._department_of = {store.id: each for each, store in stores.items() if store is not None}
        self._store_names = {store.id: store.name for store in ours.stores}
        self._ours = {person.userid: person for person in ours.people}

    def changes(self, people: Mapping[str, Person]) -> Iterable[PersonChange]:
        """What becomes of each person, by account."""
        for userid in sorted(people.keys() | self._ours.keys()):
            change = self._change(people.get(userid), self._ours.get(userid))
            if change is not None:
                yield change

    def unknown(self, people: Mapping[str, Person]) -> Iterable[Unknown]:
        """Associates whom no sync has placed before and this one does not either."""
        for our in self._ours.values():
            if not our.is_ended and not our.is_synced and not self._is_there(people.get(our.userid), our):
                yield Unknown(our.id, our.userid, our.name, self._store_names.get(our.store_id or 0, ""))

    def _is_there(self, person: Person | None, our: OurPerson) -> bool:
        if person is None or our.is_granted:
            return person is not None
        return post_of(person, self._chart) is not None or not is_placeable(person, self._chart)

    def _change(self, person: Person | None, our: OurPerson | None) -> PersonChange | None:
        if person is not None and not is_placeable(person, self._chart):
            return None
        post = post_of(person, self._chart) if person is not None else None
        if post is not None and post.department_id in self._homeless:
            return None  # there is no store yet in which they could be
        if our is None:
            return self._added(person, post) if person is not None and post is not None else None
        if our.is_granted:
            return self._granted(person, our)
        if person is None or post is None:
            return self._ended(our) if our.is_synced and not our.is_ended else None
        return self._changed(person, post, our)

    def _added(self, person: Person, post: Post) -> PersonChange:
        return PersonChange(
            userid=person.userid,
            our_id=0,
            name=person.name,
            role=_duty(post),
            department_id=post.department_id or 0,
            whats=(What.PERSON_ADDED,),
            store=self._name_of(post),
        )

    def _granted(self, person: Person | None, our: OurPerson) -> PersonChange | None:
        """A role given by hand stays; the person still comes, goes and is renamed."""
        if person is None or not person.is_here:
            return self._ended(our) if not our.is_ended and (our.is_synced or person is not None) else None
        whats = [What.PERSON_RETURNED] * our.is_ended + [What.PERSON_LINKED] * (not our.is_synced)
        whats += [What.PERSON_RENAMED] * (person.name != our.name)
        role = Duty(our.role)
        named = PersonChange(our.userid, our.id, person.name, role, 0, tuple(whats), was_name=our.name)
        return named if whats else None

    def _ended(self, our: OurPerson) -> PersonChange:
        store = self._store_names.get(our.store_id or 0, "")
        return PersonChange(
            our.userid, our.id, our.name, Duty(our.role), 0, (What.PERSON_ENDED,), was_store=store
        )

    def _changed(self, person: Person, post: Post, our: OurPerson) -> PersonChange | None:
        role, before = _duty(post), self._department_of.get(our.store_id or 0)
        whats = [What.PERSON_RETURNED] * our.is_ended + [What.PERSON_LINKED] * (not our.is_synced)
        whats += [What.PERSON_RENAMED] * (person.name != our.name)
        moved = before != post.department_id or (our.store_id is None) != (post.department_id is None)
        whats += [What.PERSON_MOVED] * moved
        ranks = list(Duty)
        if role != our.role:
            up = ranks.index(role) > ranks.index(Duty(our.role))
            whats.append(What.PERSON_PROMOTED if up else What.PERSON_DEMOTED)
        if not whats:
            return None
        return PersonChange(
            userid=our.userid,
            our_id=our.id,
            name=person.name,
            role=role,
            department_id=post.department_id or 0,
            whats=tuple(whats),
            store=self._name_of(post),
            was_name=our.name,
            was_role=our.role,
            was_store=self._store_names.get(our.store_id or 0, ""),
        )

    def _name_of(self, post: Post) -> str:
        return self._chart.departments[post.department_id].name if post.department_id else ""


def _duty(post: Post) -> Duty:
    if post.department_id is None:
        return Duty.HQ
    return Duty.STORE_MANAGER if post.leads else Duty.ASSOCIATE


def _match(wanted: Iterable[Seen], ours: Iterable[OurUnit]) -> dict[int, OurUnit | None]:
    """For each department the unit that follows it, else the only free one of the same name, else None."""
    wanted, ours = list(wanted), list(ours)
    following = {unit.department_id: unit for unit in ours if unit.department_id is not None}
    free = Counter(unit.name for unit in ours if unit.department_id is None)
    asked = Counter(seen.name for seen in wanted if seen.id not in following)
    by_name = {unit.name: unit for unit in ours if unit.department_id is None}
    return {
        seen.id: following.get(seen.id)
        or (by_name[seen.name] if free[seen.name] == asked[seen.name] == 1 else None)
        for seen in wanted
    }


def _branch(seen: Seen, our: OurUnit | None) -> Unit:
    whats = _whats(seen, our, (What.BRANCH_ADDED, What.BRANCH_LINKED, What.BRANCH_RENAMED))
    return Unit(Kind.BRANCH, seen.id, our.id if our else 0, seen.name, 0, whats, our.name if our else "")


def _store(
    seen: Seen, our: OurUnit | None, chart: Chart, branches: Mapping[int, OurUnit | None], ours: Ours
) -> Unit:
    above = chart.branch_above(seen.id) or 0
    branch = branches.get(above)
    whats = _whats(seen, our, (What.STORE_ADDED, What.STORE_LINKED, What.STORE_RENAMED))
    if our is not None and (branch is None or our.branch_id != branch.id):
        whats = (*whats, What.STORE_MOVED)
    names = {each.id: each.name for each in ours.branches}
    return Unit(
        kind=Kind.STORE,
        department_id=seen.id,
        our_id=our.id if our else 0,
        name=seen.name,
        branch_department_id=above,
        whats=whats,
        was_name=our.name if our else "",
        was_branch=names.get(our.branch_id, "") if our else "",
        branch=chart.departments[above].name if above else "",
    )


def _whats(seen: Seen, our: OurUnit | None, names: tuple[What, What, What]) -> tuple[What, ...]:
    added, linked, renamed = names
    if our is None:
        return (added,)
    return (linked,) * (our.department_id is None) + (renamed,) * (our.name != seen.name)
