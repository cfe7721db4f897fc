"""What a change of the contact book (change_contact, facts 4.3) does at once, without waiting for a full sync.

Each change is two halves: `look` re-reads WeCom, `apply` writes what was seen, so neither order nor repeats matter.
Until a full sync was applied HQ has not confirmed the mapping: people then only leave, come back and are renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.associates.service import bring_back, find_associate
from app.organisation.applying import apply_plan
from app.organisation.plan import Plan, What, plan_of
from app.organisation.queries import current_chart, is_adopted, known_people, our_organisation
from app.organisation.service import (
    GONE,
    lock_organisation,
    note_accounts,
    note_departments,
    note_gone,
    rename_account,
    request_sync,
)
from app.wecom.apis.departments import WeComDepartment
from app.wecom.apis.people import Account
from app.wecom.callbacks import WeComEvent
from app.wecom.port import WeComPort

DELETED = "delete_user"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LookedAtPerson:
    """An account, None where there is none, and the tree it stands in."""

    account: Account | None
    departments: tuple[WeComDepartment, ...]


def look_at_person(wecom: WeComPort, event: WeComEvent) -> LookedAtPerson:
    """The account first, then the departments: one it was just moved to is then among them."""
    account = wecom.people.find(_userid(event))
    return LookedAtPerson(account, wecom.departments.all())


def look_at_departments(wecom: WeComPort, event: WeComEvent) -> tuple[WeComDepartment, ...]:
    """All of them: one department's change moves everything below it."""
    return wecom.departments.all()


def apply_person(session: Session, event: WeComEvent, looked: LookedAtPerson) -> None:
    """Bring the associate with this account to where WeCom has them; the account may have a new name.

    An account that is not there has left only if its event says so: else it was renamed or has left since, and the
    event of that is still to come.
    """
    if looked.account is None and event.change != DELETED and not event.text("NewUserID"):
        return
    lock_organisation(session)
    userid = _userid(event)
    if event.text("NewUserID"):
        rename_account(session, event.text("UserID"), userid)
    note_departments(session, looked.departments)
    if looked.account is not None:
        note_accounts(session, [looked.account])
    else:
        note_gone(session, [userid])
    is_here = looked.account is not None and looked.account.status not in GONE
    if not is_adopted(session):
        _come_back(session, userid, is_here)
    names = [userid]
    plan = plan_of(current_chart(session), known_people(session, names), our_organisation(session, names))
    if is_adopted(session) or not is_here:
        apply_plan(session, plan if is_adopted(session) else _ends_of(plan), ends_unknown=not is_here)


def apply_departments(session: Session, event: WeComEvent, looked: tuple[WeComDepartment, ...]) -> None:
    """Stores and branches follow their departments, and people theirs.

    What would end more than a fifth of the associates is not done: HQ finds it as a plan to look at.
    """
    lock_organisation(session)
    note_departments(session, looked)
    if not is_adopted(session):
        return
    plan = plan_of(current_chart(session), known_people(session), our_organisation(session))
    if plan.without_branch or plan.ends_many():
        log.warning("organisation_needs_a_look", ends=plan.ends(), without_branch=len(plan.without_branch))
        request_sync(session, None)
        return
    apply_plan(session, plan)


Halves = tuple[Callable[[WeComPort, WeComEvent], Any], Callable[[Session, WeComEvent, Any], None]]
PERSON: Halves = (look_at_person, apply_person)
DEPARTMENTS: Halves = (look_at_departments, apply_departments)
CHANGES: dict[str, Halves] = {
    "change_contact:create_user": PERSON,
    "change_contact:update_user": PERSON,
    "change_contact:delete_user": PERSON,
    "change_contact:create_party": DEPARTMENTS,
    "change_contact:update_party": DEPARTMENTS,
    "change_contact:delete_party": DEPARTMENTS,
}


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
