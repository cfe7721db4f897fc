"""Reading the organisation: as WeCom was last seen, as HQ mapped it, and as we have it."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.errors import NotFound
from app.organisation.models import Department, KnownAccount, OrganisationSync, SyncState
from app.organisation.plan import OurPerson, Ours, OurUnit, Plan
from app.organisation.rules import Chart, Kind, Person, Seen, chart_of, propose
from app.organisation.words import WORDS
from app.stores.models import Branch, Store

LATEST = 10
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


def current_chart(session: Session) -> Chart:
    """What every department stands for now."""
    departments = seen_departments(session)
    return chart_of(departments, choices_of(session), propose(departments, WORDS))


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
