"""What the pages of the organisation call kinds, changes, roles and states."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from app.organisation.models import SyncState
from app.organisation.plan import Duty, What
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
