"""What the pages of the organisation call kinds, changes, roles and states."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.organisation.models import OrganisationSync, SyncState
from app.organisation.plan import Duty, What
from app.organisation.queries import plan_in
from app.organisation.rules import Kind

KIND = {
    Kind.BRANCH: _("Branch"),
    Kind.STORE: _("Store"),
    Kind.HEADQUARTERS: _("Headquarters"),
    Kind.IGNORED: _("Not taken over"),
    Kind.ABOVE: _("As the department above"),
}
WHAT = {
    What.BRANCH_ADDED: _("Branch added"),
    What.BRANCH_LINKED: _("Branch recognised"),
    What.BRANCH_RENAMED: _("Branch renamed"),
    What.STORE_ADDED: _("Store added"),
    What.STORE_LINKED: _("Store recognised"),
    What.STORE_RENAMED: _("Store renamed"),
    What.STORE_MOVED: _("Store moved to another branch"),
    What.PERSON_ADDED: _("Person added"),
    What.PERSON_LINKED: _("Person recognised"),
    What.PERSON_RETURNED: _("Person back again"),
    What.PERSON_RENAMED: _("Person renamed"),
    What.PERSON_MOVED: _("Person moved"),
    What.PERSON_PROMOTED: _("Person promoted"),
    What.PERSON_DEMOTED: _("Person given a lesser role"),
    What.PERSON_ENDED: _("Person leaves"),
}
DUTY = {
    Duty.ASSOCIATE: _("Associate"),
    Duty.STORE_MANAGER: _("Store manager"),
    Duty.HQ: _("Headquarters"),
}
STATE = {
    SyncState.REQUESTED: _("being read"),
    SyncState.READY: _("to be looked at"),
    SyncState.APPLYING: _("being applied"),
    SyncState.APPLIED: _("applied"),
    SyncState.FAILED: _("failed"),
}
UNCHANGED = _("no change")
PILLS = {
    SyncState.APPLIED: "pill pill-good",
    SyncState.FAILED: "pill pill-bad",
}


def is_unchanged(sync: OrganisationSync) -> bool:
    """A plan that asks nothing of anybody: there is nothing to look at and nothing to apply."""
    plan = plan_in(sync) if sync.state == SyncState.READY else None
    return plan is not None and plan.is_empty and not plan.unknown and not plan.without_branch


def state_of(sync: OrganisationSync) -> str:
    """Where a sync stands, in words."""
    return str(UNCHANGED if is_unchanged(sync) else STATE[SyncState(sync.state)])


def pill_of(sync: OrganisationSync) -> str:
    """The classes of the mark that says so."""
    return (
        PILLS[SyncState.APPLIED] if is_unchanged(sync) else PILLS.get(SyncState(sync.state), "pill pill-warn")
    )
