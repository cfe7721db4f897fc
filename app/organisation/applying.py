"""Doing what a plan says, and nothing else: each instruction is followed as it stands there."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.associates.models import Associate, Role
from app.associates.service import add_associate, bring_back, end_associate
from app.organisation.models import Department
from app.organisation.plan import PersonChange, Plan, Unit, What
from app.organisation.rules import Kind
from app.stores.models import Branch, Store
from app.stores.service import open_branch, open_store

# Of a branch or a store made for a department; WeCom's id follows, so that the code never changes.
CODE_PREFIX = "D"


def apply_plan(session: Session, plan: Plan, *, ends_unknown: bool = False) -> None:
    """Follow the plan; `ends_unknown` ends the associates whom WeCom does not place, too."""
    if plan.is_empty and not (ends_unknown and plan.unknown):
        return
    departments = {row.id: row for row in session.scalars(select(Department))}
    for unit in plan.units:
        if unit.kind is Kind.BRANCH:
            _apply_branch(session, unit, departments[unit.department_id])
        else:
            _apply_store(session, unit, departments)
        departments[unit.department_id].settled = departments[unit.department_id].settled or unit.kind
    session.flush()
    people = _associates(session, plan)
    for change in plan.people:
        _apply_person(session, change, people.get(change.our_id), departments)
    if ends_unknown:
        for unknown in plan.unknown:
            end_associate(session, people[unknown.our_id])
    session.flush()


def _apply_branch(session: Session, unit: Unit, department: Department) -> None:
    if unit.our_id:
        session.get_one(Branch, unit.our_id).name = unit.name
        department.branch_id = unit.our_id
    else:
        department.branch_id = open_branch(session, f"{CODE_PREFIX}{department.id}", unit.name).id
    session.flush()


def _apply_store(session: Session, unit: Unit, departments: Mapping[int, Department]) -> None:
    department = departments[unit.department_id]
    branch_id = departments[unit.branch_department_id].branch_id
    assert branch_id is not None, "a plan has the branch before its stores"
    if unit.our_id:
        store = session.get_one(Store, unit.our_id)
        store.name, store.branch_id = unit.name, branch_id
        department.store_id = store.id
    else:
        department.store_id = open_store(session, f"{CODE_PREFIX}{department.id}", unit.name, branch_id).id


def _associates(session: Session, plan: Plan) -> dict[int, Associate]:
    ids = {change.our_id for change in plan.people} | {unknown.our_id for unknown in plan.unknown}
    return {person.id: person for person in session.scalars(select(Associate).where(Associate.id.in_(ids)))}


def _apply_person(
    session: Session, change: PersonChange, person: Associate | None, departments: Mapping[int, Department]
) -> None:
    if What.PERSON_ENDED in change.whats:
        assert person is not None
        end_associate(session, person)
        return
    store_id = departments[change.department_id].store_id if change.department_id else None
    role = Role(change.role)
    if person is None:
        person = add_associate(session, change.userid, change.name, role, store_id)
    person.name, person.role, person.store_id, person.is_synced = change.name, role, store_id, True
    bring_back(session, person)
