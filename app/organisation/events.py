"""What a change of the contact book (change_contact, facts 4.3) does at once, without waiting for a full sync.

Each change is two halves: `look` re-reads WeCom, `apply` writes what was seen, so neither order nor repeats matter.
Until a full sync was applied HQ has not confirmed the mapping: people then only leave, come back and are renamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec import structs
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.associates.service import bring_back, find_associate
from app.db import Database
from app.organisation.applying import apply_plan
from app.organisation.models import KnownAccount, OrganisationState
from app.organisation.plan import Plan, What, plan_of
from app.organisation.queries import (
    current_chart,
    is_adopted,
    known_people,
    organisation_version,
    our_organisation,
)
from app.organisation.service import (
    GONE,
    lock_organisation,
    note_accounts,
    note_coming,
    note_departments,
    note_left,
    rename_account,
    request_look,
)
from app.wecom.apis.departments import WeComDepartment
from app.wecom.apis.people import Account
from app.wecom.callbacks import WeComEvent
from app.wecom.errors import WeComRetryable
from app.wecom.port import WeComPort

CREATED = "create_user"
DELETED = "delete_user"
OVERTAKEN = "written by another look meanwhile"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LookedAtPerson:
    """An account, None where there is none, and the tree it stands in; `version` was ours before we looked.

    `is_renamed`: WeCom has nobody of the old name any more.
    """

    account: Account | None
    departments: tuple[WeComDepartment, ...]
    version: int
    is_renamed: bool = False


@dataclass(frozen=True, slots=True)
class LookedAtDepartments:
    """All departments; `version` was ours before we looked."""

    departments: tuple[WeComDepartment, ...]
    version: int


def look_at_person(database: Database, wecom: WeComPort, event: WeComEvent) -> LookedAtPerson:
    """The account first, then the departments: one it was just moved to is then among them."""
    version = _version(database)
    old = event.text("UserID").lower()
    is_renamed = old != _userid(event) and wecom.people.find(old) is None
    account = wecom.people.find(_userid(event))
    return LookedAtPerson(account, wecom.departments.all(), version, is_renamed)


def look_at_departments(database: Database, wecom: WeComPort, event: WeComEvent) -> LookedAtDepartments:
    """All of them: one department's change moves everything below it."""
    version = _version(database)
    return LookedAtDepartments(wecom.departments.all(), version)


def apply_person(session: Session, event: WeComEvent, looked: LookedAtPerson) -> None:
    """Bring the associate with this account to where WeCom has them; the account may have a new name.

    An account that is not there has left only if its event says so: else it was renamed or has left since, and the
    event of that is still to come. Raises `WeComRetryable` where somebody wrote since the look.
    """
    if looked.account is None and event.change != DELETED and not looked.is_renamed:
        return
    state, userid = lock_organisation(session), _userid(event)
    before = _account_before(session, userid)
    if before is not None and before.version > looked.version:
        raise WeComRetryable("user/get", OVERTAKEN)
    places = json.loads(before.departments) if before is not None and before.is_here else []
    account = None if _has_left(event, before) else looked.account
    if looked.is_renamed:
        rename_account(session, state, event.text("UserID"), userid)
    _note_tree(session, state, looked.departments, looked.version)
    if account is not None:
        note_accounts(session, state, [account])
    else:
        note_left(session, state, userid)
    if event.change == CREATED or event.text("NewUserID"):
        note_coming(session, userid, event.created_at_s)
    is_here = account is not None and account.status not in GONE
    was_moved = account is not None and set(account.department_ids) != set(places)
    _follow(session, userid, is_here=is_here, was_moved=was_moved)


def apply_departments(session: Session, event: WeComEvent, looked: LookedAtDepartments) -> None:
    """Stores and branches follow their departments, and people theirs.

    What would end more than a fifth of the associates is not done, nor is anybody made headquarters: HQ finds it as a
    plan to look at. Raises `WeComRetryable` where somebody wrote another tree since the look.
    """
    _note_tree(session, lock_organisation(session), looked.departments, looked.version)
    if not is_adopted(session):
        return
    plan = plan_of(current_chart(session), known_people(session), our_organisation(session))
    if not plan.goes_alone:
        counts = {"ends": plan.ends(), "without_branch": len(plan.without_branch), "hq": len(plan.raised())}
        log.warning("organisation_needs_a_look", **counts)
        request_look(session)
    if not plan.without_branch and not plan.ends_many():
        apply_plan(session, _without_raised(plan))


Look = Callable[[WeComPort, WeComEvent], Any]
Apply = Callable[[Session, WeComEvent, Any], None]
PEOPLE = ("create_user", "update_user", "delete_user")
DEPARTMENTS = ("create_party", "update_party", "delete_party")


def changes_of_contacts(database: Database) -> dict[str, tuple[Look, Apply]]:
    """Both halves by change; looking reads our own version from `database` first."""

    def person(wecom: WeComPort, event: WeComEvent) -> LookedAtPerson:
        return look_at_person(database, wecom, event)

    def departments(wecom: WeComPort, event: WeComEvent) -> LookedAtDepartments:
        return look_at_departments(database, wecom, event)

    people: dict[str, tuple[Look, Apply]] = {
        f"change_contact:{change}": (person, apply_person) for change in PEOPLE
    }
    parties: dict[str, tuple[Look, Apply]] = {
        f"change_contact:{change}": (departments, apply_departments) for change in DEPARTMENTS
    }
    return people | parties


def _version(database: Database) -> int:
    with database.reading() as session:
        return organisation_version(session)


def _note_tree(
    session: Session, state: OrganisationState, departments: tuple[WeComDepartment, ...], since: int
) -> None:
    if not note_departments(session, state, departments, since):
        raise WeComRetryable("department/list", OVERTAKEN)


def _account_before(session: Session, userid: str) -> Row[int, int, bool, str] | None:
    columns = (KnownAccount.version, KnownAccount.came_at_s, KnownAccount.is_here, KnownAccount.departments)
    return session.execute(select(*columns).where(KnownAccount.wecom_userid == userid)).one_or_none()


def _has_left(event: WeComEvent, before: Row[int, int, bool, str] | None) -> bool:
    """Deleted, whatever user/get still answers, unless the account came again since."""
    return event.change == DELETED and (before is None or before.came_at_s < event.created_at_s)


def _follow(session: Session, userid: str, *, is_here: bool, was_moved: bool) -> None:
    """Do what follows for one person; made headquarters only is who was put there themselves."""
    if not is_adopted(session):
        _come_back(session, userid, is_here)
    names = [userid]
    plan = plan_of(current_chart(session), known_people(session, names), our_organisation(session, names))
    if not is_adopted(session):
        plan = _ends_of(plan)
    elif plan.raised() and not was_moved:
        plan = _without_raised(plan)
        request_look(session)
    if is_adopted(session) or not is_here:
        apply_plan(session, plan, ends_unknown=not is_here)


def _without_raised(plan: Plan) -> Plan:
    raised = plan.raised()
    return structs.replace(plan, people=tuple(each for each in plan.people if each not in raised))


def _userid(event: WeComEvent) -> str:
    """The account's name now."""
    return (event.text("NewUserID") or event.text("UserID")).lower()


def _come_back(session: Session, userid: str, is_here: bool) -> None:
    person = find_associate(session, userid)
    if is_here and person is not None:
        bring_back(session, person)


def _ends_of(plan: Plan) -> Plan:
    """Only what the plan says of people who left."""
    ended = tuple(change for change in plan.people if What.PERSON_ENDED in change.whats)
    return Plan(people=ended, unknown=plan.unknown, active=plan.active)
