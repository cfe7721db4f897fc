"""What the pages of the organisation show: a level of the tree with its mapping, and a plan as a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.console.organisation_words import DUTY
from app.errors import NotFound
from app.organisation.models import Department
from app.organisation.plan import Duty, PersonChange, Plan, What
from app.organisation.queries import choices_of, seen_departments
from app.organisation.rules import Chart, Kind, Seen, chart_of, children_of, propose
from app.organisation.words import WORDS
from app.stores.models import Branch, Store


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """A department as the mapping table shows it. `proposed` is what it would be without HQ's choice."""

    id: int
    name: str
    below: int
    kind: Kind
    proposed: Kind | None
    choice: Kind | None
    follows: str  # the store or branch that follows it


@dataclass(frozen=True, slots=True)
class Level:
    """A department with those directly below it, and the way up to the root."""

    way: list[Seen]
    rows: list[DepartmentRow]
    branches: int
    stores: int


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of a plan."""

    whats: tuple[What, ...]
    name: str
    key: str
    before: str
    after: str


def read_level(session: Session, under: int | None) -> Level:
    """The level of a department, the root's where none is given. Raises `NotFound` for one nobody has seen."""
    departments = seen_departments(session)
    if under is not None and under not in departments:
        raise NotFound("unknown_id", place="department")
    proposed, choices = propose(departments, WORDS), choices_of(session)
    chart = chart_of(departments, choices, proposed)
    children = children_of(departments.values())
    tops = [seen for seen in departments.values() if seen.parent_id not in departments]
    top = departments[under] if under is not None else (tops[0] if len(tops) == 1 else None)
    shown = sorted(tops, key=lambda seen: seen.id) if top is None else [top, *children.get(top.id, [])]
    follows = _follows(session)
    return Level(
        way=_way(top, departments),
        rows=[
            DepartmentRow(
                id=seen.id,
                name=seen.name,
                below=len(children.get(seen.id, [])),
                kind=chart.kind_of(seen.id),
                proposed=_proposed(seen, chart, proposed, choices),
                choice=choices.get(seen.id),
                follows=follows.get(seen.id, ""),
            )
            for seen in shown
        ],
        branches=len(chart.of_kind(Kind.BRANCH)),
        stores=len(chart.of_kind(Kind.STORE)),
    )


def rows_of(plan: Plan, what: What | None) -> list[ChangeRow]:
    """The plan's changes (of one kind), as they are done."""
    return [row for row in _rows(plan) if what is None or what in row.whats]


def _rows(plan: Plan) -> Iterator[ChangeRow]:
    for unit in plan.units:
        before = _joined(unit.was_name, unit.was_branch)
        yield ChangeRow(unit.whats, unit.name, "", before, _joined(unit.name, unit.branch))
    for change in plan.people:
        yield ChangeRow(change.whats, change.name, change.userid, _before(change), _after(change))


def _before(change: PersonChange) -> str:
    if change.our_id == 0:
        return ""
    role = Duty(change.was_role) if change.was_role else change.role
    name = change.was_name if What.PERSON_RENAMED in change.whats else ""
    return _joined(name, change.was_store, str(DUTY[role]))


def _after(change: PersonChange) -> str:
    if What.PERSON_ENDED in change.whats:
        return ""
    name = change.name if What.PERSON_RENAMED in change.whats else ""
    return _joined(name, change.store, str(DUTY[change.role]))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _proposed(seen: Seen, chart: Chart, proposed: dict[int, Kind], choices: dict[int, Kind]) -> Kind | None:
    """What the department is without a choice; None: whatever is above it."""
    if seen.id not in choices:
        return chart.own.get(seen.id)
    return proposed.get(seen.id)


def _way(top: Seen | None, departments: dict[int, Seen]) -> list[Seen]:
    way: list[Seen] = []
    while top is not None and top not in way:
        way.insert(0, top)
        top = departments.get(top.parent_id)
    return way


def _follows(session: Session) -> dict[int, str]:
    stores = select(Department.id, Store.name).join(Store, Store.id == Department.store_id)
    branches = select(Department.id, Branch.name).join(Branch, Branch.id == Department.branch_id)
    return {**dict(session.execute(branches).all()), **dict(session.execute(stores).all())}
