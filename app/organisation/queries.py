"""Reading the organisation: as WeCom was last seen, as HQ mapped it, and as we have it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.errors import NotFound
from app.organisation.models import Department, KnownAccount, OrganisationState, OrganisationSync, SyncState
from app.organisation.plan import OurPerson, Ours, OurUnit, Plan
from app.organisation.rules import Chart, Kind, Person, Seen, chart_of, propose, unsettled
from app.organisation.words import WORDS
from app.stores.models import Branch, Store

LATEST = 10


@dataclass(frozen=True, slots=True)
class WaitingDepartment:
    """A department that stands for one thing while its name or place says another."""

    id: int
    name: str
    stands_for: Kind
    wants: Kind


_decode_plan = msgspec.json.Decoder(Plan).decode


def seen_departments(session: Session) -> dict[int, Seen]:
    """The departments there were when WeCom was last read, by id."""
    columns = (Department.id, Department.name, Department.parent_id, Department.leaders, Department.sort)
    rows = session.execute(select(*columns).where(Department.is_gone.is_(False)))
    return {
        department_id: Seen(department_id, name, parent_id, frozenset(json.loads(leaders)), sort)
        for department_id, name, parent_id, leaders, sort in rows
    }


def choices_of(session: Session) -> dict[int, Kind]:
    """What HQ mapped departments to; those left as proposed are not among them."""
    query = select(Department.id, Department.choice).where(Department.choice.is_not(None))
    return {department_id: Kind(choice) for department_id, choice in session.execute(query) if choice}


def settled_kinds(session: Session) -> dict[int, Kind]:
    """What departments were when a plan was last applied."""
    query = select(Department.id, Department.settled).where(Department.settled.is_not(None))
    return {department_id: Kind(settled) for department_id, settled in session.execute(query) if settled}


def current_chart(session: Session) -> Chart:
    """What every department stands for now: as HQ chose, else as a plan was applied, else as its name proposes."""
    departments, settled, choices = seen_departments(session), settled_kinds(session), choices_of(session)
    proposed = propose(departments, WORDS)
    if settled:
        unchosen = {each: kind for each, kind in settled.items() if each not in choices}
        proposed = unsettled(departments, unchosen, proposed)
    return chart_of(departments, settled | choices, proposed)


def waiting_departments(session: Session) -> list[WaitingDepartment]:
    """Departments whose name or place wants another kind than they have; only HQ's choice gives it to them."""
    departments, settled = seen_departments(session), settled_kinds(session)
    if not settled:
        return []
    chart, choices = current_chart(session), choices_of(session)
    wanted = chart_of(departments, choices, propose(departments, WORDS))
    return [
        WaitingDepartment(each, seen.name, chart.kind_of(each), wanted.kind_of(each))
        for each, seen in sorted(departments.items())
        if each not in choices
        and (each in settled or wanted.own.get(each) is Kind.HEADQUARTERS)
        and chart.kind_of(each) is not wanted.kind_of(each)
    ]


def known_people(session: Session, userids: Collection[str] | None = None) -> dict[str, Person]:
    """The accounts (of these) as last seen, by account; one that is gone is not here."""
    query = select(KnownAccount).where(_among(KnownAccount.wecom_userid, userids))
    return {
        row.wecom_userid: Person(
            userid=row.wecom_userid,
            name=row.name,
            main_department_id=row.main_department_id,
            department_ids=tuple(json.loads(row.departments)),
            leads=frozenset(json.loads(row.leads)),
            is_here=row.is_here,
        )
        for row in session.scalars(query)
    }


def our_organisation(session: Session, userids: Collection[str] | None = None) -> Ours:
    """Branches and stores that have not ended, and the associates (of these accounts), ended ones too."""
    departments = session.execute(select(Department.id, Department.branch_id, Department.store_id)).all()
    branch_of = {branch_id: each for each, branch_id, _ in departments if branch_id is not None}
    store_of = {store_id: each for each, _, store_id in departments if store_id is not None}
    stores = session.execute(
        select(Store.id, Store.name, Store.branch_id).where(Store.ended_at.is_(None)).order_by(Store.id)
    )
    branches = session.execute(select(Branch.id, Branch.name).order_by(Branch.id))
    query = select(Associate).where(_among(Associate.wecom_userid, userids)).order_by(Associate.id)
    return Ours(
        branches=tuple(OurUnit(each, name, branch_of.get(each)) for each, name in branches),
        stores=tuple(OurUnit(each, name, store_of.get(each), above) for each, name, above in stores),
        people=tuple(_our_person(row) for row in session.scalars(query)),
    )


def organisation_version(session: Session) -> int:
    """To be read before WeCom is: what was written since then saw more than that look."""
    return session.scalar(select(OrganisationState.version)) or 0


def is_adopted(session: Session) -> bool:
    """Whether a full sync was ever applied: until then HQ has not said that the mapping is right."""
    query = select(OrganisationSync.id).where(OrganisationSync.state == SyncState.APPLIED).limit(1)
    return session.scalar(query) is not None


def get_sync(session: Session, sync_id: int) -> OrganisationSync:
    """A full sync. Raises `NotFound`."""
    found = session.get(OrganisationSync, sync_id)
    if found is None:
        raise NotFound("unknown_id", place="sync")
    return found


def latest_syncs(session: Session) -> list[OrganisationSync]:
    """The latest full syncs, newest first."""
    query = select(OrganisationSync).order_by(OrganisationSync.id.desc()).limit(LATEST)
    return list(session.scalars(query))


def plan_in(sync: OrganisationSync) -> Plan | None:
    """The plan it keeps; None before there is one, and for one long ago."""
    return _decode_plan(sync.plan) if sync.plan is not None else None


def _our_person(row: Associate) -> OurPerson:
    return OurPerson(
        id=row.id,
        userid=row.wecom_userid,
        name=row.name,
        store_id=row.store_id,
        role=row.role,
        is_ended=row.ended_at is not None,
        is_synced=row.is_synced,
        is_granted=row.is_role_granted,
    )


def _among(column: Any, userids: Collection[str] | None) -> ColumnElement[bool]:
    return true() if userids is None else column.in_(set(userids))
