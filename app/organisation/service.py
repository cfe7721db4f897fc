"""Keeping what WeCom was seen to have, HQ's mapping of it, and the syncs somebody asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate, Role
from app.associates.service import add_associate, bring_back, end_associate, find_associate
from app.db import insert_rows, upsert_rows
from app.errors import Conflict, NotFound
from app.ids import new_id
from app.organisation.models import Department, KnownAccount, OrganisationState, OrganisationSync, SyncState
from app.organisation.queries import LATEST, get_sync, is_adopted, latest_syncs, plan_in, seen_departments
from app.organisation.rules import Kind, propose
from app.organisation.words import WORDS
from app.timers import Lane, TimerKey, set_timers
from app.wecom.apis.departments import WeComDepartment
from app.wecom.apis.people import Account, AccountStatus

ROW = 1
LONGEST_NAME = 64  # of a branch, a store, a person
GONE = frozenset({AccountStatus.DISABLED, AccountStatus.LEFT})


def lock_organisation(session: Session) -> OrganisationState:
    """Only one transaction at a time changes the organisation; the others wait for this one's end.

    What it writes has the version of the row it is given.
    """
    query = select(OrganisationState).where(OrganisationState.id == ROW).with_for_update()
    state = session.scalar(query.execution_options(populate_existing=True))
    if state is None:
        state = OrganisationState(id=ROW, version=0, tree_version=0)
        session.add(state)
    state.version += 1
    session.flush()
    return state


def note_departments(
    session: Session, state: OrganisationState, departments: Iterable[WeComDepartment], since: int
) -> bool:
    """Keep these as all departments there are; those missing are gone, and what they were mapped to stays.

    Every event brings the whole tree: only what is different is written. False, and nothing is written, where
    somebody wrote the tree down after version `since`, which was ours when we began to look, and it is another.
    """
    seen = (Department.name, Department.parent_id, Department.sort, Department.leaders)
    names = [column.key for column in seen]
    rows = session.execute(select(Department.id, Department.is_gone, *seen))
    known = {row[0]: tuple(row[2:]) if not row[1] else () for row in rows}
    found = {
        each.id: (each.name[:LONGEST_NAME], each.parent_id, each.order, json.dumps(sorted(each.leaders)))
        for each in departments
    }
    changed = sorted(each for each in found if found[each] != known.get(each))
    gone = sorted(each for each in known.keys() - found.keys() if known[each])
    if (changed or gone) and state.tree_version > since:
        return False
    state.tree_version = state.version
    values = {each: {"is_gone": False, **dict(zip(names, found[each], strict=True))} for each in changed}
    insert_rows(session, Department, [{"id": each, **values[each]} for each in changed if each not in known])
    for each in changed:
        if each in known:
            session.execute(update(Department).where(Department.id == each).values(values[each]))
    if gone:
        session.execute(update(Department).where(Department.id.in_(gone)).values(is_gone=True))
    return True


def written_since(session: Session, since: int) -> set[str]:
    """The accounts that somebody wrote down after version `since`, having looked after us."""
    return set(session.scalars(select(KnownAccount.wecom_userid).where(KnownAccount.version > since)))


def note_accounts(session: Session, state: OrganisationState, accounts: Iterable[Account]) -> None:
    """Keep these accounts as they were seen."""
    rows = [
        {
            "wecom_userid": account.wecom_userid,
            "name": (account.name or account.wecom_userid)[:LONGEST_NAME],
            "main_department_id": account.main_department_id or 0,
            "departments": json.dumps(account.department_ids),
            "leads": json.dumps(sorted(account.leads)),
            "is_here": account.status not in GONE,
            "version": state.version,
        }
        for account in accounts
    ]
    upsert_rows(session, KnownAccount, sorted(rows, key=lambda row: str(row["wecom_userid"])))


def note_gone(session: Session, state: OrganisationState, userids: Iterable[str]) -> None:
    """WeCom says that these accounts are not there. One we never saw is left unknown."""
    gone = sorted(set(userids))
    if gone:
        values = {"is_here": False, "version": state.version}
        session.execute(update(KnownAccount).where(KnownAccount.wecom_userid.in_(gone)).values(values))


def note_left(session: Session, state: OrganisationState, userid: str) -> None:
    """An event says that this account is not there any more: kept also of one we never saw, against older looks."""
    if session.scalar(select(KnownAccount.version).where(KnownAccount.wecom_userid == userid)) is not None:
        note_gone(session, state, [userid])
        return
    unseen = {"name": userid, "main_department_id": 0, "departments": "[]", "leads": "[]", "is_here": False}
    insert_rows(session, KnownAccount, [{"wecom_userid": userid, "version": state.version, **unseen}])


def note_coming(session: Session, userid: str, came_at_s: int) -> None:
    """An event says that the account came, or got its name, at this second: an earlier end is not its own."""
    later = KnownAccount.wecom_userid == userid, KnownAccount.came_at_s < came_at_s
    session.execute(update(KnownAccount).where(*later).values(came_at_s=came_at_s))


def settle_departments(session: Session, kinds: Mapping[int, Kind]) -> None:
    """HQ has seen what they stand for: they stay that, whatever their names become, until HQ chooses otherwise."""
    for each, kind in sorted(kinds.items()):
        unsettled = Department.id == each, Department.settled.is_(None)
        session.execute(update(Department).where(*unsettled).values(settled=kind))


def rename_account(session: Session, state: OrganisationState, old: str, new: str) -> None:
    """An account has another name: the associate keeps everything. In whatever order the events came.

    Where the new name was taken for somebody new meanwhile, that one has no history and steps aside.
    """
    person = find_associate(session, old)
    double = find_associate(session, new)
    if person is None or old.lower() == new.lower():
        return
    if double is not None:
        double.wecom_userid = f"-{double.id}"  # no account can have this name
        end_associate(session, double)
        session.flush()
    person.wecom_userid = new.lower()
    note_left(session, state, old.lower())
    session.flush()


def choose(session: Session, choices: Mapping[int, Kind | None]) -> None:
    """HQ maps departments; None goes back to the proposal. Raises `NotFound` for a department nobody has seen.

    Once a plan was applied, going back is HQ's word for what the name proposes now.
    """
    rows = {row.id: row for row in session.scalars(select(Department).where(Department.id.in_(choices)))}
    if rows.keys() != choices.keys():
        raise NotFound("unknown_id", place="department")
    proposed = propose(seen_departments(session), WORDS) if None in choices.values() else {}
    for department_id, kind in choices.items():
        row = rows[department_id]
        if kind is None and row.choice is not None and row.settled is not None:
            row.settled = proposed.get(department_id)
        row.choice = kind


def request_sync(session: Session, asked_by: int | None, *, is_unattended: bool = False) -> OrganisationSync:
    """Ask for a plan of what a full sync would change. Of syncs long ago the plan is forgotten."""
    for old in latest_syncs(session)[LATEST - 1 :]:
        session.execute(update(OrganisationSync).where(OrganisationSync.id <= old.id).values(plan=None))
    sync = OrganisationSync(
        id=new_id(session),
        state=SyncState.REQUESTED,
        asked_by=asked_by,
        is_unattended=is_unattended,
        requested_at=clock.now(session),
        reason="",
        changed_meanwhile=False,
        may_end_many=False,
        ends_unknown=False,
    )
    session.add(sync)
    _ring(session, sync)
    return sync


def request_look(session: Session) -> None:
    """Something waits for HQ: ask for a plan to look at, unless one is already on its way that read nothing yet."""
    is_open = OrganisationSync.state == SyncState.REQUESTED, OrganisationSync.is_unattended.is_(False)
    if session.scalar(select(OrganisationSync.id).where(*is_open).limit(1)) is None:
        request_sync(session, None)


def request_unattended(session: Session) -> None:
    """Every night: catch up with what no event told of. Nothing before HQ has applied a sync of its own."""
    if is_adopted(session):
        request_sync(session, None, is_unattended=True)


def request_apply(session: Session, sync_id: int, *, may_end_many: bool, ends_unknown: bool) -> None:
    """Ask for the plan to be applied as it was shown.

    Raises `Conflict`: `sync_not_ready`, `sync_without_branch`, or `sync_ends_many` without the tick that allows it.
    """
    sync = get_sync(session, sync_id)
    session.refresh(sync, with_for_update=True)
    plan = plan_in(sync)
    if sync.state != SyncState.READY or plan is None:
        raise Conflict("sync_not_ready")
    if plan.without_branch:
        raise Conflict("sync_without_branch")
    if plan.ends_many(with_unknown=ends_unknown) and not may_end_many:
        raise Conflict("sync_ends_many")
    sync.state, sync.may_end_many, sync.ends_unknown = SyncState.APPLYING, may_end_many, ends_unknown
    _ring(session, sync)


def grant_hq(session: Session, wecom_userid: str, name: str) -> Associate:
    """Make an account headquarters' by hand; no sync takes that away while the account is there."""
    person = find_associate(session, wecom_userid)
    if person is None:
        person = add_associate(session, wecom_userid, name, Role.HQ, None)
    person.role, person.store_id, person.is_role_granted = Role.HQ, None, True
    bring_back(session, person)
    session.flush()
    return person


def _ring(session: Session, sync: OrganisationSync) -> None:
    sync.next_due_at = clock.real_now(session)
    session.flush()
    set_timers(session, [(TimerKey(Lane.ORGANISATION, sync.next_due_at, sync.id), None)])
