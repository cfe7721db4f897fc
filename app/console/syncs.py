"""企业微信对账: when our tables were last compared with WeCom's, and what that mended."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.associates.models import Role
from app.console.views import read_day
from app.http import NO_FIELDS, allow, load_form, load_query
from app.http.parts import current_database
from app.intake.wecom.syncs import SyncView, latest_syncs, request_sync
from app.members.models import SyncState
from app.sessions import current_actor

sync_pages = Blueprint("console_syncs", __name__, url_prefix="/console", template_folder="templates")

ROWS = 30
STATE = {
    SyncState.WAITING: _("not begun"),
    SyncState.RUNNING: _("under way"),
    SyncState.COMPLETE: _("complete"),
    SyncState.PARTIAL: _("in part"),
    SyncState.FAILED: _("failed"),
}
REASON = {
    "nightly": _("nightly"),
    "outage": _("after an outage"),
    "command": _("by command"),
    "asked": _("asked for here"),
}
KIND = {
    "people": _("Associates"),
    "contacts": _("Customers"),
    "tags": _("Tags"),
    "chats": _("Group chats"),
    "shifts": _("Shifts"),
}
CHANGE = {
    "seen": _("compared"),
    "added": _("added"),
    "changed": _("changed"),
    "ended": _("ended"),
    "failed": _("could not be read"),
    "unknown": _("not known here"),
}


@sync_pages.get("/syncs")
@allow(Role.HQ)
def syncs() -> ResponseReturnValue:
    """The last syncs, the newest first."""
    load_query()
    with current_database().reading() as session:
        day = read_day(session, None)
        rows = latest_syncs(session, ROWS)
    return render_template(
        "console/syncs.html",
        page="syncs",
        actor=current_actor(),
        day=day,
        rows=rows,
        state_of=lambda row: STATE[row.state],
        reason_of=lambda row: REASON.get(row.reason, row.reason),
        counts_of=_counts,
    )


@sync_pages.post("/syncs")
@allow(Role.HQ)
def ask_for_sync() -> AnyResponse:
    """Compare at once; where that was asked for already, once."""
    load_query()
    load_form(NO_FIELDS)
    with current_database().transaction() as session:
        request_sync(session, "asked")
    return redirect("/console/syncs", 303)


def _counts(row: SyncView) -> list[str]:
    """One line for each kind of thing, with what is not zero, in the same order always."""
    return [
        f"{KIND[kind]}: " + " · ".join(f"{CHANGE[name]} {its[name]:,}" for name in CHANGE if its.get(name))
        for kind, its in ((kind, row.counts[kind]) for kind in KIND if kind in row.counts)
        if any(its.values())
    ]
